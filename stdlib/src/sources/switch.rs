//! How a source is switched on: statistics by an annotation of one workload, its access log by a Telemetry.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::run::Run;
use serde_json::{Value, json};

use super::matcher::{self, ANNOTATION};
use crate::code::TELEMETRY;
use crate::evidence::{absorb, root};
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::{selects, strings};

/// Lets the proxies of a workload export Envoy's statistics. Answers whether anything had to be changed.
///
/// # Errors
/// `TYPE` for an annotation that is no YAML; what reading and changing can end in.
pub fn statistics(run: &Run, work: &ObjectRef) -> Result<bool, Failure> {
    let config = match read::find(run, &ObjectRef::new(kinds::config_map(), root::ISTIO_SYSTEM, "istio")) {
        Ok(config) => config,
        Err(failure) => absorb(failure).map(|_| None)?,
    };
    let mesh = config.as_ref().and_then(|config| config.pointer("/data/mesh")).and_then(Value::as_str);
    let before = read::get(run, work)?;
    let annotations = before.pointer("/spec/template/metadata/annotations");
    let own = annotations.and_then(|all| all.get(ANNOTATION)).and_then(Value::as_str).unwrap_or_default();
    let wanted = matcher::with(own, &matcher::of_mesh(mesh.unwrap_or_default())).map_err(|why| {
        Failure::new(&TYPE, format!("{work}: {why}"))
            .unchanged(format!("{work} was not changed"))
            .hint("correct the annotation of its pod template first")
    })?;
    let Some(wanted) = wanted else { return Ok(false) };
    let mut after = before.clone();
    let metadata = &mut after["spec"]["template"]["metadata"];
    if !metadata.is_object() {
        *metadata = json!({});
    }
    if !metadata["annotations"].is_object() {
        metadata["annotations"] = json!({});
    }
    metadata["annotations"][ANNOTATION] = json!(wanted);
    let summary = "export Envoy's statistics of the services that it calls; its pods are replaced, one after the other";
    Ok(run.change(Change::new(work.clone(), summary.into(), before, after))?.is_made())
}

/// Lets the proxies of a workload write access logs, by a Telemetry for it alone. Answers whether anything had to be
/// changed.
///
/// # Errors
/// `TELEMETRY` if one of its name is there and says otherwise, or another one decides about the access logs of these
/// pods; what reading and changing can end in.
pub fn access_log(run: &Run, work: &ObjectRef) -> Result<bool, Failure> {
    let namespace = work.namespace.clone().unwrap_or_default();
    let object = ObjectRef::new(kinds::telemetry(), &namespace, &format!("{}-access-log", work.name));
    let own = read::get(run, work)?;
    let selector = strings(own.pointer("/spec/selector/matchLabels"));
    if selector.is_empty() {
        return Err(refused(
            work,
            "its selector has no labels, and a Telemetry without them would be for all of the namespace",
        ));
    }
    let labels = strings(own.pointer("/spec/template/metadata/labels"));
    let wanted =
        json!({ "selector": { "matchLabels": selector }, "accessLogging": [{ "providers": [{ "name": "envoy" }] }] });
    for other in read::list(run, kinds::telemetry(), Some(&namespace), None)? {
        let name = other.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        if name == object.name {
            if other.get("spec") == Some(&wanted) {
                return Ok(false);
            }
            return Err(refused(work, &format!("{object} is there already, and says otherwise")));
        }
        // Of two that select one pod, istiod takes the older: the new one would do nothing.
        let theirs = strings(other.pointer("/spec/selector/matchLabels"));
        let decides = other.pointer("/spec/accessLogging").is_some() && !theirs.is_empty();
        if decides && selects(&theirs, &labels) {
            return Err(refused(
                work,
                &format!("Telemetry {namespace}/{name} decides about the access logs of its pods"),
            ));
        }
    }
    let after = json!({ "spec": wanted });
    let summary = format!("let the proxies of {work} write access logs");
    Ok(run.change(Change::creation(object, summary, after))?.is_made())
}

fn refused(work: &ObjectRef, why: &str) -> Failure {
    Failure::new(&TELEMETRY, format!("the access log of {work} is not switched on: {why}"))
        .unchanged("nothing was changed")
        .hint("change that Telemetry where it is written")
}
