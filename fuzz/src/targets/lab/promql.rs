//! PromQL over the series of a world, evaluated at an instant and over a range.
//!
//! Beyond "no panic": it ends in the time that the fuzzer allows, and what has values at an instant has them over a range
//! that begins there.

use std::sync::LazyLock;

use crate::cluster::{Cluster, RUNTIME};
use axum::body::{Body, to_bytes};
use http::Request;
use meshbook_lab::api::Pods;
use serde_json::Value;
use tower::ServiceExt;

static CLUSTER: LazyLock<(Cluster, String, i64)> = LazyLock::new(|| {
    let cluster = Cluster::start("breaker");
    let pod = cluster.pod("istio-system", "prometheus");
    let now = cluster.mesh.now().as_second();
    (cluster, pod, now)
});

fn ask(path: &str, query: &str) -> Value {
    let (cluster, pod, now) = &*CLUSTER;
    let router = cluster.mesh.port("istio-system", pod, 9090).expect("Prometheus listens");
    let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let form = format!("query={escaped}&time={now}&start={now}&end={}&step=15", now + 30);
    let request =
        Request::post(path).header("Content-Type", "application/x-www-form-urlencoded").body(Body::from(form));
    RUNTIME.block_on(async {
        let Ok(response) = router.oneshot(request.expect("the request is sound")).await;
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("the body is in memory");
        serde_json::from_slice(&body).expect("Prometheus answers in JSON")
    })
}

/// See the module.
pub fn run(query: &str) {
    let instant = ask("/api/v1/query", query);
    let range = ask("/api/v1/query_range", query);
    let data = |answer: &Value| (answer["status"] == "success").then(|| answer["data"].clone());
    let (Some(instant), Some(range)) = (data(&instant), data(&range)) else { return };
    // `start()` and `end()` differ between the two.
    if instant["resultType"] == "vector" && !query.contains("start") && !query.contains("end") {
        let is_empty = |answer: &Value| answer["result"].as_array().is_none_or(Vec::is_empty);
        assert!(is_empty(&instant) || !is_empty(&range), "{query}");
    }
}
