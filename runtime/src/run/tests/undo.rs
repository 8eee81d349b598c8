//! Undo: in another process, with conflicts, with what depends on them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::change::undo::{pending, undo};
use crate::failure::{CONFIG, Exit, Failure, LOCKED, REJECTED, UNDO_NOTHING, UNREACHABLE};
use crate::record::event::{Ended, Event, ProofOutcome, UndoOutcome};
use crate::record::{file, list};
use crate::run::fake::{Bench, Fault, Seen, rule};
use crate::run::{Ending, Reporter};

impl Bench {
    /// A run that changes things, proves them, and ends well. Answers its record.
    pub(super) fn done(&self, changes: impl FnOnce(&crate::run::Run)) -> PathBuf {
        let run = self.start();
        let path = run.record_path().unwrap();
        changes(&run);
        run.proved("wait", "true", ProofOutcome::Passed, None, Duration::ZERO);
        run.end(Ending::Fixed { what: "well".into() });
        assert_eq!(run.finish(Ok(())).exit, Exit::Healthy);
        path
    }

    pub(super) fn undo(&self, record: &Path) -> Result<Ended, Failure> {
        let reporter: Arc<dyn Reporter> = Arc::<Seen>::default();
        undo(
            record,
            &self.settings.home,
            Arc::new(self.cluster.clone()),
            reporter,
            self.runtime.handle().clone(),
            self.cancel.clone(),
        )
    }
}

pub(super) fn outcomes(record: &Path) -> Vec<UndoOutcome> {
    let lines = file::read(record).unwrap();
    lines
        .into_iter()
        .filter_map(|line| if let Event::TakenBack { outcome, .. } = line.event { Some(outcome) } else { None })
        .collect()
}

