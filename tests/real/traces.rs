//! Traces that real sidecars send to a real Jaeger: which services it knows, which requests were slow, where their time went.

use serde_json::Value;

use crate::cluster::{Cluster, Outcome};
use crate::load::{Load, Pace};
use crate::route::SLOW;

/// Whose requests are traced, and whose `graph-core` takes 100 ms for each.
const NAMESPACE: &str = "summit-slow";
/// How Istio names a workload in its spans, unless told otherwise.
const SERVICE: &str = "graph-core.summit-slow";

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn jaeger_says_where_the_time_of_a_request_goes() {
    let _alone = SLOW.lock();
    let cluster = Cluster::real();
    // A tenth of these is traced; a place is free for each, so that the time is the application's own.
    Load::on(&cluster, NAMESPACE, "graph-core", Pace { callers: 2, pause: 50, seconds: 20 }, 100).wait();

    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let run = |script: &str| -> Outcome {
        let file = folder.path().join("traces.rhai");
        std::fs::write(&file, script).expect("the folder can be written");
        cluster.meshbook(&["run", &file.to_string_lossy(), "-n", NAMESPACE, "-o", "json"])
    };
    let outcome = run(r#"show(jaeger::services());
        let slow = jaeger::slow_traces("graph-core.summit-slow", over("2m"), over("90ms"), 5);
        show(slow.len());
        show(slow.first().duration().value());
        show(slow.first().own_times());
        show(slow.first().own_times().largest());
        show(jaeger::slow_traces("graph-core.summit-slow", over("2m"), over("1h")).is_empty());
        show(jaeger::slow_traces("absent.summit-slow", over("2m"), over("1ms")).is_empty());
        not_this("it only looks");"#);
    println!("traces: meshbook run: {outcome}");
    assert_eq!(outcome.code, 0, "{outcome}");
    let document: Value = serde_json::from_str(&outcome.stdout).expect("-o json prints one document");
    let shown: Vec<&Value> =
        document["shown"].as_array().expect("a run shows values").iter().map(|shown| &shown["value"]).collect();
    let services = shown[0].as_array().expect("a list of services");
    for service in [SERVICE, "front.summit-slow"] {
        assert!(services.iter().any(|known| known == service), "{service} is not among {services:?}");
    }
    assert_eq!(shown[1], 5, "as many as were asked for");
    let seconds = shown[2].as_f64().expect("a duration in seconds");
    assert!((0.1..20.0).contains(&seconds), "a request takes 100 ms: {seconds}");
    assert_eq!(shown[4], SERVICE, "its own work is the most: {}", shown[3]);
    assert_eq!(
        (shown[5], shown[6]),
        (&Value::Bool(true), &Value::Bool(true)),
        "nothing took an hour, and nobody is absent"
    );
}
