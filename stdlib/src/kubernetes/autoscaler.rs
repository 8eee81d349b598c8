//! HorizontalPodAutoscalers (`autoscaling/v2`): which one sets the replicas of a workload, within which bounds.

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::{kinds, read};

/// The autoscaler of a workload, if it has one: the object as it is listed.
///
/// # Errors
/// What every read of the API server can end in.
pub fn autoscaler(run: &Run, object: &ObjectRef) -> Result<Option<(ObjectRef, Value)>, Failure> {
    let scalers = read::list(run, kinds::autoscaler(), object.namespace.as_deref(), None)?;
    let own = scalers.into_iter().find(|scaler| scales(scaler, &object.kind.kind, &object.name));
    Ok(own.map(|scaler| {
        let name = scaler.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let namespace = object.namespace.as_deref().unwrap_or_default();
        (ObjectRef::new(kinds::autoscaler(), namespace, name), scaler)
    }))
}

/// What an autoscaler's bounds are; without a minimum it is one (`autoscaling/v2`).
pub fn bounds(scaler: &Value) -> (u64, u64) {
    let bound = |name: &str, default: u64| scaler.pointer(name).and_then(Value::as_u64).unwrap_or(default);
    (bound("/spec/minReplicas", 1), bound("/spec/maxReplicas", u64::MAX))
}

/// Whether an autoscaler scales the workload of this kind and name.
fn scales(scaler: &Value, kind: &str, name: &str) -> bool {
    let text = |pointer: &str| scaler.pointer(pointer).and_then(Value::as_str);
    text("/spec/scaleTargetRef/kind") == Some(kind) && text("/spec/scaleTargetRef/name") == Some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_autoscaler_is_told_by_its_target() {
        let scaler = json!({ "spec": { "scaleTargetRef": { "kind": "Deployment", "name": "front" } } });
        assert!(
            scales(&scaler, "Deployment", "front")
                && !scales(&scaler, "Deployment", "back")
                && !scales(&scaler, "StatefulSet", "front")
        );
    }

    #[test]
    fn bounds_of_an_autoscaler() {
        assert_eq!(bounds(&json!({ "spec": { "maxReplicas": 7 } })), (1, 7));
    }
}
