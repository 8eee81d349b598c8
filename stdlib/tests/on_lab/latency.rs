//! The runbook of Scenario 2 in every world: it heals its own causes only, one thing at a time, and proves it; and the
//! diagnosis in Rust comes to the same cause.

use meshbook_lab::world::World;
use meshbook_runtime::failure::Exit;
use meshbook_runtime::value::Span;
use meshbook_stdlib::host::resolve::resolve;
use meshbook_stdlib::latency::diagnose;
use tokio::runtime::Runtime;

use crate::circuit_breaker::ended;
use crate::world::{Ran, What, ask, run, run_in};

const RUNBOOK: &str = "troubleshooting/latency.rhai";

fn in_world(world: &str, params: &[(&str, &str)]) -> Ran {
    let runtime = Runtime::new().expect("a runtime");
    let params: Vec<_> = [("service", "graph-core")].into_iter().chain(params.iter().copied()).collect();
    run(&runtime, world, &What::Runbook(RUNBOOK, &params))
}

fn finds(world: &str, cause: &str, says: &str) {
    let ran = in_world(world, &[]);
    ended(&ran, "found", Exit::Found);
    assert!(ran.outcome.ended.message.starts_with(cause), "{}", ran.outcome.ended.message);
    assert!(ran.outcome.ended.message.contains(says), "{}", ran.outcome.ended.message);
    assert!(ran.changes().is_empty());
}

fn heals(world: &str, change: &[&str]) -> Ran {
    let ran = in_world(world, &[]);
    ended(&ran, "fixed", Exit::Healthy);
    assert_eq!(ran.changes(), change);
    ran
}

#[test]
fn a_slow_dependency_is_named() {
    finds("latency-slow-dependency", "slow dependency", "service=store.summit");
}

#[test]
fn a_chain_of_timeouts_is_told_from_a_slow_dependency() {
    finds("latency-timeout-chain", "chain of timeouts", "store.summit (10s)");
}

#[test]
fn a_cpu_limit_is_found_with_its_figure() {
    finds("latency-cpu-limit", "CPU limit", "% of its periods");
}

#[test]
fn ejected_hosts_are_found_with_what_ejects_them() {
    finds("latency-ejected-hosts", "ejected hosts", "outlierDetection of DestinationRule summit/graph-core");
}

#[test]
fn a_retry_storm_is_healed_and_every_other_field_of_the_routes_stays() {
    let before = World::named("latency-retry-storm").expect("the world");
    let ran = heals("latency-retry-storm", &["VirtualService summit/graph-core: spec.http[default].retries.attempts"]);
    let service = ran.store.get("networking.istio.io", "virtualservices", "summit", "graph-core").expect("the service");
    let mut spec = before.spec().objects[0]["spec"].clone();
    spec["http"][1]["retries"]["attempts"] = 1.into();
    assert_eq!(service["spec"], spec);
}

#[test]
fn too_few_replicas_are_healed() {
    let ran = heals("latency-too-few-replicas", &["Deployment summit/graph-core: spec.replicas"]);
    let deployment = ran.store.get("apps", "deployments", "summit", "graph-core").expect("the deployment");
    assert!(deployment["spec"]["replicas"].as_u64() >= Some(4), "{}", deployment["spec"]["replicas"]);
}

#[test]
fn the_autoscalers_minimum_is_raised_where_there_is_one() {
    let ran = heals("latency-hpa", &["HorizontalPodAutoscaler summit/graph-core: spec.minReplicas"]);
    let deployment = ran.store.get("apps", "deployments", "summit", "graph-core").expect("the deployment");
    assert!(deployment["spec"]["replicas"].as_u64() >= Some(4), "the autoscaler has followed");
}

#[test]
fn an_exhausted_pool_is_healed() {
    heals(
        "latency-exhausted-pool",
        &["DestinationRule summit/graph-core: spec.trafficPolicy.connectionPool.tcp.maxConnections"],
    );
}

