//! Discovery: which groups, versions and resources there are, in the aggregated and in the older form.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::read;
use crate::crd::{Catalog, ResourceType, Subresource};
use crate::store::Store;

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// `/version` of a cluster: the recorded server's, or that of the nodes, where the world says another minor version.
pub(super) fn version_of(store: &Store) -> Value {
    let mut version = version();
    let nodes = store.list("", "nodes", None);
    let kubelet = nodes.first().and_then(|node| node["status"]["nodeInfo"]["kubeletVersion"].as_str());
    let minor = kubelet.and_then(|text| text.split('.').nth(1));
    if let (Some(kubelet), Some(minor)) = (kubelet, minor)
        && version["minor"] != minor
    {
        version["minor"] = json!(minor);
        version["gitVersion"] = json!(format!("{kubelet}+meshbook-lab"));
    }
    version
}

/// `/version`: what a real server of this version says of itself, but for its build.
pub(crate) fn version() -> Value {
    json!({
        "major": "1",
        "minor": "37",
        "emulationMajor": "1",
        "emulationMinor": "37",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "36",
        "gitVersion": "v1.37.2+meshbook-lab",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    })
}

/// Answers a path of discovery; `None` if it is none.
pub(crate) fn answer(store: &Store, path: &str, headers: &HeaderMap, metrics: bool) -> Option<Response<Body>> {
    let accept = headers.get(ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let aggregated = accept.split(',').any(|choice| {
        choice.contains("g=apidiscovery.k8s.io")
            && choice.contains("as=APIGroupDiscoveryList")
            && choice.contains("v=v2")
            && !choice.contains("v=v2beta1")
    });
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    let document = match segments.as_slice() {
        ["api"] if aggregated => return Some(aggregated_answer(store, true, false)),
        ["apis"] if aggregated => return Some(aggregated_answer(store, false, metrics)),
        ["api"] => json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}],
        }),
        ["apis"] => {
            let mut groups: Vec<Value> = groups(store)
                .iter()
                .filter(|(group, _)| !group.is_empty())
                .map(|(group, versions)| group_document(group, versions))
                .collect();
            if metrics {
                groups.push(group_document("metrics.k8s.io", &["v1beta1".into()]));
            }
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        }
        ["apis", group] => {
            let groups = groups(store);
            let (group, versions) = groups.iter().find(|(name, _)| name == group && !name.is_empty())?;
            let mut document = group_document(group, versions);
            document["kind"] = "APIGroup".into();
            document["apiVersion"] = "v1".into();
            document
        }
        ["api", "v1"] => resources(store, "", "v1")?,
        ["apis", group, version] => resources(store, group, version)?,
        _ => return None,
    };
    Some(read::answer(StatusCode::OK, &document))
}

fn group_document(group: &str, versions: &[String]) -> Value {
    let version = |version: &String| json!({"groupVersion": format!("{group}/{version}"), "version": version});
    let all: Vec<Value> = versions.iter().map(version).collect();
    json!({"name": group, "versions": all, "preferredVersion": all[0]})
}

/// Whether a kind is served: a built-in one always, a custom one while its CustomResourceDefinition is established.
pub(crate) fn is_served(store: &Store, kind: &ResourceType) -> bool {
    if !kind.custom {
        return true;
    }
    let definition = store.get("apiextensions.k8s.io", "customresourcedefinitions", "", &kind.qualified_plural());
    definition.is_some_and(|definition| {
        let mut conditions = definition["status"]["conditions"].as_array().into_iter().flatten();
        conditions.any(|condition| condition["type"] == "Established" && condition["status"] == "True")
    })
}

fn types(store: &Store) -> impl Iterator<Item = &'static Arc<ResourceType>> {
    Catalog::get().types().iter().filter(|kind| is_served(store, kind))
}

/// The groups of which a kind is served, with their versions.
fn groups(store: &Store) -> Vec<(String, Vec<String>)> {
    let mut groups = Catalog::get().groups();
    groups.retain(|(group, _)| types(store).any(|kind| kind.group == *group));
    groups
}

