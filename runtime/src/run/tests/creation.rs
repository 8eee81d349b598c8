//! Creations: a change whose pre-image is "absent", and whose inverse deletes what the run made and nobody touched since.

use serde_json::{Value, json};

use super::undo::outcomes;
use crate::effect::{Call, Effect, Reply};
use crate::failure::{DENIED, Exit, FORBIDDEN, REJECTED, UNREACHABLE};
use crate::record::event::{Event, UndoOutcome};
use crate::record::file;
use crate::run::fake::{Bench, Fault, rule};
use crate::run::{Ending, Mode};

fn deletions(bench: &Bench) -> usize {
    bench.cluster.lock().calls.iter().filter(|call| matches!(call, Call::Delete { .. })).count()
}

fn exists(bench: &Bench, name: &str) -> bool {
    bench.cluster.lock().objects.contains_key(&rule(name))
}

#[test]
fn it_is_tried_approved_recorded_and_made() {
    let bench = Bench::new();
    let mut path = None;
    let record = bench.done(|run| {
        path = run.record_path();
        let changed = run.change(bench.creation("catalog")).unwrap();
        let fields: Vec<_> =
            changed.fields.iter().map(|field| (field.path.to_string(), field.before.clone())).collect();
        assert_eq!(
            fields,
            [("spec.host".to_owned(), None), ("spec.trafficPolicy.tls.mode".to_owned(), None)],
            "only what a person decides about is shown"
        );
        assert_eq!(changed.object["metadata"]["name"], "catalog");
    });
    let created = bench.cluster.object(&rule("catalog"));
    assert_eq!((&created["kind"], &created["metadata"]["namespace"]), (&json!("DestinationRule"), &json!("summit")));
    let lines = file::read(&record).unwrap();
    let recorded = lines.iter().find_map(|line| match &line.event {
        Event::Changing(changing) => Some((**changing).clone()),
        _ => None,
    });
    let recorded = recorded.expect("the record announces it");
    assert!(recorded.creates() && recorded.pre_image == Value::Null, "its pre-image is: absent");
}

#[test]
fn an_address_that_the_server_gives_at_each_try_is_nobody_elses_change() {
    let bench = Bench::new();
    bench.cluster.lock().allocates = true;
    let run = bench.start();
    let changed = run.change(bench.creation("catalog")).unwrap();
    assert_eq!(changed.object["spec"]["clusterIP"], bench.cluster.object(&rule("catalog"))["spec"]["clusterIP"]);
    let warned: Vec<_> =
        bench.seen.events().into_iter().filter(|event| matches!(event, Event::Warning { .. })).collect();
    assert!(warned.is_empty(), "{warned:?}");
}

#[test]
fn what_exists_is_not_created() {
    let bench = Bench::new();
    let run = bench.start();
    let failure = run.change(bench.creation("graph-core")).unwrap_err();
    assert!(failure.is(&REJECTED) && failure.message.contains("already exists"), "{failure:?}");
    assert!(failure.unchanged.is_some());
    assert_eq!(bench.limit("graph-core"), 1);
}

#[test]
fn what_could_not_be_deleted_again_or_is_not_approved_is_not_created() {
    let bench = Bench::new();
    bench.cluster.lock().forbidden = true;
    let failure = bench.start().change(bench.creation("catalog")).unwrap_err();
    assert!(failure.is(&FORBIDDEN) && failure.message.contains("verb create"), "{failure:?}");

    let mut bench = Bench::new();
    bench.settings.approvals.clear();
    let failure = bench.start().change(bench.creation("catalog")).unwrap_err();
    assert!(failure.is(&DENIED) || failure.code.exit == Exit::Refused, "{failure:?}");

    let mut bench = Bench::new();
    bench.settings.namespaces = vec!["other".into()];
    assert!(bench.start().change(bench.creation("catalog")).unwrap_err().is(&DENIED));
    assert!(!exists(&bench, "catalog"));
}

#[test]
fn undo_deletes_it_from_the_record_alone() {
    let bench = Bench::new();
    let record = bench.done(|run| drop(run.change(bench.creation("catalog")).unwrap()));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    assert!(!exists(&bench, "catalog"));
    assert_eq!(outcomes(&record), [UndoOutcome::Deleted]);
}

#[test]
fn a_run_that_fails_deletes_what_it_created() {
    let bench = Bench::new();
    let run = bench.start();
    let step = run.step_started("create").unwrap();
    run.change(bench.creation("catalog")).unwrap();
    run.step_ended(step, false);
    assert!(!exists(&bench, "catalog"));
    let ended = run.finish(Err(crate::failure::Failure::new(&crate::failure::PROOF, "no")));
    assert_eq!((ended.exit, ended.taken_back.len()), (Exit::TakenBack, 1), "{ended:?}");
}

