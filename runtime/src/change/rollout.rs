//! How far a rollout is, and waiting for one that an undo has begun.

use std::time::Duration;

use serde_json::Value;

use super::send;
use super::undo::Undoer;
use crate::effect::ObjectRef;
use crate::failure::NOT_FOUND;
use crate::run::between;

/// How long an undo waits for one workload that it has restored.
const PATIENCE: Duration = Duration::from_secs(120);

/// How far a rollout is: pods that are up to date and available, and how many there shall be; and whether it is done.
/// `minimum` is what an autoscaler has not raised it to yet.
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

/// Whether an object has pods that roll out.
pub(super) fn rolls_out(object: &ObjectRef) -> bool {
    object.kind.group == "apps"
        && object.subresource.is_none()
        && matches!(object.kind.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet")
}

/// Waits until a workload that was set back is as far as it was before it was changed. Answers what it still lacks, in
/// words; `None` if nothing, or if it was not rolled out before either. A stop of the undo ends the waiting.
pub(super) fn lacking(undoer: &Undoer<'_>, object: &ObjectRef, before: &Value) -> Option<String> {
    if !progress(before, 0).2 {
        return None;
    }
    let (caller, journal) = (undoer.caller, undoer.journal);
    let begun = caller.now();
    journal.reporter().progress(Some(&format!("waiting until {object} is rolled out again")));
    // A StatefulSet replaces no pod while one before it is not ready, not even to go back to a template that worked.
    let advice = if object.kind.kind == "StatefulSet" {
        "; its controller waits for the pod that is not ready: delete that one by hand (kubectl delete pod)"
    } else {
        ""
    };
    let lacking = loop {
        let why = match send::look(caller, send::Subject::object(object)) {
            Ok(now) => match progress(&now, 0) {
                (_, _, true) => break None,
                (ready, wanted, false) => format!("{ready} of {wanted} pods are ready"),
            },
            Err(failure) if failure.is(&NOT_FOUND) => break None,
            Err(failure) => failure.message,
        };
        let waited = between(begun, caller.now());
        if waited >= PATIENCE || undoer.is_interrupted() {
            break Some(format!(
                "{object} is as before, but not rolled out again after {} s: {why}{advice}",
                waited.as_secs()
            ));
        }
        send::pause(caller);
    };
    journal.reporter().progress(None);
    lacking
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