fn resources(store: &Store, group: &str, version: &str) -> Option<Value> {
    let served: Vec<_> = types(store).filter(|k| k.group == group && k.versions.iter().any(|v| v == version)).collect();
    let first = served.first()?;
    let list: Vec<Value> = served.iter().flat_map(|kind| resource_entries(kind)).collect();
    Some(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": first.api_version(version),
        "resources": list,
    }))
}

fn resource_entries(kind: &ResourceType) -> Vec<Value> {
    let mut entry = json!({
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": kind.verbs,
    });
    if !kind.short_names.is_empty() {
        entry["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        entry["categories"] = json!(kind.categories);
    }
    let below = |sub: &Subresource| {
        let mut entry = json!({
            "name": format!("{}/{}", kind.plural, sub.name),
            "singularName": "",
            "namespaced": kind.namespaced,
        });
        if !sub.version.is_empty() {
            entry["group"] = sub.group.clone().into();
            entry["version"] = sub.version.clone().into();
        }
        entry["kind"] = sub.kind.clone().into();
        entry["verbs"] = json!(sub.verbs);
        entry
    };
    std::iter::once(entry).chain(kind.subresources.iter().map(below)).collect()
}

fn aggregated_answer(store: &Store, core: bool, metrics: bool) -> Response<Body> {
    let types: Vec<_> = types(store).collect();
    let mut groups = groups(store);
    groups.retain(|(group, _)| group.is_empty() == core);
    let mut items: Vec<Value> = groups
        .iter()
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| {
                    let mut served: Vec<_> =
                        types.iter().filter(|k| k.group == *group && k.versions.contains(version)).collect();
                    served.sort_by(|a, b| a.plural.cmp(&b.plural));
                    let resources: Vec<Value> = served.iter().map(|kind| aggregated_resource(kind, version)).collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = if core { json!({}) } else { json!({"name": group}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    if metrics {
        items.push(json!({
            "metadata": {"name": "metrics.k8s.io"},
            "versions": [{"version": "v1beta1", "freshness": "Current", "resources": [{
                "resource": "pods", "scope": "Namespaced", "singularResource": "", "verbs": ["get", "list"],
                "responseKind": {"group": "metrics.k8s.io", "version": "v1beta1", "kind": "PodMetrics"},
            }]}],
        }));
    }
    let list = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    });
    let body = format!("{list}\n");
    let tag = fingerprint(&body);
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(AGGREGATED));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public"));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        headers.insert(ETAG, tag);
    }
    response
}

fn aggregated_resource(kind: &ResourceType, version: &str) -> Value {
    // Custom resources name their group and version; built-in ones leave them to the surrounding group.
    let (group, shown) = if kind.custom { (kind.group.as_str(), version) } else { ("", "") };
    let mut entry = json!({
        "resource": kind.plural,
        "responseKind": {"group": group, "version": shown, "kind": kind.kind},
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": kind.verbs,
    });
    if !kind.short_names.is_empty() {
        entry["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        entry["categories"] = json!(kind.categories);
    }
    let below: Vec<Value> = kind
        .subresources
        .iter()
        .map(|sub| {
            let own = kind.custom && sub.version.is_empty();
            let (group, version) = if own { (group, shown) } else { (sub.group.as_str(), sub.version.as_str()) };
            json!({
                "subresource": sub.name,
                "responseKind": {"group": group, "version": version, "kind": sub.kind},
                "verbs": sub.verbs,
            })
        })
        .collect();
    if !below.is_empty() {
        entry["subresources"] = below.into();
    }
    entry
}

/// Tells whether a document is the one a client has: FNV-1a in eight lanes, 128 hexadecimal digits like the
/// SHA-512 of a real server.
pub(crate) fn fingerprint(text: &str) -> String {
    let mut tag = String::with_capacity(128);
    for lane in 0..8_u64 {
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325 ^ lane, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let _ = write!(tag, "{hash:016X}");
    }
    tag
}
