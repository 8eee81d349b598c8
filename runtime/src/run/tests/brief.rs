//! Objects that are there only while something is done: deleted on every way out, whatever the cluster has written into
//! them since.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::json;

use super::undo::outcomes;
use crate::change::Change;
use crate::effect::{Effect, Reply};
use crate::failure::{Exit, Failure, INTERRUPTED, NOT_FOUND, PROOF};
use crate::record::event::{Event, UndoOutcome};
use crate::record::file;
use crate::run::fake::{Bench, Fault, rule};
use crate::run::{Ending, Mode, Run};

const WHY: &str = "what it was for is done";

fn exists(bench: &Bench) -> bool {
    bench.cluster.lock().objects.contains_key(&rule("guest"))
}

/// The scheduler and a webhook write into it.
fn settle_in(bench: &Bench) {
    bench.cluster.edit(&rule("guest"), |guest| {
        guest["spec"]["nodeName"] = json!("node-1");
        guest["spec"]["containers"] = json!([{ "name": "sidecar" }]);
    });
}

fn briefly<T>(bench: &Bench, run: &Run, during: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    run.briefly(bench.creation("guest"), WHY, |changed| {
        assert_eq!(changed.object["metadata"]["annotations"]["meshbook/run"], run.id());
        settle_in(bench);
        during()
    })
}

#[test]
fn it_is_there_while_it_is_needed_and_never_after() {
    let bench = Bench::new();
    let record = bench.done(|run| {
        let seen = briefly(&bench, run, || Ok(exists(&bench)));
        assert!(seen.unwrap(), "it is there meanwhile");
        assert!(!exists(&bench));
    });
    assert_eq!(outcomes(&record), [UndoOutcome::Deleted]);
    let lines = file::read(&record).unwrap();
    assert!(lines.iter().any(|line| matches!(&line.event, Event::Changing(changing) if changing.fleeting)));
}

#[test]
fn failures_and_panics_remove_it() {
    let bench = Bench::new();
    let run = bench.start();
    let failed = briefly(&bench, &run, || Err::<(), _>(Failure::new(&PROOF, "no"))).unwrap_err();
    assert!(failed.is(&PROOF) && !exists(&bench));
    let panicked = catch_unwind(AssertUnwindSafe(|| briefly::<()>(&bench, &run, || panic!("a bug"))));
    assert!(panicked.is_err() && !exists(&bench));
    let ended = run.finish(Err(failed));
    assert_eq!((ended.exit, ended.taken_back.len(), ended.left_behind.len()), (Exit::TakenBack, 2, 0), "{ended:?}");
}

#[test]
fn an_interrupt_removes_it() {
    let bench = Bench::new();
    let run = bench.start();
    bench.cluster.lock().faults.push_back(Fault::Interrupted(bench.cancel.clone()));
    let stopped = run.briefly(bench.creation("guest"), WHY, |_| {
        assert!(exists(&bench));
        run.read(Effect::get(rule("guest"))).map(|_| ())
    });
    assert!(stopped.unwrap_err().is(&INTERRUPTED));
    assert!(!exists(&bench), "nothing cuts the removal short");
    assert!(run.finish(Ok(())).left_behind.is_empty());
}

#[test]
fn a_lost_answer_does_not_leave_it_behind() {
    let theirs = |guest: &mut serde_json::Value| guest["spec"]["nodeName"] = json!("node-1");
    for fault in [Fault::AnswerLost, Fault::AnswerLostThen(theirs)] {
        let bench = Bench::new();
        let run = bench.start();
        bench.cluster.lock().faults.push_back(fault);
        run.briefly(bench.creation("guest"), WHY, |_| Ok(())).unwrap();
        assert!(!exists(&bench), "it is known by the run's id that it carries");
    }
    let bench = Bench::new();
    bench.cluster.lock().faults.push_back(Fault::RequestLost);
    assert!(bench.start().briefly(bench.creation("guest"), WHY, |_| Ok(())).is_err());
    assert!(!exists(&bench));
}

#[test]
fn a_later_process_removes_what_a_killed_run_left() {
    let bench = Bench::new();
    let record = bench.done(|run| {
        run.change(Change { fleeting: true, ..bench.creation("guest") }).unwrap();
        settle_in(&bench);
    });
    assert!(exists(&bench));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    assert!(!exists(&bench));
}

#[test]
fn another_object_of_its_name_is_not_ours_to_delete() {
    let bench = Bench::new();
    let record = bench.done(|run| {
        run.briefly(bench.creation("guest"), WHY, |_| {
            bench.cluster.put(&rule("guest"), json!({ "spec": {} }));
            Ok(())
        })
        .unwrap();
    });
    assert!(exists(&bench), "somebody has deleted ours and made another");
    assert_eq!(outcomes(&record), [UndoOutcome::Already]);
}

#[test]
fn a_plan_shows_it_and_goes_on_without_it() {
    let mut bench = Bench::new();
    bench.settings.mode = Mode::Plan;
    let run = bench.start();
    let planned = run.briefly(bench.creation("guest"), WHY, |changed| {
        assert!(matches!(run.read(Effect::get(rule("guest"))), Ok(Reply::Json(_))));
        Ok(changed.fields.len())
    });
    assert!(planned.unwrap() > 0);
    assert!(run.read(Effect::get(rule("guest"))).unwrap_err().is(&NOT_FOUND));
    assert!(!run.has_planned());
    run.end(Ending::Fixed { what: "well".into() });
    assert_eq!(run.finish(Ok(())).ending, "planned");
    assert!(!exists(&bench));
}

#[test]
fn what_was_proved_before_it_still_is() {
    let bench = Bench::new();
    let run = bench.start();
    run.change(bench.raise("graph-core", 5)).unwrap();
    run.checked("it helps", true, None).unwrap();
    run.briefly(bench.creation("guest"), WHY, |_| Ok(())).unwrap();
    run.end(Ending::Fixed { what: "well".into() });
    let ended = run.finish(Ok(()));
    assert_eq!((ended.exit, ended.kept.len(), ended.taken_back.len()), (Exit::Healthy, 1, 1), "{ended:?}");
}
