//! EndpointSlices: which pods stand behind a Service.

use serde_json::{Value, json};

use super::{MANAGER, is_ready, text};
use crate::mesh::seed;
use crate::store::{Object, Store};

/// Brings a Service's one EndpointSlice up to date with its pods.
pub fn reconcile(store: &Store, service: &Object) {
    let Some(selector) = service["spec"]["selector"].as_object().filter(|selector| !selector.is_empty()) else {
        return;
    };
    let namespace = text(&service["metadata"]["namespace"]);
    let name = text(&service["metadata"]["name"]);
    let mut endpoints = Vec::new();
    for pod in store.list("", "pods", Some(namespace)) {
        let selected = selector.iter().all(|(key, value)| &pod["metadata"]["labels"][key] == value);
        if selected && pod["status"]["podIP"].is_string() {
            endpoints.push(endpoint(&pod));
        }
    }
    let ports: Vec<Value> =
        service["spec"]["ports"].as_array().map(|ports| ports.iter().map(port).collect()).unwrap_or_default();
    let slice_name = format!("{name}-{}", seed::suffix(seed::hash(0, &["endpointslice", namespace, name]), 5));
    let old = store.get("discovery.k8s.io", "endpointslices", namespace, &slice_name);
    if old.as_ref().is_some_and(|old| old["endpoints"] == json!(endpoints) && old["ports"] == json!(ports)) {
        return;
    }
    let mut labels = service["metadata"]["labels"].clone();
    if labels.is_null() {
        labels = json!({});
    }
    labels["kubernetes.io/service-name"] = json!(name);
    labels["endpointslice.kubernetes.io/managed-by"] = json!("endpointslice-controller.k8s.io");
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {
            "name": slice_name, "generateName": format!("{name}-"), "namespace": namespace, "labels": labels,
            "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": name, "uid": service["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true}],
        },
        "endpoints": endpoints, "ports": ports,
    });
    store.put(slice, MANAGER);
}

fn endpoint(pod: &Value) -> Value {
    let terminating = pod["metadata"]["deletionTimestamp"].is_string();
    let serving = is_ready(pod);
    json!({
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": serving && !terminating, "serving": serving, "terminating": terminating},
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"], "uid": pod["metadata"]["uid"]},
    })
}

fn port(port: &Value) -> Value {
    let target = port["targetPort"].as_u64().map_or_else(|| port["port"].clone(), |number| json!(number));
    json!({"name": port["name"], "port": target, "protocol": port["protocol"].as_str().unwrap_or("TCP")})
}
