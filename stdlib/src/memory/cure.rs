//! The two changes that help: a Sidecar resource that keeps what is asked, or a higher limit. Never both.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Quantity;
use serde_json::{Value, json};

use super::container::Resources;
use super::{Seen, SidecarMemory, cause};
use crate::code::MEMORY;
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::PROXY;
use crate::text::count;

const MIB: f64 = 1_048_576.0;
/// Limits are whole multiples of this.
const GRAIN: f64 = 32.0 * MIB;

/// A limit that leaves room: twice the present one, or half as much again as is needed, whichever is more.
pub fn enough(seen: &Seen) -> Option<f64> {
    let limit = seen.lowest_limit()?;
    let wanted = (2.0 * limit).max(1.5 * seen.most_needed().unwrap_or(0.0));
    Some((wanted / GRAIN).ceil() * GRAIN)
}

/// Why neither change can be made, if so; the words go into an advice.
pub fn obstacle(memory: &SidecarMemory, most: &Quantity) -> Result<Option<String>, Failure> {
    let seen = memory.seen()?;
    let verdict = memory.verdict().map_err(|missing| missing.failure(&memory.what()))?;
    let Some(verdict) = verdict else { return Ok(Some("nothing is wrong".into())) };
    Ok(match verdict.cause {
        cause::CONFIGURATION if seen.growing().is_some() => Some("it grows".into()),
        cause::CONFIGURATION => match (&seen.limited_by, &seen.asked) {
            (Some(sidecar), _) => Some(format!("{sidecar} applies already")),
            (None, Ok(asked)) if asked.hosts.is_empty() => Some("it asks no service".into()),
            (None, _) if selector(seen).is_none() => Some("its selector is none of labels alone".into()),
            (None, _) => None,
        },
        cause::LOW_LIMIT => no_rollout(&seen.object).or_else(|| too_much(seen, most)),
        other => Some(other.to_owned()),
    })
}

fn too_much(seen: &Seen, most: &Quantity) -> Option<String> {
    #[allow(clippy::cast_precision_loss, reason = "no memory has more than 2^53 thousandths of a byte that matter")]
    let most_bytes = most.milli() as f64 / 1000.0;
    let enough = enough(seen)?;
    (enough > most_bytes)
        .then(|| format!("it would need a limit of {}, and {most} is the most that was allowed", written(enough)))
}

/// Why a change of the pod template would not come about, or not reach the sidecar.
fn no_rollout(object: &Value) -> Option<String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    if object.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return Some("its rollout is paused".into());
    }
    if text("/spec/updateStrategy/type") == Some("OnDelete") {
        return Some("its updateStrategy is OnDelete: nothing rolls out by itself".into());
    }
    for list in ["containers", "initContainers"] {
        let containers = object.pointer(&format!("/spec/template/spec/{list}")).and_then(Value::as_array);
        let own = containers.into_iter().flatten().find(|one| one.get("name").and_then(Value::as_str) == Some(PROXY));
        if own.is_some_and(|one| one.pointer("/resources/limits/memory").is_some()) {
            return Some(format!(
                "its pod template has a container {PROXY} of its own, whose limit wins over annotations"
            ));
        }
    }
    None
}

/// The labels by which a workload selects its pods, if it does so by labels alone.
fn selector(seen: &Seen) -> Option<&Value> {
    let selector = seen.object.pointer("/spec/selector")?;
    let labels = selector.get("matchLabels").filter(|labels| labels.as_object().is_some_and(|map| !map.is_empty()))?;
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    expressions.is_none_or(Vec::is_empty).then_some(labels)
}

fn refused(memory: &SidecarMemory, why: &str) -> Failure {
    Failure::new(&MEMORY, format!("{}: {why}", memory.what())).unchanged(format!("{} was not changed", memory.work()))
}

/// Creates the Sidecar resource that keeps what the workload asks, and what lies in Istio's root namespace.
///
/// # Errors
/// `MEMORY` where it would not help or one applies already; what a change can end in.
pub fn limit_configuration(run: &Run, memory: &SidecarMemory) -> Result<bool, Failure> {
    let seen = memory.seen()?;
    let verdict = memory.verdict().map_err(|missing| missing.failure(&memory.what()))?;
    if verdict.is_none_or(|verdict| verdict.cause != cause::CONFIGURATION) {
        return Err(refused(memory, "its configuration is not what takes it"));
    }
    if let Some(why) = obstacle(memory, &"0".parse().expect("nought is a quantity"))? {
        return Err(refused(memory, &why));
    }
    let work = memory.work();
    let namespace = work.namespace.as_deref().unwrap_or_default();
    let asked = seen.asked.as_ref().map_err(|missing| missing.failure("what it asks"))?;
    let mut hosts: Vec<String> = asked.hosts.iter().cloned().collect();
    hosts.push(format!("{}/*", seen.root));
    let object = ObjectRef::new(kinds::sidecar(), namespace, &work.name);
    let content = json!({
        "metadata": { "name": work.name, "namespace": namespace },
        "spec": { "workloadSelector": { "labels": selector(seen) }, "egress": [{ "hosts": hosts }] },
    });
    let summary =
        format!("tell the sidecars of {work} of {} that it asks", count(asked.hosts.len(), "service", "services"));
    Ok(run.change(Change::creation(object, summary, content))?.is_made())
}

