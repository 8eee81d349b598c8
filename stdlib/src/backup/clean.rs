//! What of an object is worth keeping: what people have written, without what the server and controllers add.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What `kubectl apply` writes for itself: the object as it was last applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The labels by which a namespace takes part in the mesh. The rest of a namespace is nobody's business here.
const OF_MESH: [&str; 7] = [
    "istio-injection",
    "istio.io/rev",
    "istio.io/dataplane-mode",
    "istio.io/use-waypoint",
    "istio.io/use-waypoint-namespace",
    "istio-discovery",
    "topology.istio.io/network",
];

/// An object without `uid`, `resourceVersion`, `generation`, `creationTimestamp`, `managedFields`, `ownerReferences`,
/// `finalizers`, `status`, and without what `kubectl apply` remembers in an annotation. Of a namespace only the labels
/// stay by which it takes part in the mesh. Keys are sorted, so that equal objects have equal texts.
pub fn clean(object: &Value) -> Value {
    let of = |pointer: &str| object.pointer(pointer).cloned().unwrap_or_default();
    let is_namespace = object["kind"] == "Namespace" && object["apiVersion"] == "v1";
    let mut metadata = Map::new();
    for key in ["name", "namespace"] {
        if let value @ Value::String(_) = of(&format!("/metadata/{key}")) {
            metadata.insert(key.into(), value);
        }
    }
    for key in ["labels", "annotations"] {
        let Value::Object(mut entries) = of(&format!("/metadata/{key}")) else { continue };
        entries.retain(|name, _| {
            if is_namespace { key == "labels" && OF_MESH.contains(&name.as_str()) } else { name != LAST_APPLIED }
        });
        if !entries.is_empty() {
            metadata.insert(key.into(), Value::Object(entries));
        }
    }
    let mut clean = Map::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        if !matches!(key.as_str(), "metadata" | "status") && (!is_namespace || key != "spec") && !value.is_null() {
            clean.insert(key.clone(), value.clone());
        }
    }
    clean.insert("metadata".into(), Value::Object(metadata));
    let mut clean = Value::Object(clean);
    clean.sort_all_objects();
    clean
}

/// The object as it is now with everything that [`clean`] keeps as the backup has it. What it leaves out stays.
pub fn restored(now: &Value, kept: &Value) -> Value {
    let mut after = now.clone();
    let is_namespace = now["kind"] == "Namespace" && now["apiVersion"] == "v1";
    for key in ["labels", "annotations"] {
        let is_ours = |name: &String| {
            if is_namespace { key == "labels" && OF_MESH.contains(&name.as_str()) } else { name != LAST_APPLIED }
        };
        let mut entries = now["metadata"][key].as_object().cloned().unwrap_or_default();
        entries.retain(|name, _| !is_ours(name));
        entries.extend(kept["metadata"][key].as_object().cloned().unwrap_or_default());
        if entries.is_empty() {
            if let Some(metadata) = after["metadata"].as_object_mut() {
                metadata.shift_remove(key);
            }
        } else {
            after["metadata"][key] = Value::Object(entries);
        }
    }
    if is_namespace {
        return after;
    }
    if let (Some(after), Some(kept)) = (after.as_object_mut(), kept.as_object()) {
        after.retain(|key, _| matches!(key.as_str(), "metadata" | "status") || kept.contains_key(key));
        for (key, value) in kept.iter().filter(|(key, _)| *key != "metadata" && *key != "apiVersion") {
            after.insert(key.clone(), value.clone());
        }
    }
    after
}

/// Whether what a person wrote in two objects is the same, in whichever version of their group they were read.
pub fn is_same(one: &Value, other: &Value) -> bool {
    let without_version = |object: &Value| {
        let mut object = clean(object);
        object["apiVersion"] = json!(group(&object));
        object
    };
    without_version(one) == without_version(other)
}

/// The API group of an object.
pub fn group(object: &Value) -> &str {
    group_of(object["apiVersion"].as_str().unwrap_or_default())
}

