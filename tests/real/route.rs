//! A route that leads nowhere: its answers are not the circuit breaker's, and the runbook for that says so.

use serde_json::{Value, json};

use crate::cluster::{BREAKER, Cluster, Lock};
use crate::load::{Load, Pace, in_pod, pods};

/// Where nothing but the route is wrong.
const NAMESPACE: &str = "summit-slow";

/// Held by who sends load there while there is no Prometheus.
pub static SLOW: Lock = Lock::new();

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn a_route_to_nowhere_is_told_from_a_circuit_breaker() {
    let _alone = SLOW.lock();
    let cluster = Cluster::real();
    let front = pods(&cluster, NAMESPACE, "front").remove(0);
    let host = format!("graph-core.{NAMESPACE}.svc.cluster.local");
    // Who has never reached the host is no caller of it.
    for _ in 0..3 {
        let url = format!("http://graph-core.{NAMESPACE}:8080/");
        let answer =
            in_pod(&cluster, &front, "curl").args(["-sS", "-m", "5", &url]).output().expect("curl can be started");
        assert!(answer.status.success(), "{answer:?}");
    }
    let before = cluster.object(NAMESPACE, "virtualservice", "graph-core");
    let set = |http: &Value| {
        let patch = json!({"spec": {"http": http}}).to_string();
        cluster.kubectl(&["patch", "vs", "graph-core", "-n", NAMESPACE, "--type", "merge", "-p", &patch]).ok();
    };
    let nowhere = [
        (
            "a subset that does not exist",
            "NC",
            Pace { callers: 1, pause: 200, seconds: 900 },
            json!([{"route": [{"destination": {"host": host, "subset": "v9"}}]}]),
        ),
        (
            "a host that does not exist",
            "NC",
            Pace { callers: 4, pause: 100, seconds: 900 },
            json!([{"route": [{"destination": {"host": format!("absent.{NAMESPACE}.svc.cluster.local")}}]}]),
        ),
        (
            "no route that matches",
            "NR",
            Pace { callers: 16, pause: 30, seconds: 900 },
            json!([{"match": [{"headers": {"x-test": {"exact": "canary"}}}], "route": [{"destination": {"host": host}}]}]),
        ),
    ];
    for (what, flag, pace, http) in &nowhere {
        set(http);
        // Each is much louder than the one before, whose answers are still in the minute that is looked at.
        let load = Load::on(&cluster, NAMESPACE, "graph-core", *pace, 20);
        let outcome =
            cluster.meshbook(&["run", BREAKER, "service=graph-core", "-n", NAMESPACE, "--approve", "destinationrule"]);
        load.stop();
        println!("{what}: meshbook run: {outcome}");
        assert_eq!(outcome.code, 0, "{what}: {outcome}");
        let record = cluster.newest_record();
        assert_eq!(record.ending(), "not_this", "{what}: {outcome}");
        assert!(record.said().contains(&format!("({flag})")), "{what}: {} does not name {flag}", record.said());
        assert!(record.said().contains("troubleshooting/triage.rhai"), "{what}: {}", record.said());
        assert!(record.changed().is_empty(), "{what}: nothing is changed");
    }
    set(&before["spec"]["http"]);
}
