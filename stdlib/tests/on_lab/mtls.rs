//! The runbook of Scenario 3 in its worlds, and in those that only look like them.

use meshbook_lab::world::World;
use meshbook_runtime::failure::Exit;
use meshbook_stdlib::host::resolve::resolve;
use meshbook_stdlib::tls::diagnose::diagnose;
use tokio::runtime::Runtime;

use crate::circuit_breaker::ended;
use crate::world::{Ran, What, ask, run};

const RUNBOOK: &str = "troubleshooting/mtls.rhai";

fn in_world(world: &str) -> Ran {
    let runtime = Runtime::new().expect("a runtime");
    run(&runtime, world, &What::Runbook(RUNBOOK, &[("service", "graph-core")]))
}

fn heals(world: &str) {
    let ran = in_world(world);
    ended(&ran, "fixed", Exit::Healthy);
    assert_eq!(ran.changes(), ["DestinationRule summit/graph-core: spec.trafficPolicy.tls.mode"]);
    let rule = ran.store.get("networking.istio.io", "destinationrules", "summit", "graph-core").expect("the rule");
    assert_eq!(rule.pointer("/spec/trafficPolicy/tls"), None);
    assert!(rule.pointer("/spec/trafficPolicy/connectionPool/tcp/maxConnections").is_some(), "the rest stays");
}

fn finds(world: &str, cause: &str) {
    let ran = in_world(world);
    ended(&ran, "found", Exit::Found);
    assert!(ran.changes().is_empty());
    assert!(ran.outcome.ended.message.contains(cause), "{}", ran.story());
}

#[test]
fn removes_what_switches_tls_off() {
    heals("mtls-disabled-by-rule");
}

#[test]
fn removes_tls_of_another_kind() {
    heals("mtls-simple-by-rule");
}

#[test]
fn finds_what_no_rule_brings_about() {
    finds("mtls-plaintext-caller", "plaintext caller under STRICT");
    finds("mtls-expired-certificate", "expired certificate");
    finds("mtls-two-roots", "two roots");
    finds("mtls-missing-sidecar", "no sidecar on the server");
}

#[test]
fn other_faults_are_not_this() {
    for world in ["breaker", "healthy", "overload"] {
        let ran = in_world(world);
        ended(&ran, "not_this", Exit::Healthy);
        assert!(ran.changes().is_empty());
    }
}

#[test]
fn the_circuit_breakers_runbook_names_this_one() {
    let runtime = Runtime::new().expect("a runtime");
    for world in ["mtls-disabled-by-rule", "mtls-simple-by-rule"] {
        let ran = run(&runtime, world, &What::Runbook(crate::circuit_breaker::RUNBOOK, &[("service", "graph-core")]));
        ended(&ran, "not_this", Exit::Healthy);
        assert!(ran.changes().is_empty());
    }
}

#[test]
fn the_diagnosis_comes_to_the_cause_that_the_runbook_deals_with() {
    let runtime = Runtime::new().expect("a runtime");
    for (world, cause) in [
        ("healthy", None),
        ("breaker", None),
        ("mtls-disabled-by-rule", Some("TLS switched off by a rule")),
        ("mtls-simple-by-rule", Some("TLS of another kind set by a rule")),
        ("mtls-plaintext-caller", Some("plaintext caller under STRICT")),
        ("mtls-expired-certificate", Some("expired certificate")),
        ("mtls-two-roots", Some("two roots")),
        ("mtls-missing-sidecar", Some("no sidecar on the server")),
    ] {
        let found = ask(&runtime, World::named(world).expect("the world"), |run| {
            let host = resolve(run, "graph-core").expect("the host");
            diagnose(run, &host)
        });
        let found = found.unwrap_or_else(|failure| panic!("{world}: {failure}")).0.expect("there are data");
        assert_eq!(found.first().map(|finding| finding.cause), cause, "{world}: {found:?}");
        for finding in &found {
            assert!(finding.harm > 0.0 && finding.harm <= 1.0 && !finding.evidence.is_empty(), "{world}: {finding:?}");
            let own = finding.runbook == "troubleshooting/mtls.rhai";
            assert_eq!(finding.arguments, if own { vec!["service=graph-core.summit"] } else { Vec::new() });
        }
    }
}
