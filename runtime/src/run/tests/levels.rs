//! Log levels take the road of changes: gate, record, process, undo.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::change::undo::undo;
use crate::change::{Change, levels};
use crate::effect::{Call, Class, Effect, LogLevels, Logger};
use crate::failure::{CONFLICT, DENIED, Exit, FORBIDDEN, INTERNAL, REJECTED, UNREACHABLE};
use crate::record::event::{Event, ProofOutcome, UndoOutcome};
use crate::record::file;
use crate::run::fake::{Bench, Fault, Seen};
use crate::run::{Ending, Mode, Reporter, Run};

fn page() -> LogLevels {
    LogLevels {
        namespace: "summit".into(),
        pod: "front-1".into(),
        port: 15000,
        path: "/logging".into(),
        parameter: "paths".into(),
    }
}

fn logger(name: &str, level: &str) -> Logger {
    Logger { name: name.into(), level: level.into() }
}

/// A bench with one process of three loggers, one of them named as secrets are.
fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.settings.approvals = vec!["loglevel".parse().unwrap()];
    let loggers = vec![logger("http", "warning"), logger("misc", "error"), logger("secret", "warning")];
    bench.cluster.lock().levels.insert("front-1".into(), loggers);
    bench
}

fn levels_of(bench: &Bench) -> Vec<String> {
    bench.cluster.lock().levels["front-1"].iter().map(|logger| logger.level.clone()).collect()
}

/// All loggers at debug.
fn debug(run: &Run) -> Change {
    let before = match run.read(Effect::log_levels(page())).unwrap() {
        crate::effect::Reply::Json(document) => document,
        other => panic!("levels, not {other:?}"),
    };
    let all: Vec<_> = levels::loggers(&before).into_iter().map(|one| logger(&one.name, "debug")).collect();
    Change::of_levels(page(), "log at debug".into(), before, levels::document(&page(), &all))
}

fn sets(bench: &Bench) -> usize {
    bench.cluster.lock().calls.iter().filter(|call| matches!(call, Call::SetLogLevels { .. })).count()
}

fn undone(bench: &Bench, record: &Path) -> (Exit, Vec<UndoOutcome>) {
    let reporter: Arc<dyn Reporter> = Arc::<Seen>::default();
    let cluster = Arc::new(bench.cluster.clone());
    let ended =
        undo(record, &bench.settings.home, cluster, reporter, bench.runtime.handle().clone(), bench.cancel.clone());
    let lines = file::read(record).unwrap();
    let outcome = |event| if let Event::TakenBack { outcome, .. } = event { Some(outcome) } else { None };
    (ended.unwrap().exit, lines.into_iter().filter_map(|line| outcome(line.event)).collect())
}

/// A run that sets the levels, proves them, and ends well. Answers its record.
fn kept(bench: &Bench) -> std::path::PathBuf {
    let run = bench.start();
    let path = run.record_path().unwrap();
    let changed = run.change(debug(&run)).unwrap();
    assert!(changed.is_made() && changed.fields.len() == 3);
    run.proved("wait", "true", ProofOutcome::Passed, None, Duration::ZERO);
    run.end(Ending::Fixed { what: "well".into() });
    assert_eq!(run.finish(Ok(())).exit, Exit::Healthy);
    path
}

#[test]
fn each_logger_is_set_back_to_its_own_level_at_the_end_of_temporarily() {
    let bench = bench();
    let run = bench.start();
    let mark = run.mark();
    run.change(debug(&run)).unwrap();
    assert_eq!(levels_of(&bench), ["debug", "debug", "debug"]);
    run.take_back_since(mark, "the end of `temporarily`");
    assert_eq!(levels_of(&bench), ["warning", "error", "warning"]);
    assert_eq!(sets(&bench), 2, "each logger that changes, in one request");
}

#[test]
fn another_process_sets_them_back_from_the_record_alone() {
    let bench = bench();
    let record = kept(&bench);
    let (exit, outcomes) = undone(&bench, &record);
    assert_eq!((exit, outcomes), (Exit::Healthy, vec![UndoOutcome::Restored { ownership: true }]));
    assert_eq!(levels_of(&bench), ["warning", "error", "warning"]);
}

