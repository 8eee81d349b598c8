//! Scenario 1: a circuit breaker of 1 on `graph-core`, found, raised, proved and undone on a real mesh, whatever the mesh exports.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cluster::{BREAKER, Cluster, assert_same};
use crate::load::{Load, Pace, logged, pods, thresholds};

/// `proxyStatsMatcher` exports the clusters' counters; there is no Prometheus.
#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn by_envoy_statistics() {
    scenario("summit-stats", "upstream_rq_pending_overflow", |_| {});
    // The same once more, by hand.
    crate::prompt::incident(&Cluster::real(), "summit-stats");
}

/// Istio's default statistics: only the access log knows.
#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn by_access_logs() {
    scenario("summit-logs", "access log", |_| {});
}

/// A real Prometheus has `istio_requests_total`.
#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn by_prometheus() {
    scenario("summit", "istio_requests_total", |cluster| {
        // Prometheus has to know the host for longer than the 30 s that are asked of it.
        let refused_then =
            r#"istio_requests_total{destination_service_namespace="summit",response_flags="UO"} offset 40s"#;
        cluster.until_prometheus_answers(refused_then);
    });
}

/// The whole scenario in one namespace; `source` is what the report must name as its evidence, and `began` waits until
/// that source has seen enough of the load.
fn scenario(namespace: &str, source: &str, began: impl FnOnce(&Cluster)) {
    let cluster = Cluster::real();
    let front = pods(&cluster, namespace, "front").remove(0);
    let host = format!("||graph-core.{namespace}.svc.cluster.local");
    let before = cluster.object(namespace, "destinationrule", "graph-core");
    assert_limits(&cluster, &front, &host, 1);

    let load = Load::start(&cluster, namespace, 900);
    began(&cluster);
    let from = Instant::now();
    let outcome =
        cluster.meshbook(&["run", BREAKER, "service=graph-core", "-n", namespace, "--approve", "destinationrule"]);
    let took = from.elapsed();
    let under_fire = load.stop();
    println!(
        "{namespace}: meshbook run, {:.1} s, answers meanwhile: {under_fire:?}\n{}",
        took.as_secs_f64(),
        outcome.stdout
    );
    assert_eq!(outcome.code, 0, "{outcome}");
    assert!(under_fire.unavailable > 100, "the breaker refused too little to prove anything: {under_fire:?}");
    assert!(outcome.stdout.contains(&front), "the report does not name {front}, which was refused:\n{outcome}");
    assert!(outcome.stdout.contains(source), "the report does not name its source, {source}:\n{outcome}");

    let record = cluster.newest_record();
    let ended = record.events("ended").next().expect("a run that ended says so in its record");
    assert_eq!(ended["ending"], "fixed", "{ended}");
    let changed: Vec<_> = record.events("changing").map(|change| &change["object"]["name"]).collect();
    assert_eq!(changed, [&json!("graph-core")], "exactly one object is changed");

    // What the API server and the Envoys say themselves, not what meshbook says of them.
    let pool = &cluster.object(namespace, "destinationrule", "graph-core")["spec"]["trafficPolicy"]["connectionPool"];
    assert_eq!(
        pool,
        &json!({"tcp": {"maxConnections": 500}, "http": {"http1MaxPendingRequests": 500, "http2MaxRequests": 500}})
    );
    assert_limits(&cluster, &front, &host, 500);
    for server in pods(&cluster, namespace, "graph-core") {
        assert_limits(&cluster, &server, "inbound|8080||", 500);
    }
    let refused = logged(&cluster, &front, "UO");
    let clean = Load::on(&cluster, namespace, "graph-core", Pace { callers: 16, pause: 20, seconds: 8 }, 100).wait();
    println!("{namespace}: answers afterwards: {clean:?}");
    assert!(
        clean.ok > 500 && clean.unavailable == 0 && clean.other == 0 && clean.lost == 0,
        "the load does not run clean: {clean:?}"
    );
    assert_eq!(logged(&cluster, &front, "UO"), refused, "Envoy's access log has new refusals");

    let from = Instant::now();
    let undone = cluster.meshbook(&["undo", &record.run]);
    println!("{namespace}: meshbook undo, {:.2} s\n{}", from.elapsed().as_secs_f64(), undone.stdout);
    assert_eq!(undone.code, 0, "{undone}");
    let after = cluster.object(namespace, "destinationrule", "graph-core");
    assert_same(&before, &after, "undo leaves spec, labels, annotations and managedFields as they were");
    assert_limits(&cluster, &front, &host, 1);
}

/// Waits until a real Envoy has the limit in every cluster of that name; istiod needs a moment to send it.
#[track_caller]
fn assert_limits(cluster: &Cluster, pod: &str, part: &str, limit: u64) {
    let from = Instant::now();
    loop {
        let found = thresholds(cluster, pod, part);
        let carries = |threshold: &Value| {
            ["max_connections", "max_pending_requests", "max_requests"]
                .iter()
                .all(|field| threshold[field] == json!(limit))
        };
        if !found.is_empty() && found.iter().all(|(_, threshold)| carries(threshold)) {
            return;
        }
        assert!(from.elapsed().as_secs() < 10, "{pod} does not carry {limit} after 10 s: {found:?}");
        thread::sleep(Duration::from_millis(100));
    }
}
