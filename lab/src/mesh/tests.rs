//! What must hold in every world at any time: nothing is lost, counters only grow, Little's law.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::world::World;
use traffic::counters::Counters;
use traffic::outcome::Outcome;

fn start(world: &World) -> (Mesh, Store) {
    let clock = LabClock::default();
    let store = Store::new(clock.clone());
    (Mesh::start(world.spec(), store.clone(), clock), store)
}

/// Offered, and everything that has an outcome, over all flows since the mesh began.
fn outcomes(mesh: &Mesh) -> f64 {
    let state = mesh.state();
    state.traffic.flows.iter().flat_map(|flow| &flow.totals).flat_map(|(_, totals)| totals.counters.requests).sum()
}

fn rates(mesh: &Mesh) -> Vec<(f64, f64)> {
    let state = mesh.state();
    let legs = state.traffic.flows.iter().flat_map(|flow| &flow.legs);
    legs.map(|leg| (leg.admission.offered, leg.rates.iter().sum())).collect()
}

#[test]
fn in_every_world_all_that_is_offered_has_an_outcome() {
    for summary in World::names() {
        let (mesh, _) = start(&World::named(&summary.name).unwrap());
        // A queue that grows with the waver of the load takes in what ends later.
        let growing = mesh.state().traffic.servers.iter().any(|server| server.growing);
        let margin = if growing { 0.03 } else { 1e-3 };
        for (offered, ended) in rates(&mesh) {
            assert!((offered - ended).abs() <= margin * offered, "{}: {offered} offered, {ended} ended", summary.name);
        }
    }
}

#[test]
fn what_callers_send_is_what_servers_count() {
    let world = World::named("breaker-inbound").unwrap();
    let (mesh, _) = start(&world);
    let state = mesh.state();
    let arrives = |outcome: &Outcome| outcome.at_server(500).is_some();
    let count = |counters: &Counters| {
        Outcome::ALL.iter().filter(|o| arrives(o)).map(|o| counters.requests[*o as usize]).sum::<f64>()
    };
    let sent: f64 =
        state.traffic.flows.iter().flat_map(|flow| &flow.totals).map(|(_, totals)| count(&totals.counters)).sum();
    let got: f64 = state
        .traffic
        .servers
        .iter()
        .flat_map(|server| server.from.iter().flatten())
        .map(|counters| count(counters))
        .sum();
    assert!((sent - got).abs() < 1e-6 * sent, "{sent} sent, {got} arrived");
    let refused: f64 = state.traffic.servers.iter().map(|server| server.overflow.0 + server.overflow.1).sum();
    let seen: f64 = state
        .traffic
        .flows
        .iter()
        .flat_map(|flow| &flow.totals)
        .map(|(_, totals)| totals.counters.requests[Outcome::ServerOverflow as usize])
        .sum();
    assert!((refused - seen).abs() < 0.01 * refused, "{refused} refused by servers, {seen} seen by callers");
}

#[test]
fn places_in_use_are_rate_times_latency() {
    let (mesh, _) = start(&World::named("healthy").unwrap());
    let state = mesh.state();
    for flow in &state.traffic.flows {
        for leg in &flow.legs {
            let expected = leg.admission.accepted * leg.latency;
            assert!(
                (leg.admission.active - expected).abs() < 0.05 * expected.max(0.01),
                "{} is not {expected}",
                leg.admission.active
            );
        }
    }
}

#[test]
fn a_proxy_that_retries_sends_more_than_it_was_asked() {
    let world = World::named("healthy").unwrap().set("workload.graph-core.error_rate", 0.2).unwrap();
    let (mesh, _) = start(&world);
    let state = mesh.state();
    let flow = state
        .traffic
        .flows
        .iter()
        .find(|flow| flow.legs.iter().any(|leg| leg.cluster.as_ref().is_some_and(|c| c.host.starts_with("graph-core"))))
        .unwrap();
    let (_, totals) = flow.totals.iter().find(|(name, _)| name.contains("graph-core")).unwrap();
    let asked: f64 = totals.counters.requests.iter().sum();
    // Three retries of 20 % errors: 1 + 0.2 + 0.04 + 0.008 attempts, 0.16 % of the requests fail for good.
    assert!((totals.attempts / asked - 1.248).abs() < 0.01, "{}", totals.attempts / asked);
    assert!((totals.counters.requests[Outcome::ApplicationError as usize] / asked - 0.0016).abs() < 0.0005);
}

