//! Requests to the ports of pods: Envoy's admin pages, the agent, istiod's debug pages, Prometheus' API. An input is
//! `PORT TARGET`. Only `GET`: what a `POST` switches would stay for the next input.
//!
//! Beyond "no panic": it answers at once, and Prometheus' errors carry its envelope.

use std::sync::LazyLock;

use crate::cluster::{Cluster, RUNTIME};
use axum::body::{Body, to_bytes};
use http::Request;
use meshbook_lab::api::Pods;
use serde_json::Value;
use tower::ServiceExt;

static CLUSTER: LazyLock<(Cluster, [(&str, String); 3])> = LazyLock::new(|| {
    let cluster = Cluster::start("breaker");
    let pods = [("summit", "front"), ("istio-system", "istiod"), ("istio-system", "prometheus")];
    let pods = pods.map(|(namespace, workload)| (namespace, cluster.pod(namespace, workload)));
    (cluster, pods)
});

/// See the module.
pub fn run(input: &str) {
    let Some((port, target)) = input.split_once(' ') else { return };
    let (Ok(port), Ok(request)) = (port.parse(), Request::get(target).body(Body::empty())) else { return };
    let (cluster, [front, istiod, prometheus]) = &*CLUSTER;
    let (namespace, pod) = match port {
        9090 => prometheus,
        8080 | 15014 => istiod,
        _ => front,
    };
    let Some(router) = cluster.mesh.port(namespace, pod, port) else { return };
    RUNTIME.block_on(async {
        let Ok(response) = router.oneshot(request).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("the body is in memory");
        if port == 9090 && matches!(status, 400 | 422) {
            let said: Value = serde_json::from_slice(&body).expect("an error of Prometheus is JSON");
            assert_eq!(said["status"], "error", "{target}");
        }
    });
}