#[test]
fn undo_leaves_alone_what_somebody_else_has_changed() {
    let bench = Bench::new();
    let record = bench.done(|run| drop(run.change(bench.creation("catalog")).unwrap()));
    bench.cluster.edit(&rule("catalog"), |rule| rule["spec"]["note"] = json!("theirs"));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Dirty);
    assert!(exists(&bench, "catalog"));
    let outcomes = outcomes(&record);
    let [UndoOutcome::Conflict { fields, .. }] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!(
        (fields[0].path.to_string(), fields[0].by.as_deref()),
        ("spec.note".to_owned(), Some("intruder")),
        "it is named, with who did it"
    );
    assert_eq!(deletions(&bench), 0);
}

#[test]
fn undo_leaves_alone_another_object_of_the_same_name() {
    let bench = Bench::new();
    let record = bench.done(|run| drop(run.change(bench.creation("catalog")).unwrap()));
    let same = bench.cluster.object(&rule("catalog"))["spec"].clone();
    bench.cluster.put(&rule("catalog"), json!({ "spec": same }));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Dirty);
    assert!(exists(&bench, "catalog"));
    assert!(matches!(&outcomes(&record)[..], [UndoOutcome::Failed { failure }] if failure.1.contains("made anew")));
}

#[test]
fn a_status_that_a_controller_writes_is_no_change_and_what_is_gone_is_as_before() {
    let bench = Bench::new();
    bench.cluster.lock().controlled = true;
    let record = bench.done(|run| drop(run.change(bench.creation("catalog")).unwrap()));
    bench.cluster.lock().report(&rule("catalog"));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    assert!(!exists(&bench, "catalog"));

    let bench = Bench::new();
    let record = bench.done(|run| drop(run.change(bench.creation("catalog")).unwrap()));
    bench.cluster.lock().objects.remove(&rule("catalog"));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    assert_eq!((outcomes(&record), deletions(&bench)), (vec![UndoOutcome::Already], 0));
}

#[test]
fn a_write_that_comes_between_look_and_deletion_is_seen() {
    let bench = Bench::new();
    let record = bench.done(|run| drop(run.change(bench.creation("catalog")).unwrap()));
    bench.cluster.lock().meanwhile = Some(|rule| rule["spec"]["note"] = json!("theirs"));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Dirty);
    assert!(exists(&bench, "catalog"), "the precondition kept it");
}

#[test]
fn a_lost_answer_is_settled_by_looking() {
    // Created, but the answer is lost: it is found to be ours, and taken back like any other.
    let bench = Bench::new();
    bench.cluster.lock().faults.push_back(Fault::AnswerLost);
    let record = bench.done(|run| drop(run.change(bench.creation("catalog")).unwrap()));
    assert!(exists(&bench, "catalog"));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    assert!(!exists(&bench, "catalog"));

    // It did not arrive.
    let bench = Bench::new();
    bench.cluster.lock().faults.push_back(Fault::RequestLost);
    let failure = bench.start().change(bench.creation("catalog")).unwrap_err();
    assert!(failure.is(&UNREACHABLE) && failure.message.contains("was not created"), "{failure:?}");

    // Somebody else wrote as well: nobody knows.
    let bench = Bench::new();
    let both = Fault::AnswerLostThen(|rule| rule["spec"]["host"] = json!("theirs"));
    bench.cluster.lock().faults.push_back(both);
    let failure = bench.start().change(bench.creation("catalog")).unwrap_err();
    assert!(failure.unchanged.is_some_and(|text| text.contains("not known")));

    // The answer to the deletion is lost.
    for fault in [Fault::AnswerLost, Fault::RequestLost] {
        let bench = Bench::new();
        let record = bench.done(|run| drop(run.change(bench.creation("catalog")).unwrap()));
        bench.cluster.lock().faults.push_back(fault);
        assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
        assert!(!exists(&bench, "catalog"));
        assert_eq!(outcomes(&record), [UndoOutcome::Deleted]);
    }
}

#[test]
fn a_plan_shows_it_and_sees_it_afterwards() {
    let mut bench = Bench::new();
    bench.settings.mode = Mode::Plan;
    bench.settings.approvals.clear();
    let run = bench.start();
    run.change(bench.creation("catalog")).unwrap();
    let Reply::Json(object) = run.read(Effect::get(rule("catalog"))).unwrap() else { panic!("an object") };
    assert_eq!(object["spec"]["host"], "catalog");
    let listed = run.read(Effect::list(rule("x").kind, Some("summit"), None)).unwrap();
    assert!(matches!(listed, Reply::Json(Value::Array(items)) if items.len() == 2));
    // A second change of it is a creation still.
    let mut change = bench.creation("catalog");
    change.before = object.clone();
    change.after = object;
    change.after["spec"]["trafficPolicy"]["tls"]["mode"] = json!("DISABLE");
    assert!(run.change(change).unwrap().is_made());
    run.end(Ending::Fixed { what: "well".into() });
    assert_eq!(run.finish(Ok(())).ending, "planned");
    assert!(!exists(&bench, "catalog"));
}
