//! The Sidecar resource: which hosts istiod tells a proxy of (`networking.istio.io/v1` Sidecar, `egress.hosts`).

use serde_json::Value;

use crate::mesh::kubernetes::text;
use crate::store::Object;
use crate::world::objects::ROOT_NAMESPACE;

/// The Sidecar that applies to a pod: one of its namespace that selects it, else its namespace's without a selector, else
/// that of the root namespace.
pub fn of<'a>(all: &'a [Object], pod: &Value) -> Option<&'a Object> {
    let namespace = text(&pod["metadata"]["namespace"]);
    let own = || all.iter().filter(|one| one["metadata"]["namespace"] == namespace);
    let selector = |one: &Object| one["spec"]["workloadSelector"]["labels"].as_object().cloned();
    let selects = |one: &&Object| {
        selector(one).is_some_and(|labels| labels.iter().all(|(key, value)| &pod["metadata"]["labels"][key] == value))
    };
    own()
        .find(selects)
        .or_else(|| own().find(|one| selector(one).is_none()))
        .or_else(|| all.iter().find(|one| one["metadata"]["namespace"] == ROOT_NAMESPACE && selector(one).is_none()))
}

/// Whether a proxy in `namespace` is told of a host of another (or the same) namespace.
///
/// An entry is `NAMESPACE/HOST`: `*` is any namespace, `.` its own, `~` none; `HOST` is a name, `*` or `*.SUFFIX`.
pub fn imports(sidecar: &Object, namespace: &str, host: &str, of: &str) -> bool {
    let Some(listeners) = sidecar["spec"]["egress"].as_array() else { return true };
    listeners.iter().flat_map(|listener| listener["hosts"].as_array().into_iter().flatten()).any(|entry| {
        let Some((place, name)) = entry.as_str().and_then(|entry| entry.split_once('/')) else { return false };
        let placed = place == "*" || (place == "." && of == namespace) || place == of;
        let named = name == "*" || name == host || name.strip_prefix('*').is_some_and(|suffix| host.ends_with(suffix));
        placed && named
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn sidecar(namespace: &str, name: &str, spec: Value) -> Object {
        Arc::new(json!({ "metadata": { "namespace": namespace, "name": name }, "spec": spec }))
    }

    #[test]
    fn the_nearest_applies() {
        let all = [
            sidecar(ROOT_NAMESPACE, "mesh", json!({})),
            sidecar("summit", "default", json!({})),
            sidecar("summit", "front", json!({ "workloadSelector": { "labels": { "app": "front" } } })),
        ];
        let pod =
            |namespace: &str, app: &str| json!({ "metadata": { "namespace": namespace, "labels": { "app": app } } });
        let name = |pod: &Value| of(&all, pod).map(|one| text(&one["metadata"]["name"]).to_owned());
        assert_eq!(name(&pod("summit", "front")).as_deref(), Some("front"));
        assert_eq!(name(&pod("summit", "catalog")).as_deref(), Some("default"));
        assert_eq!(name(&pod("other", "front")).as_deref(), Some("mesh"));
        assert!(of(&all[1..], &pod("other", "front")).is_none());
    }

    #[test]
    fn hosts_are_matched_by_place_and_name() {
        let with = |entry: &str| sidecar("summit", "x", json!({ "egress": [{ "hosts": [entry] }] }));
        let host = "catalog.shop.svc.cluster.local";
        for (entry, told) in [
            ("*/*", true),
            ("shop/*", true),
            ("./*", false),
            ("~/*", false),
            ("shop/catalog.shop.svc.cluster.local", true),
            ("shop/search.shop.svc.cluster.local", false),
            ("*/*.svc.cluster.local", true),
            ("other/catalog.shop.svc.cluster.local", false),
            ("nonsense", false),
        ] {
            assert_eq!(imports(&with(entry), "summit", host, "shop"), told, "{entry}");
        }
        assert!(
            imports(&sidecar("summit", "x", json!({})), "summit", host, "shop"),
            "without egress nothing is limited"
        );
    }
}
