//! What a Pod object says about the memory of its sidecar: limits, restarts, and kills.
//!
//! The sidecar is an ordinary container (`containerStatuses`), or since Istio 1.27 an init container that restarts
//! always (`initContainerStatuses`). A container that exceeded its limit ended with reason `OOMKilled` (exit code 137).

use jiff::Timestamp;
use meshbook_runtime::value::Quantity;
use serde_json::Value;

use crate::proxy::pod::PROXY;

/// The resources of a sidecar, as they are in effect, each as it is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    /// `requests.cpu`.
    pub cpu: Option<String>,
    /// `limits.cpu`.
    pub cpu_limit: Option<String>,
    /// `requests.memory`.
    pub memory: Option<String>,
    /// `limits.memory`.
    pub memory_limit: Option<String>,
}

/// What became of a sidecar's container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    /// Its resources.
    pub resources: Resources,
    /// How often it was started again.
    pub restarts: u64,
    /// When it was last killed for memory, if its last life ended so.
    pub killed: Option<Timestamp>,
    /// When its present life began; `None` if it does not run.
    pub running_since: Option<Timestamp>,
}

impl Container {
    /// Whether it was killed for memory and waits to be started again.
    pub fn is_down(&self) -> bool {
        self.killed.is_some() && self.running_since.is_none()
    }
}

impl Resources {
    /// The memory limit in bytes.
    pub fn limit(&self) -> Option<f64> {
        bytes(self.memory_limit.as_deref()?)
    }
}

/// A quantity in bytes.
#[allow(clippy::cast_precision_loss, reason = "no memory has more than 2^53 thousandths of a byte that matter")]
pub fn bytes(text: &str) -> Option<f64> {
    text.parse::<Quantity>().ok().map(|quantity| quantity.milli() as f64 / 1000.0).filter(|bytes| *bytes > 0.0)
}

/// The sidecar's container of a Pod.
pub fn of(pod: &Value) -> Option<Container> {
    let named = |pointer: &str| -> Option<&Value> {
        let list = pod.pointer(pointer)?.as_array()?;
        list.iter().find(|one| one.get("name").and_then(Value::as_str) == Some(PROXY))
    };
    let spec = named("/spec/containers").or_else(|| named("/spec/initContainers"))?;
    let status = named("/status/containerStatuses").or_else(|| named("/status/initContainerStatuses"));
    let written = |pointer: &str| spec.pointer(pointer).and_then(quantity);
    let resources = Resources {
        cpu: written("/resources/requests/cpu"),
        cpu_limit: written("/resources/limits/cpu"),
        memory: written("/resources/requests/memory"),
        memory_limit: written("/resources/limits/memory"),
    };
    let ended = ["/state/terminated", "/lastState/terminated"].iter().find_map(|pointer| status?.pointer(pointer));
    let time = |value: Option<&Value>| value.and_then(Value::as_str).and_then(|text| text.parse().ok());
    let killed = ended.filter(|ended| ended.get("reason").and_then(Value::as_str) == Some("OOMKilled"));
    Some(Container {
        resources,
        restarts: status.and_then(|status| status.get("restartCount")).and_then(Value::as_u64).unwrap_or(0),
        killed: killed.and_then(|ended| time(ended.get("finishedAt"))),
        running_since: time(status.and_then(|status| status.pointer("/state/running/startedAt"))),
    })
}

/// The API server takes numbers for quantities, too.
fn quantity(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_real_pod() {
        let pod: Value =
            serde_json::from_str(include_str!("../../testdata/istio-1.31/pod.front.json")).expect("a recorded Pod");
        let container = of(&pod).expect("it has a sidecar");
        assert_eq!(container.resources.memory_limit.as_deref(), Some("1Gi"));
        assert_eq!(container.resources.limit(), Some(1_073_741_824.0));
        assert_eq!(container.resources.memory.as_deref(), Some("128Mi"));
        assert_eq!((container.restarts, container.killed), (0, None));
    }

    #[test]
    fn a_native_sidecar_that_was_killed() {
        let status = json!({ "name": "istio-proxy", "restartCount": 3, "state": { "running": { "startedAt": "2026-01-05T09:10:00Z" } },
            "lastState": { "terminated": { "reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-01-05T09:09:00Z" } } });
        let pod = json!({ "spec": { "containers": [{ "name": "app" }], "initContainers": [{ "name": "istio-proxy" }] },
            "status": { "containerStatuses": [{ "name": "app" }], "initContainerStatuses": [status] } });
        let container = of(&pod).expect("it has a sidecar");
        assert_eq!(container.restarts, 3);
        assert_eq!(container.killed, "2026-01-05T09:09:00Z".parse().ok());
        assert!(container.running_since.is_some() && container.resources.limit().is_none());
        let error = json!({ "spec": { "containers": [{ "name": "istio-proxy" }] }, "status": { "containerStatuses": [
            { "name": "istio-proxy", "lastState": { "terminated": { "reason": "Error", "finishedAt": "2026-01-05T09:09:00Z" } } }] } });
        assert_eq!(of(&error).expect("it has a sidecar").killed, None, "another end is no kill");
        assert_eq!(of(&json!({ "spec": { "containers": [{ "name": "app" }] } })), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]{}:,\"a-z0-9]{0,60}") {
            let odd: Value = serde_json::from_str(&text).unwrap_or(json!([text]));
            let named = json!([{ "name": "istio-proxy", "resources": odd, "state": odd, "lastState": odd, "restartCount": odd }, odd]);
            let _ = of(&json!({ "spec": { "containers": named }, "status": { "containerStatuses": named } }));
        }
    }
}
