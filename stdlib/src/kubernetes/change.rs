//! Changes of objects of any kind: read, merged, and handed to the road, which shows, asks, records and sends them.

use meshbook_runtime::change::Change;
use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::autoscaler::autoscaler;
use super::read;
use crate::code::AUTOSCALED;
use crate::object::Object;
use crate::object::convert::merge;
use crate::text::some;

/// Reads an object, merges a patch into it, and makes the change. Answers the object after it.
///
/// # Errors
/// What reading and changing can end in; `TYPE` for a patch that names fields which nobody may set.
pub fn patched(run: &Run, kind: &str, name: &str, patch: &Value, verb: &str) -> Result<Object, Failure> {
    for field in ["apiVersion", "kind", "status"] {
        if patch.get(field).is_some() {
            return Err(Failure::new(&TYPE, format!("a patch may not set `{field}`")).unchanged("nothing was changed"));
        }
    }
    let reference = read::object(read::kind(run, kind)?, run.namespace(), name);
    let before = read::get(run, &reference)?;
    let mut after = before.clone();
    merge(&mut after, patch);
    let summary = format!("{verb} {}", some(&leaves(patch, ""), 3));
    let change = Change::new(reference.clone(), summary, before, after);
    Ok(Object::new(reference, run.change(change)?.object))
}

/// The fields that a patch names, in one line.
pub(super) fn leaves(patch: &Value, path: &str) -> Vec<String> {
    match patch {
        Value::Object(fields) if !fields.is_empty() => fields
            .iter()
            .flat_map(|(key, value)| {
                leaves(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") })
            })
            .collect(),
        Value::Null => vec![format!("{path} away")],
        value => vec![format!("{path} = {}", crate::text::first_line(&value.to_string()))],
    }
}

/// Refuses to set the replicas of what an autoscaler scales.
///
/// # Errors
/// `AUTOSCALED`, and what every read can end in.
pub fn refuse_autoscaled(run: &Run, kind: &str, name: &str) -> Result<(), Failure> {
    let reference = read::object(read::kind(run, kind)?, run.namespace(), name);
    match autoscaler(run, &reference)? {
        None => Ok(()),
        Some((scaler, _)) => {
            let name = scaler.name;
            Err(Failure::new(
                &AUTOSCALED,
                format!("the HorizontalPodAutoscaler {name} sets the replicas of {reference}"),
            )
            .unchanged(format!("{reference} was not changed"))
            .hint(format!("change its minimum: k8s::patch(\"hpa\", \"{name}\", #{{ spec: #{{ minReplicas: … }} }})")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_in_one_line() {
        assert_eq!(
            leaves(&json!({ "spec": { "replicas": 4 }, "metadata": { "labels": { "a": null } } }), ""),
            ["spec.replicas = 4", "metadata.labels.a away"]
        );
    }
}
