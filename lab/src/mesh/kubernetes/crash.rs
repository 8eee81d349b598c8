//! Containers that end soon after each start: what the kubelet makes of them.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{conditions, event, second, text};
use crate::store::Store;

/// Why the pods of a Deployment crash.
#[derive(Clone, Debug)]
pub struct Crash {
    /// Namespace and name of the Deployment.
    pub workload: (String, String),
    /// Which of its pods, by name; all if empty.
    pub pods: Vec<String>,
    /// `Error`, `OOMKilled`.
    pub reason: String,
    /// Exit code.
    pub exit_code: i32,
    /// How often the container was restarted.
    pub restarts: u32,
}

/// How long the container lived the last time.
const LIFE: Duration = Duration::from_secs(2);
/// How long ago it ended.
const ENDED: Duration = Duration::from_secs(40);

impl Crash {
    /// Whether it concerns a pod.
    pub fn concerns(&self, pod: &Value) -> bool {
        let name = text(&pod["metadata"]["name"]);
        pod["metadata"]["namespace"] == self.workload.0.as_str()
            && crate::mesh::istiod::config::workload_name(pod) == self.workload.1
            && (self.pods.is_empty() || self.pods.iter().any(|one| one == name))
    }

    /// Puts a pod into the state in which the kubelet waits before it starts the container again.
    pub fn strike(&self, store: &Store, pod: &Value, now: Timestamp) {
        let (namespace, name) = (text(&pod["metadata"]["namespace"]), text(&pod["metadata"]["name"]));
        let container = &pod["spec"]["containers"][0];
        let ended = now - ENDED;
        let mut status = pod["status"].clone();
        let message = format!(
            "back-off 5m0s restarting failed container={} pod={name}_{namespace}({})",
            text(&container["name"]),
            text(&pod["metadata"]["uid"])
        );
        status["phase"] = json!("Running");
        status["conditions"] = conditions(false, &second(now));
        status["containerStatuses"] = json!([{
            "name": container["name"], "image": container["image"], "imageID": "", "ready": false, "started": false,
            "restartCount": self.restarts,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": message}},
            "lastState": {"terminated": {
                "exitCode": self.exit_code, "reason": self.reason, "startedAt": second(ended - LIFE), "finishedAt": second(ended),
                "containerID": format!("containerd://{}", text(&pod["metadata"]["uid"])),
            }},
        }]);
        store.put_status("", "pods", namespace, name, status, "kubelet");
        let message = format!(
            "Back-off restarting failed container {} in pod {name}_{namespace}({})",
            text(&container["name"]),
            text(&pod["metadata"]["uid"])
        );
        event::warn(store, pod, "kubelet", "BackOff", &message, now);
    }
}
