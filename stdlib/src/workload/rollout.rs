//! How the pods of a workload are replaced: by a template that differs.

use serde_json::{Value, json};

/// The annotation by which `kubectl rollout restart` makes a template differ
/// (`k8s.io/kubectl/pkg/polymorphichelpers/objectrestarter.go`).
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// Why a change of the template would replace no pod, if it would not.
pub fn no_rollout(object: &Value) -> Option<&'static str> {
    if object.pointer("/spec/paused") == Some(&json!(true)) {
        return Some("its rollout is paused (`kubectl rollout resume`)");
    }
    let strategy = object.pointer("/spec/updateStrategy/type").and_then(Value::as_str);
    (strategy == Some("OnDelete"))
        .then_some("its update strategy is OnDelete, so each pod stays until somebody deletes it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_replaces_no_pods_says_why() {
        assert_eq!(no_rollout(&json!({ "spec": { "paused": false, "strategy": { "type": "Recreate" } } })), None);
        assert!(no_rollout(&json!({ "spec": { "paused": true } })).is_some_and(|why| why.contains("paused")));
        let on_delete = json!({ "spec": { "updateStrategy": { "type": "OnDelete" } } });
        assert!(no_rollout(&on_delete).is_some_and(|why| why.contains("OnDelete")));
    }
}
