//! How a workload is scaled: by its own replicas, or by the minimum of the autoscaler that sets them.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::{Value, json};

use crate::code::REPLICAS;
use crate::kubernetes::autoscaler::{autoscaler, bounds};
use crate::kubernetes::read;

/// Scales a workload; where an autoscaler sets its replicas, raises that one's minimum. Answers whether anything changed.
///
/// # Errors
/// `REPLICAS` if the autoscaler's maximum is below the number; and what reading and changing can end in.
pub fn scale(run: &Run, object: &ObjectRef, replicas: u32, why: &str) -> Result<bool, Failure> {
    if replicas == 0 {
        return Err(Failure::new(&REPLICAS, format!("{object} would have no pod left"))
            .unchanged(format!("{object} was not changed")));
    }
    let (target, field) = match autoscaler(run, object)? {
        None => (object.clone(), "replicas"),
        Some((scaler, value)) => {
            let (_, most) = bounds(&value);
            if u64::from(replicas) > most {
                return Err(Failure::new(
                    &REPLICAS,
                    format!("{scaler} allows {object} at most {most} pods, and it needs {replicas}"),
                )
                .unchanged(format!("{scaler} was not changed"))
                .hint(format!("raise its maximum first, if the cluster has room: k8s::patch(\"hpa\", \"{}\", #{{ spec: #{{ maxReplicas: {replicas} }} }})", scaler.name)));
            }
            (scaler, "minReplicas")
        }
    };
    let before = read::get(run, &target)?;
    let now = before.pointer(&format!("/spec/{field}")).and_then(Value::as_u64).unwrap_or(1);
    let enough = if field == "minReplicas" { now >= u64::from(replicas) } else { now == u64::from(replicas) };
    if enough {
        run.warn(format!("{target} has {field} {now} already"));
        return Ok(false);
    }
    let mut after = before.clone();
    after["spec"][field] = json!(replicas);
    let reason = if why.is_empty() { String::new() } else { format!(": {why}") };
    let summary = format!("{field} {replicas} instead of {now}{reason}");
    Ok(run.change(Change::new(target, summary, before, after))?.is_made())
}

/// How far a rollout is: pods that are up to date and available, and how many there shall be; and whether it is done.
///
/// A rollout is done as `kubectl rollout status` sees it: its controller has seen the newest generation, and all pods are
/// of the newest template, available, and as many as wanted (`pkg/polymorphichelpers/rollout_status.go` of kubectl).
pub fn progress(object: &Value, minimum: u64) -> (u64, u64, bool) {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_u64);
    let status = |name: &str| number(&format!("/status/{name}")).unwrap_or(0);
    let seen = status("observedGeneration") >= number("/metadata/generation").unwrap_or(0);
    if object.pointer("/status/desiredNumberScheduled").is_some() {
        let wanted = status("desiredNumberScheduled");
        let ready = status("numberAvailable").min(status("updatedNumberScheduled"));
        return (ready, wanted, seen && ready >= wanted);
    }
    let wanted = number("/spec/replicas").unwrap_or(1).max(minimum);
    let ready = status("availableReplicas").min(status("updatedReplicas"));
    (ready, wanted, seen && ready == wanted && status("replicas") == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(replicas: u64, updated: u64, available: u64, all: u64, observed: u64) -> Value {
        json!({
            "metadata": { "generation": 3 }, "spec": { "replicas": replicas },
            "status": { "observedGeneration": observed, "updatedReplicas": updated, "availableReplicas": available, "replicas": all },
        })
    }

    #[test]
    fn a_rollout_is_done_when_nothing_is_left_to_do() {
        assert_eq!(progress(&deployment(5, 5, 5, 5, 3), 0), (5, 5, true));
        assert_eq!(progress(&deployment(5, 5, 2, 5, 3), 0), (2, 5, false));
        assert!(!progress(&deployment(5, 5, 5, 6, 3), 0).2, "an old pod still ends");
        assert!(!progress(&deployment(5, 5, 5, 5, 2), 0).2, "its controller has not seen the change");
        assert_eq!(progress(&deployment(2, 2, 2, 2, 3), 5), (2, 5, false), "its autoscaler has not raised it yet");
    }
}
