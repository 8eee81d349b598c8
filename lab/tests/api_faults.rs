//! What goes wrong on purpose: throttling, slowness, an unreachable server, refusals, interference.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod api;

use std::time::{Duration, Instant};

use api::{Cluster, RULE, summit};
use meshbook_lab::api::{Faults, Interference};
use serde_json::json;

fn limit(connections: u32) -> serde_json::Value {
    json!({"spec": {"trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": connections}}}}})
}

#[tokio::test]
async fn some_calls_are_told_to_come_back_later() {
    let cluster = Cluster::with(&summit()).await;
    let retry_after = Duration::from_millis(1500);
    cluster.server.set_faults(Faults { too_many_requests: vec![2], retry_after, ..Faults::default() });
    assert_eq!(cluster.get(RULE).await.status, 200);
    let refused = cluster.get(RULE).await;
    assert_eq!((refused.status.as_u16(), &refused.headers["retry-after"]), (429, &http::HeaderValue::from(2)));
    assert_eq!(refused.json()["reason"], "TooManyRequests");
    assert_eq!(cluster.get(RULE).await.status, 200);
    assert_eq!(cluster.server.calls(), 3);
}

#[tokio::test]
async fn calls_can_be_slow_and_the_server_down() {
    let cluster = Cluster::with(&summit()).await;
    cluster.server.set_faults(Faults { api_latency: Duration::from_millis(60), ..Faults::default() });
    let begun = Instant::now();
    cluster.get(RULE).await;
    assert!(begun.elapsed() >= Duration::from_millis(60));
    cluster.server.set_faults(Faults { down: true, ..Faults::default() });
    let mut stream = tokio::net::TcpStream::connect(cluster.server.address()).await.unwrap();
    let end = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1]).await;
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}

#[tokio::test]
async fn the_webhook_refuses_or_cannot_be_reached() {
    let cluster = Cluster::with(&summit()).await;
    cluster.server.set_faults(Faults { webhook_refuses: Some("change freeze".into()), ..Faults::default() });
    let refused = cluster.merge(&format!("{RULE}?dryRun=All"), limit(5)).await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json()["message"],
        "admission webhook \"validation.istio.io\" denied the request: change freeze"
    );
    cluster.server.set_faults(Faults { webhook_unreachable: true, ..Faults::default() });
    let failed = cluster.merge(RULE, limit(5)).await;
    assert_eq!(failed.status, 500);
    assert_eq!(failed.json()["reason"], "InternalError");
    let labels = json!({"metadata": {"labels": {"a": "b"}}});
    assert_eq!(cluster.merge("/api/v1/namespaces/summit", labels).await.status, 200, "only Istio's kinds are refused");
}

#[tokio::test]
async fn somebody_changes_the_object_between_read_and_patch() {
    let cluster = Cluster::with(&summit()).await;
    let interference = Interference {
        group: "networking.istio.io".into(),
        resource: "destinationrules".into(),
        namespace: "summit".into(),
        name: "graph-core".into(),
        after_get: 2,
        patch: limit(77),
        manager: "somebody".into(),
    };
    cluster.server.set_faults(Faults { interference: vec![interference], ..Faults::default() });
    cluster.get(RULE).await;
    let read = cluster.get(RULE).await.json();
    assert_eq!(read["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["maxConnections"], 1);
    let mut patch = limit(500);
    patch["metadata"]["resourceVersion"] = read["metadata"]["resourceVersion"].clone();
    let refused = cluster.merge(RULE, patch).await;
    assert_eq!((refused.status.as_u16(), refused.json()["reason"].as_str()), (409, Some("Conflict")));
    let now = cluster.get(RULE).await.json();
    assert_eq!(now["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["maxConnections"], 77);
}

/// A kept connection, as kube keeps it: in a release build a read costs well under a millisecond.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_is_quick() {
    let cluster = Cluster::with(&summit()).await;
    let median = cluster.median_of_reads(RULE, 200).await;
    let most = if cfg!(debug_assertions) { Duration::from_millis(20) } else { Duration::from_micros(800) };
    println!("a read takes {median:?}");
    assert!(median < most, "{median:?}");
}
