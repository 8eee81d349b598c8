//! Whether an object works, as far as its kind shows it: what `istioctl install` waits for, and that webhooks can be called.

use meshbook_runtime::change::rollout;
use serde_json::Value;

/// The fields of a webhook that istiod writes once it is ready (`pilot/pkg/bootstrap/webhook.go`,
/// `pkg/webhooks/validation/controller` of Istio 1.31), by the ends of their paths.
pub const OF_ISTIOD: &[&str] = &[".clientConfig.caBundle", ".failurePolicy"];

/// What an object lacks to work, as the rest of a sentence that begins with it and `is`; `None` if nothing.
pub fn lacking(object: &Value) -> Option<String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match text("/kind") {
        "CustomResourceDefinition" => (!condition(object, "Established"))
            .then(|| "not established: the API server does not serve it yet".to_owned()),
        "Namespace" => match text("/status/phase") {
            "" | "Active" => None,
            other => Some(format!("in phase {other}")),
        },
        "Deployment" | "DaemonSet" | "StatefulSet" => match rollout::progress(object, 0) {
            (_, _, true) => None,
            (ready, wanted, false) => Some(format!("not rolled out: {ready} of {wanted} pods are ready")),
        },
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
            (!is_trusted(object)).then(|| "without a root certificate: istiod has not written it yet".to_owned())
        }
        _ => None,
    }
}

fn condition(object: &Value, kind: &str) -> bool {
    let mut conditions = object.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    conditions.any(|condition| condition["type"] == kind && condition["status"] == "True")
}

/// Whether every webhook that calls a Service has a root certificate to trust it by.
fn is_trusted(configuration: &Value) -> bool {
    let webhooks = configuration.get("webhooks").and_then(Value::as_array).into_iter().flatten();
    webhooks.into_iter().all(|webhook| {
        let client = &webhook["clientConfig"];
        client["service"].is_null() || client["caBundle"].as_str().is_some_and(|bundle| !bundle.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_has_its_own_proof() {
        let crd = |status: &str| json!({ "kind": "CustomResourceDefinition", "status": { "conditions": [{ "type": "Established", "status": status }] } });
        assert_eq!(lacking(&crd("True")), None);
        assert!(lacking(&crd("False")).is_some_and(|lacks| lacks.contains("not established")));
        assert!(lacking(&json!({ "kind": "CustomResourceDefinition" })).is_some());
        let hook =
            |client: Value| json!({ "kind": "MutatingWebhookConfiguration", "webhooks": [{ "clientConfig": client }] });
        assert_eq!(lacking(&hook(json!({ "service": { "name": "istiod" }, "caBundle": "eA==" }))), None);
        assert_eq!(lacking(&hook(json!({ "url": "https://elsewhere" }))), None);
        assert!(
            lacking(&hook(json!({ "service": { "name": "istiod" } })))
                .is_some_and(|lacks| lacks.contains("root certificate"))
        );
        let deployment = |ready: u64| json!({ "kind": "Deployment", "metadata": { "generation": 1 }, "spec": { "replicas": 1 }, "status": { "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": ready } });
        assert_eq!(lacking(&deployment(1)), None);
        assert!(lacking(&deployment(0)).is_some_and(|lacks| lacks == "not rolled out: 0 of 1 pods are ready"));
        assert_eq!(lacking(&json!({ "kind": "Namespace", "status": { "phase": "Active" } })), None);
        assert!(lacking(&json!({ "kind": "Namespace", "status": { "phase": "Terminating" } })).is_some());
        assert_eq!(lacking(&json!({ "kind": "ConfigMap" })), None);
    }
}
