//! The metrics API (`metrics.k8s.io/v1beta1`), as metrics-server answers it through the aggregation layer: what pods use,
//! read only, all in one page. Where the world has none, its paths are as unknown as on a real server without it.
//!
//! Format: <https://github.com/kubernetes/metrics/blob/master/pkg/apis/metrics/v1beta1/types.go>; CPU in billionths of a
//! core, memory in KiB, as metrics-server writes them.

use axum::body::Body;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::access::{self, Action, User};
use super::read;
use super::request::Query;
use super::selector::Selector;
use super::status::Failure;
use super::{Api, PodUsage};
use crate::crd::Catalog;

/// The group, and the only version that is served.
const GROUP: &str = "metrics.k8s.io";
const VERSION: &str = "v1beta1";

/// Answers a path of the group; `None` if it is none, or nothing serves the group.
pub(super) fn answer(
    api: &Api,
    user: &User,
    method: &Method,
    path: &str,
    query: &Query,
) -> Option<Result<Response<Body>, Failure>> {
    let rest = path.strip_prefix("/apis/")?.strip_prefix(GROUP)?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let usage = api.pods.usage()?;
    let segments: Vec<&str> = rest.split('/').filter(|segment| !segment.is_empty()).collect();
    if method != Method::GET {
        return Some(Err(Failure::method_not_allowed()));
    }
    let version = json!({"groupVersion": format!("{GROUP}/{VERSION}"), "version": VERSION});
    Some(match segments.as_slice() {
        [] => Ok(read::answer(
            StatusCode::OK,
            &json!({"kind": "APIGroup", "apiVersion": "v1", "name": GROUP, "versions": [version], "preferredVersion": version}),
        )),
        [VERSION] => Ok(read::answer(
            StatusCode::OK,
            &json!({
                "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": format!("{GROUP}/{VERSION}"),
                "resources": [{"name": "pods", "singularName": "", "namespaced": true, "kind": "PodMetrics", "verbs": ["get", "list"]}],
            }),
        )),
        [VERSION, "pods"] => pods(api, user, query, &usage, "", ""),
        [VERSION, "namespaces", namespace, "pods"] => pods(api, user, query, &usage, namespace, ""),
        [VERSION, "namespaces", namespace, "pods", name] => pods(api, user, query, &usage, namespace, name),
        _ => Err(Failure::no_route()),
    })
}

fn pods(
    api: &Api,
    user: &User,
    query: &Query,
    usage: &[PodUsage],
    namespace: &str,
    name: &str,
) -> Result<Response<Body>, Failure> {
    let kind = Catalog::get().by_plural("", "pods").expect("pods are built in");
    let verb = if name.is_empty() { "list" } else { "get" };
    let action = Action {
        verb: verb.into(),
        group: GROUP.into(),
        resource: "pods".into(),
        namespace: namespace.into(),
        name: name.into(),
    };
    if !access::allowed(user, &action, &api.faults().denied) {
        let place = if namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace {namespace:?}")
        };
        let message = format!(
            "pods.{GROUP} is forbidden: User {:?} cannot {verb} resource \"pods\" in API group {GROUP:?} {place}",
            user.name
        );
        return Err(Failure::forbidden(kind, name, message));
    }
    let selector = Selector::of(kind, query)?;
    let mut items: Vec<Value> = Vec::new();
    for one in usage.iter().filter(|one| namespace.is_empty() || one.namespace == namespace) {
        let pod = api.store.get("", "pods", &one.namespace, &one.pod);
        let Some(pod) = pod.filter(|pod| selector.matches(pod) && (name.is_empty() || one.pod == name)) else {
            continue;
        };
        items.push(item(api, one, &pod["metadata"]["labels"]));
    }
    if !name.is_empty() {
        let mut item = items.pop().ok_or_else(|| Failure::not_found(kind, name))?;
        item["kind"] = "PodMetrics".into();
        item["apiVersion"] = format!("{GROUP}/{VERSION}").into();
        return Ok(read::answer(StatusCode::OK, &item));
    }
    let list =
        json!({"kind": "PodMetricsList", "apiVersion": format!("{GROUP}/{VERSION}"), "metadata": {}, "items": items});
    Ok(read::answer(StatusCode::OK, &list))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a pod uses some cores, and no less than none"
)]
fn item(api: &Api, usage: &PodUsage, labels: &Value) -> Value {
    let now = api.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let containers: Vec<Value> = usage
        .containers
        .iter()
        .map(|(name, cores, bytes)| {
            let cpu = format!("{}n", (cores * 1e9).round() as u64);
            json!({"name": name, "usage": {"cpu": cpu, "memory": format!("{}Ki", bytes / 1024)}})
        })
        .collect();
    json!({
        "metadata": {"name": usage.pod, "namespace": usage.namespace, "creationTimestamp": now, "labels": labels},
        "timestamp": now, "window": "15s", "containers": containers,
    })
}
