//! StatefulSets and DaemonSets, as far as a rollout shows: pods by ordinal or by node, replaced one after the other.
//!
//! As `pkg/controller/statefulset/stateful_set_control.go` and `pkg/controller/daemon/update.go` of Kubernetes do it: a
//! StatefulSet of `OrderedReady` waits for each pod before it touches the next, so one that never becomes ready holds the
//! set up, even after its template was set back.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Controllers, NewPod, Object, is_ready, owned_by, put_status, seed, text, without_zeros};
use crate::store::Store;

/// The name of the ControllerRevision of a template.
fn revision(set: &Value) -> String {
    let (namespace, name) = (text(&set["metadata"]["namespace"]), text(&set["metadata"]["name"]));
    format!("{name}-{}", seed::suffix(seed::hash(0, &[namespace, name, &set["spec"]["template"].to_string()]), 10))
}

fn is_new(pod: &Value, revision: &str) -> bool {
    pod["metadata"]["labels"]["controller-revision-hash"] == revision
}

fn is_ending(pod: &Value) -> bool {
    !pod["metadata"]["deletionTimestamp"].is_null()
}

/// A set's pods, those that end included.
fn own(store: &Store, set: &Object) -> Vec<Object> {
    let uid = text(&set["metadata"]["uid"]);
    let all = store.list("", "pods", Some(text(&set["metadata"]["namespace"])));
    all.into_iter().filter(|pod| owned_by(pod, uid)).collect()
}

impl Controllers {
    pub(super) fn stateful_set(&mut self, store: &Store, set: &Object, now: Timestamp, at_once: bool) {
        let name = text(&set["metadata"]["name"]);
        let desired = set["spec"]["replicas"].as_u64().unwrap_or(1) as usize;
        let update = revision(set);
        let named = |ordinal: usize| format!("{name}-{ordinal}");
        let pods = own(store, set);
        let of = |ordinal: usize| pods.iter().find(|pod| text(&pod["metadata"]["name"]) == named(ordinal));
        for ordinal in 0..desired {
            match of(ordinal) {
                Some(pod) if is_ready(pod) && !is_ending(pod) => {}
                // Each pod is waited for before the next is made.
                Some(_) => return report_stateful(store, set, &update, desired),
                None => {
                    let pod = named(ordinal);
                    let new = NewPod {
                        workload: name,
                        owner: set,
                        kind: "StatefulSet",
                        labels: json!({
                            "apps.kubernetes.io/pod-index": ordinal.to_string(), "controller-revision-hash": update,
                            "statefulset.kubernetes.io/pod-name": pod,
                        }),
                        name: pod,
                        node: None,
                    };
                    self.spawn(store, &set["spec"]["template"], new, now, at_once);
                    if !at_once {
                        return report_stateful(store, set, &update, desired);
                    }
                }
            }
        }
        let surplus = pods.iter().rev().find(|pod| {
            let ordinal = text(&pod["metadata"]["name"]).rsplit('-').next().and_then(|text| text.parse::<usize>().ok());
            ordinal.is_some_and(|ordinal| ordinal >= desired) && !is_ending(pod)
        });
        let rolls = set["spec"]["updateStrategy"]["type"] != "OnDelete";
        let old = (0..desired).rev().filter_map(of).find(|pod| rolls && !is_new(pod, &update));
        if let Some(pod) = surplus.or(old) {
            self.terminate(store, pod, now);
        }
        report_stateful(store, set, &update, desired);
    }

    pub(super) fn daemon_set(&mut self, store: &Store, set: &Object, now: Timestamp, at_once: bool) {
        let name = text(&set["metadata"]["name"]);
        let update = revision(set);
        let pods = own(store, set);
        let on = |node: usize| pods.iter().find(|pod| pod["spec"]["nodeName"] == format!("node-{node}"));
        for node in 1..=self.nodes {
            if on(node).is_none() {
                let name_of = [name, &node.to_string(), &self.pods_made.to_string()];
                let new = NewPod {
                    workload: name,
                    owner: set,
                    kind: "DaemonSet",
                    labels: json!({"controller-revision-hash": update, "pod-template-generation": set["metadata"]["generation"].to_string()}),
                    name: format!("{name}-{}", seed::suffix(seed::hash(self.seed, &name_of), 5)),
                    node: Some(node),
                };
                self.spawn(store, &set["spec"]["template"], new, now, at_once);
            }
        }
        if set["spec"]["updateStrategy"]["type"] != "OnDelete" {
            let old: Vec<&Object> = pods.iter().filter(|pod| !is_new(pod, &update) && !is_ending(pod)).collect();
            let whole = pods.len() == self.nodes && pods.iter().all(|pod| is_ready(pod) && !is_ending(pod));
            // What is not available already is replaced first; of the others one at a time.
            let next = old.iter().find(|pod| !is_ready(pod)).or_else(|| old.first().filter(|_| whole));
            if let Some(pod) = next {
                self.terminate(store, pod, now);
            }
        }
        report_daemon(store, set, &update, self.nodes);
    }
}

fn report_stateful(store: &Store, set: &Object, update: &str, desired: usize) {
    let pods: Vec<Object> = own(store, set).into_iter().filter(|pod| !is_ending(pod)).collect();
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let updated = pods.iter().filter(|pod| is_new(pod, update)).count();
    let done = updated == desired && ready == desired && pods.len() == desired;
    let before = text(&set["status"]["currentRevision"]);
    let current = if done || before.is_empty() { update } else { before };
    let status = json!({
        "observedGeneration": set["metadata"]["generation"], "replicas": pods.len(), "readyReplicas": ready,
        "availableReplicas": ready, "updatedReplicas": updated,
        "currentReplicas": pods.iter().filter(|pod| is_new(pod, current)).count(),
        "currentRevision": current, "updateRevision": update, "collisionCount": 0,
    });
    put_status(store, set, "apps", "statefulsets", without_zeros(status));
}

fn report_daemon(store: &Store, set: &Object, update: &str, nodes: usize) {
    let pods: Vec<Object> = own(store, set).into_iter().filter(|pod| !is_ending(pod)).collect();
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let status = json!({
        "observedGeneration": set["metadata"]["generation"], "desiredNumberScheduled": nodes,
        "currentNumberScheduled": pods.len(), "numberMisscheduled": 0, "numberReady": ready, "numberAvailable": ready,
        "numberUnavailable": nodes.saturating_sub(ready),
        "updatedNumberScheduled": pods.iter().filter(|pod| is_new(pod, update)).count(),
    });
    let mut status = status;
    if let Some(map) = status.as_object_mut() {
        // These three are counts that may be left out; the others are always written.
        for key in ["numberAvailable", "numberUnavailable", "updatedNumberScheduled"] {
            if map[key] == json!(0) {
                map.remove(key);
            }
        }
    }
    put_status(store, set, "apps", "daemonsets", status);
}
