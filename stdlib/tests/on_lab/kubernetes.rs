//! What changes objects by server-side apply, what cannot be taken back, and who owns the fields after it.

use meshbook_lab::world::World;
use meshbook_runtime::failure::Exit;
use meshbook_stdlib::kubernetes::configuration;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::world::{Ran, What, ask, run};

fn in_healthy(script: &str) -> Ran {
    run(&Runtime::new().expect("a runtime"), "healthy", &What::Text(script))
}

fn rule(ran: &Ran) -> Value {
    let rule = ran.store.get("networking.istio.io", "destinationrules", "summit", "graph-core");
    let mut rule = (*rule.expect("the rule is there")).clone();
    for counter in ["resourceVersion", "generation"] {
        rule["metadata"][counter] = Value::Null;
    }
    rule
}

const APPLY: &str = r#"k8s::apply(#{ apiVersion: "networking.istio.io/v1", kind: "DestinationRule", metadata: #{ name: "graph-core" }, spec: #{ trafficPolicy: #{ connectionPool: #{ tcp: #{ connectTimeout: "3s" } } } } });"#;
const CREATE: &str = r#"k8s::apply(#{ apiVersion: "v1", kind: "ConfigMap", metadata: #{ name: "hours" }, data: #{ monday: "9-17", sunday: "none" } });"#;

#[test]
fn what_was_applied_is_taken_back_with_its_owners() {
    let before = rule(&in_healthy("()"));
    let ran = in_healthy(&format!(r#"step "x" {{ {APPLY} check("it helps", false); }}"#));
    assert_eq!(ran.outcome.ended.exit, Exit::TakenBack, "{}", ran.story());
    assert_eq!(rule(&ran), before, "fields and managedFields are as before");
}

#[test]
fn an_apply_owns_its_fields_and_no_others() {
    let ran = in_healthy(&format!(r#"step "x" {{ {APPLY} check("it helps", true); }}"#));
    let rule = rule(&ran);
    assert_eq!(rule["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["connectTimeout"], "3s");
    let managed = rule["metadata"]["managedFields"].as_array().expect("it has owners");
    let ours = managed.iter().find(|entry| entry["manager"] == "meshbook").expect("it is one of them");
    assert_eq!(ours["operation"], "Apply");
    let fields =
        json!({ "f:spec": { "f:trafficPolicy": { "f:connectionPool": { "f:tcp": { "f:connectTimeout": {} } } } } });
    assert_eq!(ours["fieldsV1"], fields);
}

#[test]
fn what_it_created_is_deleted_again() {
    let ran = in_healthy(&format!(r#"step "x" {{ {CREATE} check("it helps", false); }}"#));
    assert_eq!(ran.outcome.ended.exit, Exit::TakenBack, "{}", ran.story());
    assert!(ran.store.get("", "configmaps", "summit", "hours").is_none());
}

#[test]
fn the_next_apply_takes_away_what_it_no_longer_names() {
    let again = CREATE.replace(r#", sunday: "none""#, "").replace("9-17", "10-17");
    let ran = in_healthy(&format!(r#"step "x" {{ {CREATE} {again} {again} check("it helps", true); }}"#));
    let hours = ran.store.get("", "configmaps", "summit", "hours").expect("it is there");
    assert_eq!(hours["data"], json!({ "monday": "10-17" }), "{}", ran.story());
    let managed = hours["metadata"]["managedFields"].as_array().expect("it has owners");
    assert_eq!(managed.len(), 1, "{managed:?}");
    assert_eq!(managed[0]["operation"], "Apply");
}

#[test]
fn what_a_patch_of_our_own_has_set_is_taken_over() {
    let patch = r#"k8s::patch("destinationrule", "graph-core", #{ spec: #{ trafficPolicy: #{ connectionPool: #{ tcp: #{ connectTimeout: "2s" } } } } });"#;
    let ran = in_healthy(&format!(r#"step "x" {{ {patch} {APPLY} check("it helps", true); }}"#));
    assert_eq!(ran.outcome.ended.exit, Exit::Healthy, "{}", ran.story());
    assert_eq!(rule(&ran)["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["connectTimeout"], "3s");
}

#[test]
fn what_others_own_is_never_taken_by_force() {
    let before = rule(&in_healthy("()"));
    let ran = in_healthy(&APPLY.replace(r#"connectTimeout: "3s""#, "maxConnections: 7"));
    let failure = &ran.outcome.diagnostic.as_ref().expect("it is refused").failure;
    assert_eq!(failure.code.name, "meshbook::cluster::conflict");
    assert!(failure.message.contains("maxConnections") && failure.message.contains("\"world\""), "{failure}");
    assert_eq!(rule(&ran), before);
}

#[test]
fn a_kind_of_another_group_is_not_taken_for_it() {
    let runtime = Runtime::new().expect("a runtime");
    let world = World::named("healthy").expect("the lab has the world");
    let refused = ask(&runtime, world, |run| {
        configuration::apply(run, json!({ "apiVersion": "apps/v1", "kind": "Pod", "metadata": { "name": "a" } }))
    });
    assert_eq!(refused.expect_err("there is no such kind").code.name, "meshbook::cluster::not_found");
}

#[test]
fn a_restart_that_does_not_help_stays_and_is_named() {
    let ran = in_healthy(r#"step "x" { workload("front").restart(); check("it helps", false); }"#);
    assert_eq!(ran.outcome.ended.exit, Exit::Dirty, "{}", ran.story());
    let left = &ran.outcome.ended.left_behind;
    assert!(left.len() == 1 && left[0].1.contains("cannot be taken back"), "{left:?}");
}

#[test]
fn a_restart_replaces_every_pod() {
    let pods = |ran: &Ran| -> Vec<String> {
        let pods = ran.store.list("", "pods", Some("summit"));
        let names = pods.iter().filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned));
        names.filter(|name| name.starts_with("front-")).collect()
    };
    let before = pods(&in_healthy("()"));
    let ran =
        in_healthy(r#"step "x" { workload("front").restart(); wait 5m until { workload("front").is_ready() }; }"#);
    assert_eq!(ran.outcome.ended.exit, Exit::Healthy, "{}", ran.story());
    let after = pods(&ran);
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(|name| !before.contains(name)), "{before:?} {after:?}");
}
