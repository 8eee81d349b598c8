//! The runbook of Scenario 1 where evidence is missing, contradicts itself, or comes from where nobody looks.

use meshbook_lab::world::World;
use meshbook_runtime::failure::Exit;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::circuit_breaker::{RUNBOOK, ended, limits};
use crate::world::{Ran, What, run_in};

fn world(name: &str) -> World {
    World::named(name).expect("the lab has the world")
}

fn with_fault(world: World, path: &str, value: serde_json::Value) -> World {
    world.set(&format!("faults.{path}"), value).expect("the lab has the fault")
}

fn healed(world: World) -> Ran {
    let ran = run_in(&Runtime::new().expect("a runtime"), world, &What::Runbook(RUNBOOK, &[("service", "graph-core")]));
    ended(&ran, "fixed", Exit::Healthy);
    ran
}

fn unchanged(world: World, ending: &str, exit: Exit) -> Ran {
    let ran = run_in(&Runtime::new().expect("a runtime"), world, &What::Runbook(RUNBOOK, &[("service", "graph-core")]));
    ended(&ran, ending, exit);
    assert!(ran.changes().is_empty(), "{:?}", ran.changes());
    ran
}

#[test]
fn nothing_exported_anywhere_is_no_answer() {
    let blind = world("breaker-default-stats").without("prometheus").and_then(|world| world.without("access_logs"));
    let ran = unchanged(blind.expect("a variation"), "cannot_tell", Exit::CannotTell);
    assert!(ran.outcome.ended.message.contains("not exported"), "{}", ran.outcome.ended.message);
    assert_eq!(ran.outcome.ended.next.as_deref(), Some("reference/enable-evidence.rhai"));
}

#[test]
fn without_prometheus_envoys_counters_speak() {
    let ran = healed(world("breaker").without("prometheus").expect("a variation"));
    assert!(ran.story().contains("upstream_rq_pending_overflow"), "{}", ran.story());
}

#[test]
fn a_prometheus_that_is_down_or_empty_or_stale_is_not_a_healthy_mesh() {
    for fault in ["down", "unavailable", "no-series"] {
        let ran = healed(with_fault(world("breaker"), "prometheus", json!(fault)));
        assert!(ran.story().contains("upstream_rq_pending_overflow"), "{fault}: {}", ran.story());
    }
    // What was scraped just before still speaks of the past; the proof does not come from it.
    let ran = healed(with_fault(world("breaker"), "prometheus", json!("stale")));
    assert!(ran.story().contains("Envoy: rq_success"), "{}", ran.story());
}

#[test]
fn a_proxy_that_answers_nonsense_is_named_and_fails_nothing_before_the_change() {
    let fault = json!([{ "workload": "reports", "kind": "admin-garbage" }]);
    let ran = healed(with_fault(world("breaker").without("prometheus").expect("a variation"), "proxy", fault));
    assert!(ran.story().contains("did not answer"), "{}", ran.story());
}

#[test]
fn a_counter_beyond_a_signed_64_bit_number_is_a_counter() {
    let fault = json!([{ "workload": "front", "kind": "huge-counter" }]);
    let ran = healed(with_fault(world("breaker").without("prometheus").expect("a variation"), "proxy", fault));
    assert!(ran.story().contains("3 proxies"), "{}", ran.story());
}

#[test]
fn a_proxy_that_never_gets_the_change_is_named_and_all_is_taken_back() {
    let fault = json!([{ "workload": "front", "pod": 1, "kind": "stuck" }]);
    let ran = run_in(
        &Runtime::new().expect("a runtime"),
        with_fault(world("breaker"), "proxy", fault),
        &What::Runbook(RUNBOOK, &[("service", "graph-core")]),
    );
    assert_eq!(ran.outcome.ended.exit, Exit::TakenBack, "{}", ran.story());
    let message = &ran.outcome.ended.message;
    assert!(message.contains("front-") && message.contains("still has connections 4"), "{message}");
    assert_eq!(
        limits(&ran),
        json!({ "tcp": { "maxConnections": 4 }, "http": { "http1MaxPendingRequests": 2, "http2MaxRequests": 4 } })
    );
}

