//! The runbook of Scenario 5 in its worlds, its diagnosis in those that only look like them, and its inverse.

use std::time::Duration;

use meshbook_lab::world::World;
use meshbook_runtime::failure::Exit;
use meshbook_stdlib::memory::diagnose::diagnose;
use meshbook_stdlib::memory::gather::gather;
use meshbook_stdlib::triage::triage;
use meshbook_stdlib::workload::resolve::workload;
use tokio::runtime::Runtime;

use crate::circuit_breaker::ended;
use crate::world::{Ran, What, ask, run, run_in};

const RUNBOOK: &str = "troubleshooting/sidecar-memory.rhai";

fn in_world(world: World) -> Ran {
    let runtime = Runtime::new().expect("a runtime");
    run_in(&runtime, world, &What::Runbook(RUNBOOK, &[("workload", "graph-core")]))
}

fn named(name: &str) -> World {
    World::named(name).expect("the lab has the world")
}

fn sidecar(ran: &Ran) -> Option<meshbook_lab::store::Object> {
    ran.store.get("networking.istio.io", "sidecars", "summit", "graph-core")
}

#[test]
fn creates_the_sidecar_resource_that_keeps_what_is_asked() {
    let ran = in_world(named("memory-configuration-size"));
    ended(&ran, "fixed", Exit::Healthy);
    let created = sidecar(&ran).expect("it is there");
    let hosts = created.pointer("/spec/egress/0/hosts").expect("it has hosts");
    assert_eq!(
        *hosts,
        serde_json::json!([
            "summit/catalog.summit.svc.cluster.local",
            "summit/store.summit.svc.cluster.local",
            "istio-system/*"
        ])
    );
    let deployment = ran.store.get("apps", "deployments", "summit", "graph-core").expect("the workload");
    assert_eq!(deployment.pointer("/metadata/generation"), Some(&serde_json::json!(1)), "nothing was rolled out");
}

#[test]
fn raises_the_limit_with_what_is_in_effect_beside_it() {
    let ran = in_world(named("memory-low-limit"));
    ended(&ran, "fixed", Exit::Healthy);
    let deployment = ran.store.get("apps", "deployments", "summit", "graph-core").expect("the workload");
    let annotations = &deployment["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(annotations["sidecar.istio.io/proxyMemoryLimit"], "128Mi");
    assert_eq!(annotations["sidecar.istio.io/proxyMemory"], "40Mi", "the request stays");
    assert!(sidecar(&ran).is_none());
}

#[test]
fn a_limit_that_does_not_come_about_is_taken_back() {
    let ran = in_world(named("memory-limit-in-vain"));
    assert_eq!(ran.outcome.ended.exit, Exit::TakenBack, "{}", ran.story());
    let deployment = ran.store.get("apps", "deployments", "summit", "graph-core").expect("the workload");
    assert_eq!(deployment.pointer("/spec/template/metadata/annotations"), None, "all four are gone again");
}

#[test]
fn what_a_run_created_is_deleted_when_its_step_fails() {
    let text = r#"step "create" {
        workload("graph-core").sidecar_memory(over("30m")).limit_configuration();
        check("is it enough?", false);
    }"#;
    let runtime = Runtime::new().expect("a runtime");
    let ran = run(&runtime, "memory-configuration-size", &What::Text(text));
    assert_eq!(ran.changes().len(), 2, "{}", ran.story());
    assert_eq!(ran.outcome.ended.exit, Exit::TakenBack, "{}", ran.story());
    assert!(sidecar(&ran).is_none(), "{}", ran.story());
}

