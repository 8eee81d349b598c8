//! NetworkPolicies (`networking.k8s.io/v1`), as a network plug-in that obeys them: which connections reach a pod.
//!
//! Port-forwards come from the pod's own node by way of its loopback, and are never held up.

use serde_json::Value;

use super::{label_selector, text};
use crate::store::Store;

/// Who opens a connection.
#[derive(Clone, Copy)]
pub enum Peer<'a> {
    /// A pod.
    Pod(&'a Value),
    /// The API server, which is no pod: only a rule without `from`, or an address block, lets it in.
    ApiServer,
}

/// Whether the policies let a connection into a pod's port.
pub fn admits(store: &Store, pod: &Value, port: u16, from: Peer<'_>) -> bool {
    let namespace = text(&pod["metadata"]["namespace"]);
    let policies = store.list("networking.k8s.io", "networkpolicies", Some(namespace));
    let selecting: Vec<_> = policies
        .iter()
        .filter(|policy| {
            let types = policy["spec"]["policyTypes"].as_array();
            types.is_none_or(|types| types.iter().any(|kind| kind == "Ingress"))
                && label_selector::fits(&policy["spec"]["podSelector"], &pod["metadata"]["labels"])
        })
        .collect();
    selecting.is_empty()
        || selecting.iter().any(|policy| {
            policy["spec"]["ingress"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|rule| opens(rule, port) && welcomes(store, rule, namespace, from))
        })
}

fn opens(rule: &Value, port: u16) -> bool {
    rule["ports"].as_array().filter(|ports| !ports.is_empty()).is_none_or(|ports| {
        ports.iter().any(|one| {
            let first = one["port"].as_u64();
            let last = one["endPort"].as_u64().or(first);
            let tcp = one["protocol"].as_str().is_none_or(|protocol| protocol == "TCP");
            tcp && first.is_none_or(|first| (first..=last.unwrap_or(first)).contains(&u64::from(port)))
        })
    })
}

fn welcomes(store: &Store, rule: &Value, own_namespace: &str, from: Peer<'_>) -> bool {
    let Some(peers) = rule["from"].as_array().filter(|peers| !peers.is_empty()) else { return true };
    peers.iter().any(|peer| match from {
        Peer::ApiServer => peer["ipBlock"].is_object(),
        Peer::Pod(pod) => {
            if peer["ipBlock"].is_object() {
                return true;
            }
            let namespace = text(&pod["metadata"]["namespace"]);
            let in_place = match &peer["namespaceSelector"] {
                Value::Null => namespace == own_namespace,
                selector => store
                    .get("", "namespaces", "", namespace)
                    .is_some_and(|object| label_selector::fits(selector, &object["metadata"]["labels"])),
            };
            let selected = &peer["podSelector"];
            in_place && (selected.is_null() || label_selector::fits(selected, &pod["metadata"]["labels"]))
        }
    })
}