#[test]
fn unlimited_waiting_ends_in_timeouts_not_in_refusals() {
    let rule = "objects.DestinationRule/graph-core.spec.trafficPolicy.connectionPool";
    let world = World::named("breaker").unwrap().set(rule, json!({"tcp": {"maxConnections": 4}})).unwrap();
    let (mesh, _) = start(&world);
    for (offered, ended) in rates(&mesh) {
        assert!((offered - ended).abs() <= 1e-3 * offered, "{offered} offered, {ended} ended");
    }
    let state = mesh.state();
    let of = |outcome: Outcome| {
        state.traffic.flows.iter().flat_map(|flow| &flow.legs).map(|leg| leg.rates[outcome as usize]).sum::<f64>()
    };
    assert_eq!(of(Outcome::Overflow), 0.0);
    assert!(of(Outcome::Timeout) > 100.0);
}

/// As a real Deployment's controller does: its entry gets another time, and takes nothing from anybody.
#[test]
fn a_controller_reports_on_what_was_scaled_under_its_own_entry() {
    let (mesh, store) = start(&World::named("healthy").unwrap());
    let read = || store.get("apps", "deployments", "summit", "front").unwrap();
    let entries = |object: &Value, status: bool| -> Vec<Value> {
        let all = object["metadata"]["managedFields"].as_array().unwrap();
        all.iter().filter(|entry| (entry["subresource"] == "status") == status).cloned().collect()
    };
    let mut reported = entries(&read(), true);
    assert_eq!(reported.len(), 1, "{reported:?}");
    for replicas in [5, 2, 3] {
        let mut wanted = (*read()).clone();
        wanted["spec"]["replicas"] = json!(replicas);
        store.put(wanted, "somebody");
        let changed = read();
        assert_eq!(entries(&changed, true), reported, "a change of the object is none of its status");
        mesh.advance(Duration::from_secs(8));
        let now = read();
        assert_eq!(now["status"]["replicas"], replicas);
        assert_eq!(now["status"]["observedGeneration"], now["metadata"]["generation"]);
        assert_eq!(entries(&now, false), entries(&changed, false));
        let report = entries(&now, true);
        assert_eq!((report.len(), &report[0]["manager"]), (1, &json!("kube-controller-manager")));
        assert!(report[0]["time"].as_str() > reported[0]["time"].as_str(), "{report:?} after {reported:?}");
        reported = report;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn counters_never_fall_and_nothing_is_lost_whatever_the_load(
        rate in 1.0..3000.0f64, limit in 1..200u32, pods in 1..6usize, capacity in 1..64u32, errors in 0.0..1.0f64, closed in any::<bool>(),
    ) {
        let traffic = if closed {
            json!({"from": "front", "to": "graph-core.summit:8080", "concurrency": rate / 20.0, "think": "5ms"})
        } else {
            json!({"from": "front", "to": "graph-core.summit:8080", "rate": rate})
        };
        let world = World::named("breaker")
            .and_then(|w| w.set("traffic", json!([traffic])))
            .and_then(|w| w.set("warm_up", "30s"))
            .and_then(|w| w.set("workload.graph-core.replicas", pods))
            .and_then(|w| w.set("workload.graph-core.capacity", capacity))
            .and_then(|w| w.set("workload.graph-core.error_rate", errors))
            .and_then(|w| w.set("objects.DestinationRule/graph-core.spec.trafficPolicy.connectionPool.tcp.maxConnections", limit))
            .unwrap();
        let (mesh, _) = start(&world);
        let mut before = outcomes(&mesh);
        for _ in 0..10 {
            mesh.advance(Duration::from_secs(3));
            let after = outcomes(&mesh);
            prop_assert!(after >= before && after.is_finite());
            before = after;
        }
        let growing = mesh.state().traffic.servers.iter().any(|server| server.growing);
        for (offered, ended) in rates(&mesh) {
            prop_assert!(ended <= offered * 1.001, "{} offered, {} ended", offered, ended);
            prop_assert!(growing || ended >= offered * 0.98, "{} offered, {} ended", offered, ended);
        }
    }
}