#[test]
fn callers_in_another_cluster_are_not_no_callers() {
    let elsewhere =
        json!([{ "cluster": "eu2", "workload": "storefront", "to": "graph-core.summit:8080", "rate": 50.0 }]);
    let alone = world("healthy").set("traffic", json!([])).expect("a variation");
    let ran = unchanged(with_fault(alone, "callers_elsewhere", elsewhere), "cannot_tell", Exit::CannotTell);
    assert!(ran.outcome.ended.message.contains("eu2"), "{}", ran.outcome.ended.message);
}

#[test]
fn the_applications_own_503_is_told_from_a_breakers() {
    let own = world("healthy").set("workload.graph-core.error_rate", json!(0.3)).expect("a variation");
    let ran = unchanged(
        own.set("workload.graph-core.error_code", json!(503)).expect("a variation"),
        "not_this",
        Exit::Healthy,
    );
    assert!(ran.outcome.ended.message.contains("application's own"), "{}", ran.outcome.ended.message);
    assert_eq!(ran.outcome.ended.next.as_deref(), Some("troubleshooting/triage.rhai"));
}

/// Requests go to subset v1, which has limits of its own; the rule itself allows `top`.
fn subset_breaker(top: u32) -> World {
    let rule = "objects.DestinationRule/graph-core.spec";
    let pool = |limit: u32| json!({ "tcp": { "maxConnections": limit }, "http": { "http1MaxPendingRequests": limit, "http2MaxRequests": limit } });
    let subset =
        json!([{ "name": "v1", "labels": { "version": "v1" }, "trafficPolicy": { "connectionPool": pool(3) } }]);
    let to_subset = json!([{ "destination": { "host": "graph-core.summit.svc.cluster.local", "subset": "v1" } }]);
    world("breaker")
        .set(&format!("{rule}.subsets"), subset)
        .and_then(|world| world.set(&format!("{rule}.trafficPolicy.connectionPool"), pool(top)))
        .and_then(|world| world.set("objects.VirtualService/graph-core.spec.http.default.route", to_subset))
        .expect("a variation")
}

#[test]
fn a_subset_of_its_own_is_raised_where_it_stands() {
    let ran = healed(subset_breaker(100));
    assert_eq!(ran.changes().len(), 3, "{:?}", ran.changes());
    assert!(
        ran.changes().iter().all(|change| change.contains("spec.subsets[v1].trafficPolicy.connectionPool")),
        "{:?}",
        ran.changes()
    );
}

/// Raising what refuses is not enough where the server's own limits are nearly as tight: that is seen, said, and taken
/// back.
#[test]
fn a_cure_that_only_moves_the_refusals_is_taken_back() {
    let ran = run_in(
        &Runtime::new().expect("a runtime"),
        subset_breaker(4),
        &What::Runbook(RUNBOOK, &[("service", "graph-core")]),
    );
    assert_eq!(ran.outcome.ended.exit, Exit::TakenBack, "{}", ran.story());
    assert!(ran.outcome.ended.message.contains("proxies of servers"), "{}", ran.outcome.ended.message);
    assert_eq!(limits(&ran).pointer("/tcp/maxConnections"), Some(&json!(4)));
}

#[test]
fn a_webhook_that_refuses_is_quoted() {
    let refusing = with_fault(world("breaker"), "webhook_refuses", json!("limits are frozen until Monday"));
    let ran =
        run_in(&Runtime::new().expect("a runtime"), refusing, &What::Runbook(RUNBOOK, &[("service", "graph-core")]));
    assert_eq!(ran.outcome.ended.exit, Exit::Refused, "{}", ran.story());
    assert!(ran.outcome.ended.message.contains("frozen until Monday"), "{}", ran.outcome.ended.message);
}