#[test]
fn a_bound_on_replicas_is_kept() {
    let ran = in_world("latency-too-few-replicas", &[("max_replicas", "2")]);
    ended(&ran, "found", Exit::Found);
    assert!(ran.changes().is_empty(), "{}", ran.story());
    let world = World::named("latency-hpa")
        .and_then(|w| w.set("objects.HorizontalPodAutoscaler/graph-core.spec.maxReplicas", 3))
        .expect("the world");
    let runtime = Runtime::new().expect("a runtime");
    let ran = run_in(&runtime, world, &What::Runbook(RUNBOOK, &[("service", "graph-core")]));
    assert_eq!(ran.outcome.ended.exit, Exit::Refused, "{}", ran.story());
    assert!(ran.changes().is_empty());
}

#[test]
fn what_only_fails_sooner_is_not_healed() {
    // Twice the load: one retry is still too many, so that requests fail after 0.8 s instead of 4.
    let world =
        World::named("latency-retry-storm").and_then(|w| w.set("traffic.front.rate", 200.0)).expect("the world");
    let runtime = Runtime::new().expect("a runtime");
    let ran = run_in(&runtime, world, &What::Runbook(RUNBOOK, &[("service", "graph-core")]));
    assert_eq!(ran.outcome.ended.exit, Exit::TakenBack, "{}", ran.story());
    let service = ran.store.get("networking.istio.io", "virtualservices", "summit", "graph-core").expect("the service");
    assert_eq!(service["spec"]["http"][1]["retries"]["attempts"], 8, "taken back");
}

#[test]
fn other_worlds_are_not_this_and_nothing_is_changed() {
    for (world, next) in [
        ("healthy", None),
        ("breaker", Some("troubleshooting/503-circuit-breaker.rhai")),
        ("no-healthy-upstream", Some("troubleshooting/triage.rhai")),
    ] {
        let ran = in_world(world, &[]);
        ended(&ran, "not_this", Exit::Healthy);
        assert_eq!(ran.outcome.ended.next.as_deref(), next, "{world}");
        assert!(ran.changes().is_empty());
    }
}

#[test]
fn without_telemetry_nothing_is_told() {
    for path in ["telemetry.prometheus", "telemetry.istio_metrics"] {
        let world = World::named("latency-retry-storm").and_then(|w| w.set(path, false)).expect("the world");
        let runtime = Runtime::new().expect("a runtime");
        let ran = run_in(&runtime, world, &What::Runbook(RUNBOOK, &[("service", "graph-core")]));
        ended(&ran, "cannot_tell", Exit::CannotTell);
        assert!(ran.changes().is_empty());
    }
}

#[test]
fn the_diagnosis_comes_to_the_cause_that_the_runbook_deals_with() {
    let runtime = Runtime::new().expect("a runtime");
    let bound: Span = "2s".parse().expect("a span");
    for (world, cause) in [
        ("healthy", None),
        ("breaker", None),
        ("latency-slow-dependency", Some("slow dependency")),
        ("latency-timeout-chain", Some("chain of timeouts")),
        ("latency-cpu-limit", Some("CPU limit")),
        ("latency-ejected-hosts", Some("ejected hosts")),
        ("latency-retry-storm", Some("retries")),
        ("latency-exhausted-pool", Some("full pool")),
        ("latency-too-few-replicas", Some("too few replicas")),
        ("latency-hpa", Some("too few replicas")),
    ] {
        let world_of = World::named(world).expect("the world");
        let found = ask(&runtime, world_of, |run| {
            let host = resolve(run, "graph-core").expect("the host");
            diagnose(run, &host, bound)
        });
        let found = found.unwrap_or_else(|failure| panic!("{world}: {failure}")).expect("there are data");
        assert_eq!(found.first().map(|finding| finding.cause), cause, "{world}: {found:?}");
        for finding in &found {
            assert!(finding.harm > 0.05 && finding.harm <= 1.0 && !finding.evidence.is_empty(), "{world}: {finding:?}");
            let service = if finding.cause == "slow dependency" { "store.summit" } else { "graph-core.summit" };
            assert_eq!(finding.arguments, [format!("service={service}"), "bound=2s".to_owned()]);
        }
    }
    let blind = World::named("latency-retry-storm").and_then(|w| w.without("prometheus")).expect("a variation");
    let told = ask(&runtime, blind, |run| {
        let host = resolve(run, "graph-core").expect("the host");
        diagnose(run, &host, bound).expect("no failure")
    });
    assert!(told.is_err(), "without data there is no diagnosis: {told:?}");
}
