//! Pods that no controller made: a client did. They get a node and an address, and start like the others.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Controllers, key_of, pending, seed, text};
use crate::store::Store;

impl Controllers {
    /// Gives pods without a node one, as the scheduler does, and lets them start.
    pub(super) fn take_in(&mut self, store: &Store, now: Timestamp) {
        for pod in store.list("", "pods", None) {
            if pod["spec"]["nodeName"].is_string() || pod["metadata"]["deletionTimestamp"].is_string() {
                continue;
            }
            let key = key_of(&pod);
            self.pods_made += 1;
            let index = self.pods_made;
            let node = 1 + index as usize % self.nodes;
            let mut bound = (*pod).clone();
            bound["spec"]["nodeName"] = json!(format!("node-{node}"));
            let bound = store.put(bound, "kube-scheduler");
            store.put_status("", "pods", &key.0, &key.1, pending(&bound, node, index, now), "kubelet");
            let jitter = seed::unit(seed::hash(self.seed, &["start", &key.1]));
            self.starting.insert(key, now + self.pod_start.mul_f64(0.75 + 0.5 * jitter));
        }
    }
}

/// The first of a pod's own containers whose image no node can pull: one of a registry that does not exist
/// (`.invalid`, RFC 6761), or `auto`, which Istio's injector would have replaced.
pub(super) fn cannot_be_pulled(pod: &Value) -> Option<&Value> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let cannot = |image: &str| {
        let registry = image.split('/').next().unwrap_or_default();
        image == "auto" || registry.split(':').next().is_some_and(|host| host.ends_with(".invalid"))
    };
    containers.into_iter().find(|container| cannot(text(&container["image"])))
}

/// What the kubelet reports while it waits before it tries to pull again.
pub(super) fn back_off(store: &Store, pod: &Value) {
    let Some(stuck) = cannot_be_pulled(pod) else { return };
    let key = key_of(pod);
    let mut status = pod["status"].clone();
    let image = text(&stuck["image"]);
    for one in status["containerStatuses"].as_array_mut().into_iter().flatten() {
        if one["name"] == stuck["name"] {
            let message = format!(
                "Back-off pulling image \"{image}\": ErrImagePull: failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": failed to do request: no such host"
            );
            one["state"] = json!({"waiting": {"reason": "ImagePullBackOff", "message": message}});
        }
    }
    store.put_status("", "pods", &key.0, &key.1, status, "kubelet");
}