#[test]
fn what_somebody_else_has_set_since_is_a_conflict_and_stays() {
    let bench = bench();
    let record = kept(&bench);
    bench.cluster.lock().levels.get_mut("front-1").unwrap()[0].level = "trace".into();
    let (exit, outcomes) = undone(&bench, &record);
    assert_eq!(exit, Exit::Dirty);
    let UndoOutcome::Conflict { fields, restored } = &outcomes[0] else { panic!("a conflict, not {outcomes:?}") };
    assert_eq!((fields.len(), restored.len()), (1, 2));
    assert_eq!((fields[0].path.to_string(), &fields[0].theirs), ("loggers[http].level".into(), &Some(json!("trace"))));
    assert_eq!(levels_of(&bench), ["trace", "error", "warning"]);
}

#[test]
fn the_levels_of_a_pod_that_is_gone_are_as_before() {
    let bench = bench();
    let record = kept(&bench);
    bench.cluster.lock().levels.clear();
    assert_eq!(undone(&bench, &record), (Exit::Healthy, vec![UndoOutcome::Already]));
}

#[test]
fn a_plan_and_a_refusal_set_nothing() {
    for (edit, code) in [
        ((|bench: &mut Bench| bench.settings.approvals.clear()) as fn(&mut Bench), &DENIED),
        (|bench| bench.settings.read_only = true, &DENIED),
        (|bench| bench.settings.namespaces = vec!["other".into()], &DENIED),
        (|bench| bench.cluster.lock().forbidden = true, &FORBIDDEN),
    ] {
        let mut bench = bench();
        edit(&mut bench);
        let run = bench.start();
        let failure = run.change(debug(&run)).unwrap_err();
        assert!(failure.is(code), "{failure:?}");
        assert_eq!((sets(&bench), levels_of(&bench)[0].as_str()), (0, "warning"));
    }
    let mut bench = bench();
    bench.settings.mode = Mode::Plan;
    let run = bench.start();
    let before = run.mark();
    run.change(debug(&run)).unwrap();
    let second = run.change(debug(&run)).unwrap();
    assert!(!second.is_made(), "a plan's second reading sees what it has planned");
    run.take_back_since(before, "the end of `temporarily`");
    assert!(!run.has_planned(), "what would be taken back is not there after it");
    assert!(run.change(debug(&run)).unwrap().is_made());
    assert_eq!(sets(&bench), 0);
}

#[test]
fn what_was_set_since_it_was_read_is_not_overwritten() {
    let bench = bench();
    let run = bench.start();
    let change = debug(&run);
    bench.cluster.lock().levels.get_mut("front-1").unwrap()[1].level = "info".into();
    let failure = run.change(change).unwrap_err();
    assert!(failure.is(&CONFLICT) && failure.message.contains("misc"), "{failure:?}");
    assert_eq!((sets(&bench), levels_of(&bench)[1].as_str()), (0, "info"));
}

#[test]
fn a_lost_answer_is_settled_by_looking() {
    let lost = bench();
    lost.cluster.lock().faults.push_back(Fault::AnswerLost);
    let run = lost.start();
    run.change(debug(&run)).unwrap();
    assert_eq!((sets(&lost), levels_of(&lost)[0].as_str()), (1, "debug"));

    for (fault, code) in [(Fault::RequestLost, &UNREACHABLE), (Fault::Refused(&REJECTED), &REJECTED)] {
        let bench = bench();
        bench.cluster.lock().faults.push_back(fault);
        let run = bench.start();
        let failure = run.change(debug(&run)).unwrap_err();
        assert!(failure.is(code), "{failure:?}");
        assert_eq!((run.finish(Err(failure)).left_behind, levels_of(&bench)[0].as_str()), (vec![], "warning"));
    }
}

#[test]
fn no_read_sets_a_level() {
    let bench = bench();
    let run = bench.start();
    for class in [Class::Read, Class::Probe, Class::Change] {
        let call = Call::SetLogLevels { of: page(), loggers: vec![logger("http", "debug")] };
        let effect = Effect { class, target: "Pod summit/front-1".into(), summary: "look".into(), call };
        assert!(run.read(effect).unwrap_err().is(&INTERNAL), "{class}");
    }
    assert_eq!(sets(&bench), 0);
}