#[test]
fn an_own_limit_in_the_pod_template_is_found_and_left() {
    let own = serde_json::json!([{ "name": "istio-proxy", "image": "auto", "resources": { "limits": { "memory": "56Mi" }, "requests": { "memory": "40Mi" } } }]);
    let world =
        named("memory-low-limit").set("workload.graph-core.annotations", serde_json::json!({})).expect("a field");
    let world = world.set("workload.graph-core.own_sidecar", own).expect("a field");
    let ran = in_world(world);
    ended(&ran, "found", Exit::Found);
    assert!(ran.changes().is_empty());
    assert!(ran.outcome.ended.message.contains("of its own, whose limit wins"), "{}", ran.story());
}

#[test]
fn the_diagnosis_comes_to_the_cause_that_the_runbook_deals_with() {
    let runtime = Runtime::new().expect("a runtime");
    for (world, cause) in [
        ("healthy", None),
        ("breaker", None),
        ("overload", None),
        ("latency-cpu-limit", None),
        ("control-plane-stale-istiod", None),
        ("memory-leak", Some("memory leak")),
        ("memory-low-limit", Some("low memory limit")),
        ("memory-limit-in-vain", Some("low memory limit")),
        ("memory-configuration-size", Some("configuration size")),
    ] {
        let found = ask(&runtime, named(world), |run| {
            let work = workload(run, "graph-core").expect("the workload");
            diagnose(run, work.object()).map(|diagnosed| diagnosed.diagnosis)
        });
        let found = found.unwrap_or_else(|failure| panic!("{world}: {failure}")).expect("there are data");
        assert_eq!(found.first().map(|finding| finding.cause), cause, "{world}: {found:?}");
        for finding in &found {
            assert!(finding.harm > 0.0 && finding.harm <= 1.0 && !finding.evidence.is_empty(), "{world}: {finding:?}");
            assert_eq!(
                (finding.runbook, finding.arguments.as_slice()),
                (RUNBOOK, &["workload=graph-core".to_owned()][..])
            );
        }
    }
}

#[test]
fn without_a_course_of_time_nothing_is_said() {
    let runtime = Runtime::new().expect("a runtime");
    for world in [
        named("memory-leak").without("prometheus").expect("a source"),
        named("memory-leak").set("warm_up", "2m").expect("a field"),
        named("memory-leak").set("telemetry.cpu", false).expect("a field"),
    ] {
        let found = ask(&runtime, world, |run| {
            let work = workload(run, "graph-core").expect("the workload");
            diagnose(run, work.object()).map(|diagnosed| diagnosed.diagnosis)
        });
        let found = found.unwrap_or_else(|failure| panic!("{failure}"));
        assert!(found.is_err(), "{found:?}");
    }
}

/// Where every sidecar waits to be started again, none answers, and none has a figure of now.
#[test]
fn sidecars_that_all_wait_to_be_started_again_are_judged_by_what_they_had() {
    let runtime = Runtime::new().expect("a runtime");
    let world = named("memory-low-limit").set("workload.graph-core.replicas", 1).expect("a variation");
    let bound = "2s".parse().expect("a span");
    let found = ask(&runtime, world, |run| {
        let work = workload(run, "graph-core").expect("the workload");
        for _ in 0..240 {
            let memory = gather(run, work.object(), "30m".parse().expect("a span")).expect("it is told");
            if memory.outcome().is_ok_and(|seen| seen.sidecars.iter().all(|one| one.is_past)) {
                return Some((memory.verdict(), triage(run, Some("graph-core"), bound).expect("it is told")));
            }
            run.sleep(Duration::from_secs(5)).expect("time passes");
        }
        None
    });
    let (verdict, causes) = found.expect("its only sidecar is killed now and then");
    let verdict = verdict.expect("it can be told").expect("something is wrong");
    assert_eq!(verdict.cause, "low memory limit", "{}", verdict.what);
    let causes: Vec<_> = causes.found().expect("there are data").iter().map(|one| one.cause).collect();
    assert_eq!(causes.first(), Some(&"low memory limit"), "{causes:?}");
    assert!(!causes.contains(&"no healthy endpoint"), "what follows from it is no cause of its own: {causes:?}");
}
