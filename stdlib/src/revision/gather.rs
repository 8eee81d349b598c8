//! Reads of what revisions need: webhooks, labels of namespaces, the revision of a pod.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::Revision;
use crate::control_plane::gather as plane;
use crate::kubernetes::{kinds, read};

/// The revision of this name, or behind the tag of this name, as it is now.
///
/// # Errors
/// What a script may not handle.
pub fn gather(run: &Run, name: &str) -> Result<Revision, Failure> {
    Ok(Revision::new(name, plane::gather(run)?))
}

/// The MutatingWebhookConfigurations as they are now.
///
/// # Errors
/// What every read of the API server can end in.
pub fn mutating(run: &Run) -> Result<Vec<Value>, Failure> {
    read::list(run, kinds::mutating_webhooks(), None, None)
}

/// The revision whose istiod injected a pod: the annotation `istio.io/rev`, else `revision` in `sidecar.istio.io/status`.
/// `None` for a pod that nobody injected.
pub fn of_pod(pod: &Value) -> Option<String> {
    let annotations = pod.pointer("/metadata/annotations")?;
    let status = annotations.get("sidecar.istio.io/status").and_then(Value::as_str)?;
    let named = annotations.get("istio.io/rev").and_then(Value::as_str).map(str::to_owned);
    named.or_else(|| {
        let status: Value = serde_json::from_str(status).ok()?;
        Some(status.get("revision")?.as_str()?.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn who_injected_a_pod() {
        let pod = |annotations: Value| json!({ "metadata": { "annotations": annotations } });
        let status = "{\"initContainers\":[\"istio-init\",\"istio-proxy\"],\"revision\":\"1-31\"}";
        assert_eq!(of_pod(&pod(json!({ "sidecar.istio.io/status": status }))).as_deref(), Some("1-31"));
        let both = pod(json!({ "sidecar.istio.io/status": status, "istio.io/rev": "1-30" }));
        assert_eq!(of_pod(&both).as_deref(), Some("1-30"));
        assert_eq!(of_pod(&pod(json!({ "istio.io/rev": "1-30" }))), None, "a wish is no sidecar");
        let recorded = include_str!("../../testdata/istio-1.31/pod.front.json");
        let recorded: Value = serde_json::from_str(recorded).expect("a recorded Pod");
        assert_eq!(of_pod(&recorded).as_deref(), Some("default"));
    }

    proptest! {
        #[test]
        fn nothing_panics(status in "[\\[\\]{}:,\"a-z0-9]{0,60}") {
            let _ = of_pod(&json!({ "metadata": { "annotations": { "sidecar.istio.io/status": status } } }));
        }
    }
}
