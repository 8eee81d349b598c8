//! Changes of objects of any kind: read, merged, and handed to the road, which shows, asks, records and sends them.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::{kinds, read};
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
    let change = Change { object: reference.clone(), summary, class: Class::Change, irreversible: None, before, after };
    Ok(Object::new(reference, run.change(change)?.object))
}

/// The fields that a patch names, in one line.
fn leaves(patch: &Value, path: &str) -> Vec<String> {
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
    let scalers = read::list(run, kinds::autoscaler(), reference.namespace.as_deref(), None)?;
    match scalers.iter().find(|scaler| scales(scaler, &reference.kind.kind, &reference.name)) {
        None => Ok(()),
        Some(scaler) => {
            let name = scaler.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            Err(Failure::new(
                &AUTOSCALED,
                format!("the HorizontalPodAutoscaler {name} sets the replicas of {reference}"),
            )
            .unchanged(format!("{reference} was not changed"))
            .hint(format!("change its minimum: k8s::patch(\"hpa\", \"{name}\", #{{ spec: #{{ minReplicas: … }} }})")))
        }
    }
}

/// Whether an autoscaler scales the workload of this kind and name.
pub fn scales(scaler: &Value, kind: &str, name: &str) -> bool {
    let text = |pointer: &str| scaler.pointer(pointer).and_then(Value::as_str);
    text("/spec/scaleTargetRef/kind") == Some(kind) && text("/spec/scaleTargetRef/name") == Some(name)
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

    #[test]
    fn an_autoscaler_is_told_by_its_target() {
        let scaler = json!({ "spec": { "scaleTargetRef": { "kind": "Deployment", "name": "front" } } });
        assert!(
            scales(&scaler, "Deployment", "front")
                && !scales(&scaler, "Deployment", "back")
                && !scales(&scaler, "StatefulSet", "front")
        );
    }
}
