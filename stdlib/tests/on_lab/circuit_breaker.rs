//! The runbook of Scenario 1 in every world: it heals its own fault only, and proves it.

use meshbook_runtime::failure::Exit;
use tokio::runtime::Runtime;

use crate::world::{Ran, What, run};

pub const RUNBOOK: &str = "troubleshooting/503-circuit-breaker.rhai";

fn in_world(world: &str) -> Ran {
    in_world_for(world, "graph-core")
}

fn in_world_for(world: &str, service: &str) -> Ran {
    let runtime = Runtime::new().expect("a runtime");
    run(&runtime, world, &What::Runbook(RUNBOOK, &[("service", service)]))
}

pub fn ended(ran: &Ran, ending: &str, exit: Exit) {
    assert_eq!((ran.outcome.ended.ending.as_str(), ran.outcome.ended.exit), (ending, exit), "{}", ran.story());
    println!("{}", ran.story());
}

pub fn limits(ran: &Ran) -> serde_json::Value {
    let rule = ran.store.get("networking.istio.io", "destinationrules", "summit", "graph-core").expect("the rule");
    rule.pointer("/spec/trafficPolicy/connectionPool").cloned().expect("its limits")
}

const RAISED: &str = r#"{"tcp":{"maxConnections":500},"http":{"http1MaxPendingRequests":500,"http2MaxRequests":500}}"#;

fn heals(world: &str) {
    let ran = in_world(world);
    ended(&ran, "fixed", Exit::Healthy);
    assert_eq!(limits(&ran), serde_json::from_str::<serde_json::Value>(RAISED).expect("JSON"));
    assert_eq!(ran.changes().len(), 3, "{:?}", ran.changes());
}

#[test]
fn heals_limits_in_the_callers_proxies() {
    heals("breaker");
}

#[test]
fn heals_limits_in_the_servers_proxies() {
    heals("breaker-inbound");
}

#[test]
fn heals_what_only_access_logs_show() {
    heals("breaker-default-stats");
}

#[test]
fn overload_is_found_and_nothing_is_changed() {
    let ran = in_world("overload");
    ended(&ran, "found", Exit::Found);
    assert!(ran.changes().is_empty());
}

#[test]
fn a_missing_upstream_is_not_a_breaker() {
    let ran = in_world("no-healthy-upstream");
    ended(&ran, "not_this", Exit::Healthy);
    assert_eq!(ran.outcome.ended.next.as_deref(), Some("troubleshooting/triage.rhai"));
    assert!(ran.outcome.ended.message.contains("UH"), "{}", ran.outcome.ended.message);
    assert!(ran.changes().is_empty());
}

#[test]
fn a_healthy_service_is_left_alone() {
    let ran = in_world("healthy");
    ended(&ran, "not_this", Exit::Healthy);
    assert_eq!(ran.outcome.ended.next, None);
    assert!(ran.changes().is_empty());
}

#[test]
fn nobody_calls_it() {
    let ran = in_world_for("healthy", "search.discovery");
    ended(&ran, "cannot_tell", Exit::CannotTell);
    assert!(ran.outcome.ended.message.contains("nobody calls"), "{}", ran.outcome.ended.message);
}

#[test]
fn an_unknown_service_is_named_with_its_nearest() {
    let ran = in_world_for("healthy", "graph-cor");
    assert_eq!(ran.outcome.ended.exit, Exit::Script, "{}", ran.story());
    let failure = ran.outcome.diagnostic.expect("a diagnostic").failure;
    assert!(failure.hint.is_some_and(|hint| hint.contains("graph-core")));
}
