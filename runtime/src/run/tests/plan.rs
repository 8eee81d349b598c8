//! Plans: nothing is changed, and what follows sees what would be.

use std::time::Duration;

use serde_json::json;

use crate::effect::{Call, Effect, Reply};
use crate::failure::{Exit, PLAN_ENDS};
use crate::record::event::Event;
use crate::run::fake::{Bench, rule};
use crate::run::{Ending, Mode};

fn planning() -> Bench {
    let mut bench = Bench::new();
    bench.settings.mode = Mode::Plan;
    bench.settings.approvals.clear();
    bench
}

fn limit(reply: &Reply) -> serde_json::Value {
    match reply {
        Reply::Json(object) => object["spec"]["trafficPolicy"]["connectionPool"]["http"]["http2MaxRequests"].clone(),
        _ => json!(null),
    }
}

#[test]
fn later_reads_see_what_would_be_and_nothing_is_changed() {
    let bench = planning();
    let run = bench.start();
    let changed = run.change(bench.raise("graph-core", 500)).unwrap();
    assert_eq!((changed.fields.len(), run.has_planned()), (1, true));
    assert_eq!(limit(&run.read(Effect::get(rule("graph-core"))).unwrap()), 500);
    let listed = run.read(Effect::list(rule("x").kind, Some("summit"), None)).unwrap();
    let Reply::Json(serde_json::Value::Array(items)) = listed else { panic!("a list") };
    assert_eq!(limit(&Reply::Json(items[0].clone())), 500);
    assert!(bench.cluster.patches().is_empty());
    assert_eq!(bench.limit("graph-core"), 1);
    run.end(Ending::Fixed { what: "well".into() });
    let ended = run.finish(Ok(()));
    assert_eq!((ended.exit, ended.ending.as_str()), (Exit::Healthy, "planned"));
    assert!(ended.message.contains("fixed"), "{ended:?}");
}

#[test]
fn a_second_change_of_an_object_is_tried_together_with_the_first() {
    let bench = planning();
    let run = bench.start();
    let mut change = bench.raise("graph-core", 500);
    let first = run.change(change.clone()).unwrap();
    change.before = first.object.clone();
    change.after = first.object;
    change.after["spec"]["trafficPolicy"]["connectionPool"]["tcp"] = json!({ "maxConnections": 9 });
    let second = run.change(change).unwrap();
    assert_eq!(second.fields.len(), 1, "only what is new is shown: {:?}", second.fields);
    let tried: Vec<_> = bench
        .cluster
        .lock()
        .calls
        .iter()
        .filter_map(|call| if let Call::Patch { patch, .. } = call { Some(patch.clone()) } else { None })
        .collect();
    assert_eq!(
        tried[1]["spec"]["trafficPolicy"]["connectionPool"],
        json!({ "http": { "http2MaxRequests": 500 }, "tcp": { "maxConnections": 9 } })
    );
    assert_eq!(limit(&run.read(Effect::get(rule("graph-core"))).unwrap()), 500);
}

#[test]
fn labels_that_a_plan_changes_decide_what_is_listed() {
    let bench = planning();
    let run = bench.start();
    run.change(bench.change("graph-core", |rule| rule["metadata"]["labels"] = json!({ "tier": "core" }))).unwrap();
    let count = |selector| match run.read(Effect::list(rule("x").kind, None, Some(selector))).unwrap() {
        Reply::Json(serde_json::Value::Array(items)) => items.len(),
        _ => usize::MAX,
    };
    assert_eq!((count("tier=core"), count("tier=edge"), count("!tier")), (1, 0, 0));
}

#[test]
fn what_only_the_mesh_can_answer_ends_the_plan_after_a_planned_change() {
    let bench = planning();
    let query = || Effect::read("Prometheus", "query", Call::Query { query: "up".into(), at: None });
    let run = bench.start();
    run.read(query()).unwrap();
    run.sleep(Duration::from_secs(1)).unwrap();
    run.change(bench.raise("graph-core", 500)).unwrap();
    let failure = run.read(query()).unwrap_err();
    assert!(failure.is(&PLAN_ENDS) && failure.message.contains("Prometheus"), "{failure}");
    assert!(run.stopped());
    let ended = run.finish(Err(failure));
    assert_eq!((ended.exit, ended.ending.as_str()), (Exit::Healthy, "planned"));
    assert!(bench.seen.events().iter().any(|event| matches!(event, Event::NotEvaluated { .. })));
}

#[test]
fn without_permission_the_plan_says_that_the_server_was_not_asked() {
    let bench = planning();
    bench.cluster.lock().forbidden = true;
    let run = bench.start();
    let changed = run.change(bench.raise("graph-core", 500)).unwrap();
    assert_eq!(limit(&Reply::Json(changed.object)), 500);
    let validated: Vec<_> = bench
        .seen
        .events()
        .into_iter()
        .filter_map(|event| if let Event::Planned(planned) = event { Some(planned.validated) } else { None })
        .collect();
    assert_eq!(validated, [false]);
}

#[test]
fn an_ending_before_any_planned_change_is_the_runs_own() {
    let bench = planning();
    let run = bench.start();
    run.end(Ending::CannotTell { why: "no data".into(), next: None });
    let ended = run.finish(Ok(()));
    assert_eq!((ended.exit, ended.ending.as_str()), (Exit::CannotTell, "cannot_tell"));
    assert_eq!(bench.start().finish(Ok(())).ending, "planned");
}