#[test]
fn it_restores_values_and_ownership_from_the_record_alone() {
    let bench = Bench::new();
    let before = bench.cluster.object(&rule("graph-core"));
    let record = bench.done(|run| {
        run.change(bench.raise("graph-core", 500)).unwrap();
        run.change(bench.change("graph-core", |rule| {
            rule["spec"]["trafficPolicy"]["outlierDetection"] = json!({ "consecutive5xxErrors": 5 })
        }))
        .unwrap();
    });
    assert_eq!(pending(&file::read(&record).unwrap()).unwrap().len(), 2);
    let ended = bench.undo(&record).unwrap();
    assert_eq!((ended.exit, ended.ending.as_str(), ended.taken_back.len()), (Exit::Healthy, "undone", 2));
    assert_eq!(
        outcomes(&record),
        [UndoOutcome::Restored { ownership: true }, UndoOutcome::Restored { ownership: true }]
    );
    let mut after = bench.cluster.object(&rule("graph-core"));
    after["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
    assert_eq!(after, before, "managed fields included");

    let lines = file::read(&record).unwrap();
    assert!(lines.iter().enumerate().all(|(place, line)| line.number == place as u64), "numbers go on without gaps");
    let again = bench.undo(&record).unwrap_err();
    assert!(again.is(&UNDO_NOTHING) && again.message.contains("took it back"), "{again}");
    assert_eq!(list::list(&bench.settings.home).unwrap().0[0].ended.as_ref().unwrap().ending, "undone");
}

/// What another run of ours had set is ours again; the server gives it the time of the undo.
#[test]
fn a_change_of_what_we_had_changed_before_is_undone_with_its_owners() {
    let bench = Bench::new();
    bench.done(|run| drop(run.change(bench.raise("graph-core", 300)).unwrap()));
    let owners = |bench: &Bench| bench.cluster.object(&rule("graph-core"))["metadata"]["managedFields"].clone();
    let before = owners(&bench);
    let record = bench.done(|run| drop(run.change(bench.raise("graph-core", 500)).unwrap()));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    assert_eq!(outcomes(&record), [UndoOutcome::Restored { ownership: true }]);
    assert_ne!(owners(&bench), before, "with another time");
}

/// The object without what a controller and the server write: status, its entry, the counter.
fn without_reports(mut object: Value) -> Value {
    object.as_object_mut().unwrap().remove("status");
    object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    let owners = object["metadata"]["managedFields"].as_array_mut().unwrap();
    owners.retain(|entry| entry["subresource"] != "status");
    object
}

#[test]
fn a_controller_that_reports_after_every_change_keeps_no_owner_from_being_restored() {
    let bench = Bench::new();
    bench.cluster.lock().controlled = true;
    bench.cluster.lock().report(&rule("graph-core"));
    let before = bench.cluster.object(&rule("graph-core"));
    let record = bench.done(|run| drop(run.change(bench.raise("graph-core", 500)).unwrap()));
    bench.cluster.lock().report(&rule("graph-core"));
    let changed = bench.cluster.object(&rule("graph-core"));
    assert_ne!(without_reports(changed.clone()), without_reports(before.clone()));

    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    assert_eq!(outcomes(&record), [UndoOutcome::Restored { ownership: true }]);
    let after = bench.cluster.object(&rule("graph-core"));
    assert_eq!(without_reports(after.clone()), without_reports(before));
    let report = |object: &Value| {
        let owners = object["metadata"]["managedFields"].as_array().unwrap().clone();
        owners.into_iter().filter(|entry| entry["subresource"] == "status").collect::<Vec<_>>()
    };
    assert_eq!(report(&after).len(), 1, "the controller's entry stands once");
    assert_ne!(report(&after), report(&changed), "it is the one of the controller's last report");
    // The values, the owners as they were before the controller came in between, and the owners anew.
    assert_eq!(bench.cluster.patches().len(), 4);
}

#[test]
fn who_took_fields_beside_a_controller_keeps_them() {
    let bench = Bench::new();
    bench.cluster.lock().controlled = true;
    let record = bench.done(|run| drop(run.change(bench.raise("graph-core", 500)).unwrap()));
    bench.cluster.edit(&rule("graph-core"), |rule| rule["spec"]["exportTo"] = json!(["."]));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    assert_eq!(outcomes(&record), [UndoOutcome::Restored { ownership: false }]);
    let owners = bench.cluster.object(&rule("graph-core"))["metadata"]["managedFields"].clone();
    assert!(owners.as_array().unwrap().iter().any(|entry| entry["manager"] == "intruder"), "{owners}");
}

#[test]
fn a_field_that_somebody_else_has_changed_is_left_alone_and_named() {
    let bench = Bench::new();
    let record = bench.done(|run| {
        run.change(bench.change("graph-core", |rule| {
            rule["spec"]["trafficPolicy"]["connectionPool"]["http"] =
                json!({ "http2MaxRequests": 500, "maxRetries": 7 });
        }))
        .unwrap();
    });
    bench.cluster.edit(&rule("graph-core"), |rule| {
        rule["spec"]["trafficPolicy"]["connectionPool"]["http"]["http2MaxRequests"] = json!(42)
    });
    let ended = bench.undo(&record).unwrap();
    assert_eq!(ended.exit, Exit::Dirty);
    for part in ["http2MaxRequests", "42", "intruder", "summit/graph-core"] {
        assert!(ended.left_behind[0].1.contains(part), "{ended:?}");
    }
    assert_eq!(
        bench.cluster.object(&rule("graph-core"))["spec"]["trafficPolicy"]["connectionPool"]["http"],
        json!({ "http2MaxRequests": 42 }),
        "the other field is as before"
    );

    // Once a person has settled it, undo goes on.
    bench.cluster.edit(&rule("graph-core"), |rule| {
        rule["spec"]["trafficPolicy"]["connectionPool"]["http"]["http2MaxRequests"] = json!(1)
    });
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
}

#[test]
fn older_changes_of_the_same_host_stay_with_a_conflict_and_others_do_not() {
    let bench = Bench::new();
    bench
        .cluster
        .put(&rule("graph-core-canary"), json!({ "spec": { "host": "graph-core.summit.svc.cluster.local", "x": 1 } }));
    bench.cluster.put(&rule("other"), json!({ "spec": { "host": "other", "x": 1 } }));
    let record = bench.done(|run| {
        for name in ["graph-core-canary", "other"] {
            run.change(bench.change(name, |rule| rule["spec"]["x"] = json!(2))).unwrap();
        }
        run.change(bench.raise("graph-core", 500)).unwrap();
    });
    bench.cluster.edit(&rule("graph-core"), |rule| {
        rule["spec"]["trafficPolicy"]["connectionPool"]["http"]["http2MaxRequests"] = json!(42)
    });
    let ended = bench.undo(&record).unwrap();
    assert_eq!((ended.exit, ended.taken_back.len(), ended.left_behind.len()), (Exit::Dirty, 1, 2));
    assert_eq!(bench.cluster.object(&rule("graph-core-canary"))["spec"]["x"], 2);
    assert_eq!(bench.cluster.object(&rule("other"))["spec"]["x"], 1);
    assert!(
        outcomes(&record)
            .iter()
            .any(|outcome| matches!(outcome, UndoOutcome::LeftAlone { why } if why.contains("summit/graph-core")))
    );
}

#[test]
fn what_others_have_added_beside_stays_and_ownership_is_not_touched() {
    let bench = Bench::new();
    let record = bench.done(|run| {
        run.change(
            bench.change("graph-core", |rule| rule["spec"]["trafficPolicy"]["tls"] = json!({ "mode": "SIMPLE" })),
        )
        .unwrap();
    });
    bench.cluster.edit(&rule("graph-core"), |rule| rule["spec"]["trafficPolicy"]["tls"]["sni"] = json!("x"));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    assert_eq!(bench.cluster.object(&rule("graph-core"))["spec"]["trafficPolicy"]["tls"], json!({ "sni": "x" }));
    assert_eq!(outcomes(&record), [UndoOutcome::Restored { ownership: false }]);
}

#[test]
fn a_write_that_comes_between_is_seen_and_a_lost_answer_is_looked_after() {
    let bench = Bench::new();
    let record = bench.done(|run| drop(run.change(bench.raise("graph-core", 500)).unwrap()));
    bench.cluster.lock().meanwhile = Some(|rule| rule["spec"]["note"] = json!("theirs"));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    assert_eq!(
        (bench.limit("graph-core"), &bench.cluster.object(&rule("graph-core"))["spec"]["note"]),
        (json!(1), &json!("theirs"))
    );

    for fault in [Fault::AnswerLost, Fault::RequestLost] {
        let bench = Bench::new();
        let record = bench.done(|run| drop(run.change(bench.raise("graph-core", 500)).unwrap()));
        bench.cluster.lock().faults.push_back(fault);
        assert_eq!((bench.undo(&record).unwrap().exit, bench.limit("graph-core")), (Exit::Healthy, json!(1)));
    }
}

#[test]
fn what_is_as_before_already_counts_as_undone() {
    let bench = Bench::new();
    let record = bench.done(|run| drop(run.change(bench.raise("graph-core", 500)).unwrap()));
    bench.cluster.edit(&rule("graph-core"), |rule| {
        rule["spec"]["trafficPolicy"]["connectionPool"]["http"]["http2MaxRequests"] = json!(1)
    });
    let sent = bench.cluster.patches().len();
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    assert_eq!((outcomes(&record), bench.cluster.patches().len()), (vec![UndoOutcome::Already], sent));
}

#[test]
fn a_change_that_was_never_answered_is_settled_by_looking() {
    // As a killed process leaves it: the record ends with the line that announces the change.
    for sent in [true, false] {
        let bench = Bench::new();
        let run = bench.start();
        let path = run.record_path().unwrap();
        run.change(bench.raise("graph-core", 500)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let torn = text
            .lines()
            .take_while(|line| !line.contains("change_answered"))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
            + "{\"number\":9,\"at";
        run.finish(Err(Failure::new(&UNREACHABLE, "x")));
        if sent {
            bench.cluster.edit(&rule("graph-core"), |rule| {
                rule["spec"]["trafficPolicy"]["connectionPool"]["http"]["http2MaxRequests"] = json!(500)
            });
        }
        std::fs::write(&path, torn).unwrap();
        assert!(list::list(&bench.settings.home).unwrap().0[0].ended.is_none());
        assert_eq!((bench.undo(&path).unwrap().exit, bench.limit("graph-core")), (Exit::Healthy, json!(1)));
    }
}

#[test]
fn an_object_that_was_made_anew_is_left_alone() {
    let bench = Bench::new();
    let record = bench.done(|run| drop(run.change(bench.raise("graph-core", 500)).unwrap()));
    bench.cluster.put(
        &rule("graph-core"),
        json!({ "spec": { "trafficPolicy": { "connectionPool": { "http": { "http2MaxRequests": 500 } } } } }),
    );
    let ended = bench.undo(&record).unwrap();
    assert_eq!((ended.exit, bench.limit("graph-core")), (Exit::Dirty, json!(500)));
    assert!(ended.left_behind[0].1.contains("made anew"), "{ended:?}");
}

#[test]
fn a_webhook_that_refuses_the_undo_is_named() {
    let bench = Bench::new();
    let record = bench.done(|run| drop(run.change(bench.raise("graph-core", 500)).unwrap()));
    bench.cluster.lock().faults.push_back(Fault::Refused(&REJECTED));
    let ended = bench.undo(&record).unwrap();
    assert_eq!(ended.exit, Exit::Dirty);
    assert!(ended.left_behind[0].1.contains("webhook"), "{ended:?}");
}

#[test]
fn it_is_refused_elsewhere_and_while_the_run_goes_on() {
    let bench = Bench::new();
    let run = bench.start();
    run.change(bench.raise("graph-core", 500)).unwrap();
    assert!(bench.undo(&run.record_path().unwrap()).unwrap_err().is(&LOCKED));
    run.finish(Ok(()));

    let record = bench.done(|run| drop(run.change(bench.raise("graph-core", 500)).unwrap()));
    let text =
        std::fs::read_to_string(&record).unwrap().replacen("\"context\":\"test\"", "\"context\":\"production\"", 1);
    std::fs::write(&record, text).unwrap();
    let failure = bench.undo(&record).unwrap_err();
    assert!(failure.is(&CONFIG) && failure.hint.as_deref().unwrap().contains("--context production"), "{failure:?}");
    assert_eq!(bench.limit("graph-core"), 500);
}

#[test]
fn what_the_record_does_not_keep_can_be_taken_back_by_the_run_only() {
    let mut bench = Bench::new();
    bench.settings.approvals.push("destinationrule/secretive".parse().unwrap());
    bench.cluster.put(&rule("secretive"), json!({ "spec": { "password": "hunter2" } }));
    let change = |bench: &Bench| bench.change("secretive", |rule| rule["spec"]["password"] = json!("hunter3"));
    let run = bench.start();
    run.change(change(&bench)).unwrap();
    assert_eq!(run.finish(Err(Failure::new(&UNREACHABLE, "x"))).exit, Exit::TakenBack);
    assert_eq!(bench.cluster.object(&rule("secretive"))["spec"]["password"], "hunter2");

    let record = bench.done(|run| drop(run.change(change(&bench)).unwrap()));
    assert!(!std::fs::read_to_string(&record).unwrap().contains("hunter"));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Dirty);
    assert_eq!(bench.cluster.object(&rule("secretive"))["spec"]["password"], "hunter3");
}

#[test]
fn a_run_is_found_by_the_beginning_of_its_id() {
    let bench = Bench::new();
    let record = bench.done(|_| ());
    bench.done(|_| ());
    let id = record.file_stem().unwrap().to_string_lossy().to_lowercase();
    assert_eq!(list::find(&bench.settings.home, &id).unwrap(), record);
    assert!(list::find(&bench.settings.home, &id[..1]).unwrap_err().message.contains("2 runs"));
    assert!(list::find(&bench.settings.home, "nosuch").is_err());
    let (runs, unreadable) = list::list(&bench.settings.home).unwrap();
    assert_eq!((runs.len(), unreadable.len()), (2, 0));
}