/// Raises the memory limit by the annotations of the pod template; that patch is the rollout.
///
/// # Errors
/// `MEMORY` where it would not come about, or the limit would be higher than `most`; what a change can end in.
pub fn raise_limit(run: &Run, memory: &SidecarMemory, most: &Quantity) -> Result<bool, Failure> {
    let seen = memory.seen()?;
    if let Some(why) = no_rollout(&seen.object).or_else(|| too_much(seen, most)) {
        return Err(refused(memory, &why));
    }
    let Some(enough) = enough(seen) else { return Err(refused(memory, "its sidecars have no memory limit")) };
    // The youngest pod has what the injector gives at present.
    let youngest = seen.sidecars.iter().max_by_key(|one| one.container.running_since);
    let resources = youngest.map(|one| one.container.resources.clone()).unwrap_or_default();
    let before = read::get(run, memory.work())?;
    let mut after = before.clone();
    let limit = written(enough);
    annotate(&mut after, &resources, &limit);
    let was = resources.memory_limit.as_deref().unwrap_or("none");
    let summary =
        format!("memory limit {limit} for its sidecars instead of {was}; its pods are replaced one after the other");
    Ok(run.change(Change::new(memory.work().clone(), summary, before, after))?.is_made())
}

/// Sets the four annotations: one of them alone would discard all defaults, so the values in effect are written down.
/// What has no value in effect, such as a CPU limit, gets none.
fn annotate(object: &mut Value, resources: &Resources, limit: &str) {
    let template = &mut object["spec"]["template"];
    if !template["metadata"]["annotations"].is_object() {
        template["metadata"]["annotations"] = json!({});
    }
    let annotations = &mut template["metadata"]["annotations"];
    for (annotation, value) in [
        ("proxyCPU", resources.cpu.as_deref()),
        ("proxyCPULimit", resources.cpu_limit.as_deref()),
        ("proxyMemory", resources.memory.as_deref()),
        ("proxyMemoryLimit", Some(limit)),
    ] {
        if let Some(value) = value {
            annotations[format!("sidecar.istio.io/{annotation}")] = json!(value);
        }
    }
}

/// Bytes as Kubernetes writes them.
pub fn written(bytes: f64) -> String {
    let mib = (bytes / MIB).ceil();
    if mib >= 1024.0 && mib % 1024.0 == 0.0 { format!("{}Gi", mib / 1024.0) } else { format!("{mib}Mi") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_four_are_set_to_what_is_in_effect() {
        let text = |text: &str| Some(text.to_owned());
        let resources =
            Resources { cpu: text("100m"), cpu_limit: text("2"), memory: text("40Mi"), memory_limit: text("56Mi") };
        let mut object = json!({ "spec": { "template": { "metadata": { "annotations": { "other": "stays" } } } } });
        annotate(&mut object, &resources, "128Mi");
        assert_eq!(
            object.pointer("/spec/template/metadata/annotations"),
            Some(&json!({
                "other": "stays", "sidecar.istio.io/proxyCPU": "100m", "sidecar.istio.io/proxyCPULimit": "2",
                "sidecar.istio.io/proxyMemory": "40Mi", "sidecar.istio.io/proxyMemoryLimit": "128Mi",
            }))
        );
        let mut bare = json!({ "spec": { "template": { "metadata": {} } } });
        annotate(&mut bare, &Resources::default(), "128Mi");
        assert_eq!(
            bare.pointer("/spec/template/metadata/annotations"),
            Some(&json!({ "sidecar.istio.io/proxyMemoryLimit": "128Mi" })),
            "no limit of CPU is invented"
        );
    }

    #[test]
    fn what_does_not_roll_out_or_is_overridden_is_no_cure() {
        let with = |spec: Value| no_rollout(&json!({ "spec": spec }));
        assert_eq!(with(json!({ "template": { "spec": { "containers": [{ "name": "app" }] } } })), None);
        assert!(with(json!({ "paused": true })).is_some());
        assert!(with(json!({ "updateStrategy": { "type": "OnDelete" } })).is_some());
        let own = json!([{ "name": "istio-proxy", "resources": { "limits": { "memory": "56Mi" } } }]);
        assert!(with(json!({ "template": { "spec": { "initContainers": own } } })).is_some());
        let without = json!([{ "name": "istio-proxy", "image": "auto" }]);
        assert_eq!(with(json!({ "template": { "spec": { "containers": without } } })), None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_as_no_less(mib in 1_u32..1_000_000) {
            let bytes = f64::from(mib) * MIB;
            prop_assert_eq!(super::super::container::bytes(&written(bytes)), Some(bytes));
        }
    }
}