/// The API group of `GROUP/VERSION`; empty for what is of the core group.
pub fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// Where a kind stands among those that are restored: what others refer to comes before them, so that no rule names what
/// is not there yet, and policies that refuse come last.
pub fn rank(group: &str, kind: &str) -> usize {
    const ORDER: [(&str, &str); 20] = [
        ("", "Namespace"),
        ("", "Secret"),
        ("", "ConfigMap"),
        ("gateway.networking.k8s.io", "GatewayClass"),
        ("networking.istio.io", "ProxyConfig"),
        ("networking.istio.io", "ServiceEntry"),
        ("networking.istio.io", "WorkloadGroup"),
        ("networking.istio.io", "WorkloadEntry"),
        ("networking.istio.io", "DestinationRule"),
        ("networking.istio.io", "Gateway"),
        ("gateway.networking.k8s.io", "Gateway"),
        ("gateway.networking.k8s.io", "ReferenceGrant"),
        ("networking.istio.io", "VirtualService"),
        ("networking.istio.io", "Sidecar"),
        ("telemetry.istio.io", "Telemetry"),
        ("extensions.istio.io", "WasmPlugin"),
        ("networking.istio.io", "EnvoyFilter"),
        ("security.istio.io", "RequestAuthentication"),
        ("security.istio.io", "PeerAuthentication"),
        ("security.istio.io", "AuthorizationPolicy"),
    ];
    // Routes of the Gateway API, and what a later version of Istio brings, stand beside VirtualServices.
    let beside = ORDER.iter().position(|one| *one == ("networking.istio.io", "VirtualService"));
    ORDER.iter().position(|one| *one == (group, kind)).or(beside).unwrap_or_default()
}

/// SHA-256 of a text, in hexadecimal digits.
pub fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_adds_is_left_out_and_stays_when_it_is_restored() {
        let live = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": { "name": "a", "namespace": "n", "uid": "1", "resourceVersion": "7", "generation": 2, "creationTimestamp": "t", "managedFields": [{}], "ownerReferences": [{}], "finalizers": ["x"], "labels": { "app": "a" }, "annotations": { LAST_APPLIED: "{}" } },
            "spec": { "host": "a" }, "status": { "conditions": [] },
        });
        let kept = clean(&live);
        assert_eq!(
            kept,
            json!({ "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": { "name": "a", "namespace": "n", "labels": { "app": "a" } }, "spec": { "host": "a" } })
        );
        let mut drifted = live.clone();
        drifted["spec"] = json!({ "host": "b", "subsets": [] });
        drifted["metadata"]["labels"] = json!({ "other": "x" });
        drifted["metadata"]["resourceVersion"] = "9".into();
        assert!(!is_same(&drifted, &kept));
        let back = restored(&drifted, &kept);
        assert!(is_same(&back, &kept));
        assert_eq!(back["metadata"]["resourceVersion"], "9");
        assert_eq!(back["metadata"]["annotations"], live["metadata"]["annotations"]);
    }

    #[test]
    fn of_a_namespace_only_its_part_in_the_mesh_is_kept() {
        let live = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "n", "labels": { "istio-injection": "enabled", "team": "a" }, "annotations": { "x": "y" } }, "spec": { "finalizers": ["kubernetes"] } });
        let kept = clean(&live);
        assert_eq!(
            kept,
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "n", "labels": { "istio-injection": "enabled" } } })
        );
        let mut other = live.clone();
        other["metadata"]["labels"] = json!({ "istio.io/rev": "canary", "team": "b" });
        let back = restored(&other, &kept);
        assert_eq!(back["metadata"]["labels"], json!({ "istio-injection": "enabled", "team": "b" }));
        assert_eq!(back["spec"], live["spec"]);
    }

    #[test]
    fn what_others_refer_to_comes_first() {
        let rank_of = |kind| rank("networking.istio.io", kind);
        assert!(rank("", "Namespace") < rank("", "Secret") && rank("", "ConfigMap") < rank_of("DestinationRule"));
        assert!(
            rank_of("DestinationRule") < rank_of("VirtualService") && rank_of("Gateway") < rank_of("VirtualService")
        );
        assert!(rank_of("VirtualService") < rank("security.istio.io", "AuthorizationPolicy"));
        assert_eq!(rank("gateway.networking.k8s.io", "HTTPRoute"), rank_of("VirtualService"));
    }

    #[test]
    fn the_same_object_in_another_version_is_the_same() {
        let of = |version: &str| json!({ "apiVersion": format!("networking.istio.io/{version}"), "kind": "Sidecar", "metadata": { "name": "a" } });
        assert!(is_same(&of("v1"), &of("v1beta1")));
    }
}
