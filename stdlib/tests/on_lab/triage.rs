//! Triage of a namespace with more services than it looks at one by one.

use std::collections::BTreeMap;

use meshbook_lab::World;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Span;
use meshbook_stdlib::triage::triage;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::world::ask;

/// A world with twenty services more.
fn crowded(world: &str) -> World {
    World::named(world).and_then(|world| world.set("crowd.proxies", 20)).expect("a variation")
}

#[test]
fn of_many_services_those_that_fail_are_looked_at() {
    let runtime = Runtime::new().expect("a runtime");
    let bound: Span = "2s".parse().expect("a span");
    let causes = ask(&runtime, crowded("breaker"), |run| triage(run, None, bound)).expect("it is told");
    let found = causes.found().expect("there are data");
    assert_eq!(found.first().map(|one| one.cause), Some("full circuit breaker"), "{}", causes.text());
    let causes = ask(&runtime, crowded("healthy"), |run| triage(run, None, bound)).expect("it is told");
    assert!(causes.found().expect("there are data").is_empty(), "{}", causes.text());
}

#[test]
fn services_that_were_not_looked_at_are_not_called_well() {
    let runtime = Runtime::new().expect("a runtime");
    let bound: Span = "2s".parse().expect("a span");
    for fault in ["down", "no-series"] {
        let world = crowded("healthy").set("faults.prometheus", fault).expect("a variation");
        let causes = ask(&runtime, world, |run| triage(run, None, bound)).expect("it is told");
        assert!(causes.missing().is_some(), "{fault}: {}", causes.text());
    }
}

/// What a run has read of Envoys and of Prometheus, by the call, each with how often. Statistics that are read to see them
/// grow are left out.
fn reads(run: &Run) -> BTreeMap<String, usize> {
    let record = std::fs::read_to_string(run.record_path().expect("a record")).expect("it can be read");
    let lines = record.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    let calls = lines.filter_map(|line| Some(line.get("effect")?.get("call")?.to_string()));
    let mut reads = BTreeMap::new();
    for call in calls.filter(|call| call.contains("config_dump") || call.contains("istio_requests_total")) {
        *reads.entry(call).or_default() += 1;
    }
    reads
}

#[test]
fn nothing_is_asked_twice_in_one_triage_and_everything_anew_in_the_next() {
    let runtime = Runtime::new().expect("a runtime");
    let bound: Span = "2s".parse().expect("a span");
    let world = World::named("breaker").expect("the lab has the world");
    let (first, both) = ask(&runtime, world, |run| {
        triage(run, Some("graph-core"), bound).expect("it is told");
        let first = reads(run);
        triage(run, Some("graph-core"), bound).expect("it is told");
        (first, reads(run))
    });
    assert!(first.len() > 10 && first.values().all(|times| *times == 1), "{first:#?}");
    assert!(both.values().all(|times| *times == 2), "{both:#?}");
}

#[test]
fn of_many_services_the_slow_one_is_looked_at() {
    let runtime = Runtime::new().expect("a runtime");
    for bound in ["2s", "150ms"] {
        let bound: Span = bound.parse().expect("a span");
        let causes = ask(&runtime, crowded("latency-cpu-limit"), |run| triage(run, None, bound)).expect("it is told");
        let found = causes.found().expect("there are data");
        assert!(found.iter().any(|one| one.cause == "CPU limit"), "{bound}: {}", causes.text());
    }
}
