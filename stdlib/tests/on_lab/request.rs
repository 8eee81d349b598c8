//! Throw-away pods: whose traffic they make, that they get none, and that none stays.

use meshbook_runtime::failure::Exit;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::world::{Ran, What, run};

fn ask(world: &str, script: &str) -> Ran {
    run(&Runtime::new().expect("a runtime"), world, &What::Text(script))
}

fn pods(ran: &Ran) -> Vec<String> {
    let name = |pod: &Value| pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    ran.store
        .list("", "pods", Some("summit"))
        .iter()
        .map(|pod| name(pod))
        .filter(|name| name.contains("-request-"))
        .collect()
}

#[test]
fn no_pod_stays_whatever_happens() {
    for (script, exit) in [
        (
            r#"step "x" { workload("front").request(host("graph-core")); workload("front").request(host("catalog")); check("asked", true); }"#,
            None,
        ),
        (r#"step "x" { workload("front").request(host("graph-core")); throw "no"; }"#, Some(Exit::TakenBack)),
        (
            r#"step "x" { workload("front").request("graph-core:8080", "/", #{ image: "registry.invalid/curl:1" }); }"#,
            Some(Exit::TakenBack),
        ),
        (
            r#"step "x" { workload("front").request("graph-core:8080", "/", #{ image: "registry.example/busybox:1" }); }"#,
            Some(Exit::TakenBack),
        ),
        (r#"step "x" { check("asked", workload("front").request(host("graph-core")).are(200)); }"#, None),
    ] {
        let ran = ask("healthy", script);
        assert!(pods(&ran).is_empty(), "{script}: {:?} stays", pods(&ran));
        assert!(ran.outcome.ended.left_behind.is_empty(), "{script}: {}", ran.story());
        assert!(!ran.outcome.ended.taken_back.is_empty(), "{script} makes a pod: {}", ran.story());
        if let Some(exit) = exit {
            assert_eq!(ran.outcome.ended.exit, exit, "{script}: {}", ran.story());
        }
    }
}

#[test]
fn what_goes_wrong_on_the_way_is_told_as_the_callers_proxies_meet_it() {
    for (world, script, told) in [
        ("mtls-disabled-by-rule", r#"workload("front").request(host("graph-core"))"#, "503 (UC)"),
        ("route-to-nowhere", r#"workload("front").request(host("graph-core"))"#, "503 (NC)"),
        ("healthy", r#"workload("front").request("graph-core:9", "/", #{ timeout: "2s" })"#, "no answer: timed out"),
        ("healthy", r#"workload("front").request("graph-core.summit.svc.cluster.local:8080")"#, "1 request: 200"),
    ] {
        let ran = ask(world, script);
        let text = meshbook_stdlib::show::text(&ran.outcome.value);
        assert!(text.contains(told), "{world}: {script} says {text}, not {told}: {}", ran.story());
    }
}
