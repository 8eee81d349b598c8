//! Scenario 2: a service that is slow because its callers try again too often. A burst fills its queue; since then each attempt is
//! cut off while it waits, and the retries keep the queue full although the load itself is a third of what the service can do.

use std::time::Instant;

use serde_json::json;

use crate::alerts::until_slow;
use crate::cluster::{Cluster, assert_same};
use crate::load::{Load, Pace};

/// The runbook of Scenario 2.
const LATENCY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/troubleshooting/latency.rhai");
/// Whose `graph-core` answers 40 requests a second.
const NAMESPACE: &str = "summit-slow";

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn a_retry_storm_is_ended_as_told_by_prometheus() {
    let cluster = Cluster::real();
    let untouched = cluster.object(NAMESPACE, "virtualservice", "graph-core");
    let set = |http: &serde_json::Value| {
        let patch = json!({"spec": {"http": http}}).to_string();
        cluster.kubectl(&["patch", "vs", "graph-core", "-n", NAMESPACE, "--type", "merge", "-p", &patch]).ok();
    };
    let mut http = untouched["spec"]["http"].clone();
    http[0]["retries"] = json!({"attempts": 8, "perTryTimeout": "300ms", "retryOn": "5xx,reset,connect-failure"});
    set(&http);
    let before = cluster.object(NAMESPACE, "virtualservice", "graph-core");

    let load = Load::on(&cluster, NAMESPACE, "graph-core", Pace { callers: 40, pause: 3000, seconds: 900 }, 20);
    Load::on(&cluster, NAMESPACE, "graph-core", Pace { callers: 40, pause: 10, seconds: 2 }, 1).wait();
    // Who is called has been called by an alert.
    let host = format!("destination_service=\"graph-core.{NAMESPACE}.svc.cluster.local\"");
    let p95 = "histogram_quantile(0.95, sum by (le) (rate(istio_request_duration_milliseconds_bucket";
    cluster.until_prometheus_answers(&format!("{p95}{{{host},reporter=\"source\"}}[5m]))) > 1000"));
    until_slow(&cluster, &format!("graph-core.{NAMESPACE}.svc.cluster.local"));
    let attempts = format!("istio_requests_total{{{host},reporter=\"destination\",response_flags=\"DC\"}}");
    cluster.until_prometheus_answers(&format!("sum(increase({attempts}[20s])) > 400"));
    let from = Instant::now();
    let arguments = ["service=graph-core", "bound=1s", "window=30s"];
    let outcome = cluster
        .meshbook(&[&["run", LATENCY], &arguments[..], &["-n", NAMESPACE, "--approve", "virtualservice"]].concat());
    println!("retry storm: meshbook run, {:.1} s: {outcome}", from.elapsed().as_secs_f64());
    assert_eq!(outcome.code, 0, "{outcome}");
    let record = cluster.newest_record();
    assert_eq!(record.ending(), "fixed", "{outcome}");
    assert_eq!(record.changed(), ["graph-core"], "exactly one object is changed");
    let now = cluster.object(NAMESPACE, "virtualservice", "graph-core");
    http[0]["retries"]["attempts"] = json!(1);
    assert_eq!(now["spec"]["http"], http, "only the number of retries is another");
    load.stop();
    let clean = Load::on(&cluster, NAMESPACE, "graph-core", Pace { callers: 20, pause: 500, seconds: 4 }, 20).wait();
    assert!(clean.ok > 50 && clean.failed() == 0, "the load does not run clean: {clean:?}");

    let undone = cluster.meshbook(&["undo", &record.run]);
    assert_eq!(undone.code, 0, "{undone}");
    let after = cluster.object(NAMESPACE, "virtualservice", "graph-core");
    assert_same(&before, &after, "undo leaves spec, labels, annotations and managedFields as they were");
    set(&untouched["spec"]["http"]);
}
