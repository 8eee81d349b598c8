//! Deletions: their inverse makes the object anew; and changes before which another object has to be set back.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::undo::outcomes;
use crate::change::Change;
use crate::effect::Call;
use crate::failure::{CONFLICT, Exit, FORBIDDEN};
use crate::record::event::{Event, UndoOutcome};
use crate::record::file;
use crate::run::Mode;
use crate::run::fake::{Bench, Fault, rule};

impl Bench {
    fn deletion(&self, name: &str) -> Change {
        Change::deletion(rule(name), "delete the rule".into(), self.cluster.object(&rule(name)))
    }

    /// The record of a run that has changed the rule and then deleted it.
    fn changed_and_deleted(&self) -> PathBuf {
        self.done(|run| {
            run.change(self.raise("graph-core", 7)).unwrap();
            run.change(self.deletion("graph-core")).unwrap();
        })
    }
}

fn exists(bench: &Bench, name: &str) -> bool {
    bench.cluster.lock().objects.contains_key(&rule(name))
}

#[test]
fn what_was_deleted_is_made_anew_from_the_record_alone() {
    let bench = Bench::new();
    let before = bench.cluster.object(&rule("graph-core"));
    let record = bench.done(|run| {
        let changed = run.change(bench.deletion("graph-core")).unwrap();
        assert_eq!(changed.fields[0].path.to_string(), "metadata.name");
    });
    assert!(!exists(&bench, "graph-core"));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    assert_eq!(outcomes(&record), [UndoOutcome::Recreated]);
    let after = bench.cluster.object(&rule("graph-core"));
    assert_eq!((&after["spec"], &after["metadata"]["labels"]), (&before["spec"], &before["metadata"]["labels"]));
}

/// What is there after the first undo has another uid than what the first change was of.
#[test]
fn what_was_changed_and_then_deleted_becomes_what_it_was_before_both() {
    let bench = Bench::new();
    let before = bench.cluster.object(&rule("graph-core"));
    let record = bench.changed_and_deleted();
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    let after = bench.cluster.object(&rule("graph-core"));
    assert_eq!(after["spec"], before["spec"]);
    assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert!(
        matches!(outcomes(&record)[..], [UndoOutcome::Recreated, UndoOutcome::Restored { .. }]),
        "{:?}",
        outcomes(&record)
    );
}

/// Between the two the server was gone: an undo of the rest finds the object that the first one has made.
#[test]
fn an_undo_that_made_an_object_anew_and_went_no_further_is_gone_on_with() {
    let bench = Bench::new();
    let before = bench.cluster.object(&rule("graph-core"));
    let record = bench.changed_and_deleted();
    let whole = std::fs::read_to_string(&record).unwrap();
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    let undone = std::fs::read_to_string(&record).unwrap();
    // The record as it was after the first of the two, and the object as well.
    let first = undone.lines().position(|line| line.contains("\"event\":\"taken_back\"")).unwrap();
    assert!(first >= whole.lines().count());
    let kept: String = undone.lines().take(first + 1).flat_map(|line| [line, "\n"]).collect();
    std::fs::write(&record, kept).unwrap();
    bench.start().change(bench.raise("graph-core", 7)).unwrap();
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    assert_eq!(bench.cluster.object(&rule("graph-core"))["spec"], before["spec"]);
}

#[test]
fn what_has_changed_since_it_was_read_or_may_not_be_made_again_stays() {
    let bench = Bench::new();
    let stale = bench.deletion("graph-core");
    bench.start().change(bench.raise("graph-core", 7)).unwrap();
    let failure = bench.start().change(stale).unwrap_err();
    assert!(failure.is(&CONFLICT) && failure.unchanged.is_some(), "{failure:?}");
    bench.cluster.lock().forbidden = true;
    assert!(bench.start().change(bench.deletion("graph-core")).unwrap_err().is(&FORBIDDEN));
    assert!(exists(&bench, "graph-core"));
}

#[test]
fn a_plan_deletes_nothing_and_sees_it_gone() {
    let mut bench = Bench::new();
    bench.settings.mode = Mode::Plan;
    let run = bench.start();
    assert_eq!(run.change(bench.deletion("graph-core")).unwrap().object, Value::Null);
    assert!(exists(&bench, "graph-core"));
    let sent = bench.cluster.lock().calls.iter().any(|call| matches!(call, Call::Delete { dry_run: false, .. }));
    assert!(!sent, "only the trial is sent");
}

#[test]
fn a_lost_answer_is_settled_by_looking() {
    let bench = Bench::new();
    bench.cluster.lock().faults.push_back(Fault::AnswerLost);
    let run = bench.start();
    assert!(run.change(bench.deletion("graph-core")).unwrap().is_made());
    assert!(!exists(&bench, "graph-core"));
}

/// The limit of `graph-core` is 2 while the change of `catalog` stands, and has to be 1 before that is taken back.
fn after_setting_back(bench: &Bench) -> Change {
    let present = bench.cluster.object(&rule("graph-core"));
    let mut desired = present.clone();
    desired["spec"]["trafficPolicy"]["connectionPool"]["http"]["http2MaxRequests"] = json!(1);
    let host = bench.change("other", |rule| rule["metadata"]["labels"]["moved"] = "yes".into());
    host.after_setting_back(rule("graph-core"), &present, desired)
}

fn second(bench: &Bench) {
    let mut other = bench.cluster.object(&rule("graph-core"));
    other["metadata"]["name"] = "other".into();
    other["metadata"]["uid"] = "other".into();
    other["spec"]["host"] = "other".into();
    bench.cluster.lock().objects.insert(rule("other"), other);
}

/// The names of the objects that were patched for good, in order.
fn patched(bench: &Bench) -> Vec<String> {
    let calls = &bench.cluster.lock().calls;
    let patched = calls.iter().filter_map(|call| match call {
        Call::Patch { object, patch, dry_run: false } if patch.pointer("/metadata/managedFields").is_none() => {
            Some(object.name.clone())
        }
        _ => None,
    });
    patched.collect()
}

#[test]
fn another_object_is_set_back_first_whoever_takes_back() {
    let bench = Bench::new();
    second(&bench);
    let run = bench.start();
    run.change(bench.raise("graph-core", 2)).unwrap();
    run.checked("proved", true, None).unwrap();
    run.settle();
    run.change(after_setting_back(&bench)).unwrap();
    assert!(run.take_back_unsettled("it got worse"));
    assert_eq!(patched(&bench), ["graph-core", "other", "graph-core", "other"], "made in one order, taken back so too");
    assert_eq!(bench.limit("graph-core"), 1);

    // An earlier run has set the limit, and another process takes back.
    let bench = Bench::new();
    second(&bench);
    bench.done(|run| drop(run.change(bench.raise("graph-core", 2)).unwrap()));
    let record = bench.done(|run| drop(run.change(after_setting_back(&bench)).unwrap()));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Healthy);
    assert_eq!(bench.limit("graph-core"), 1);
    let told = set_back(&record);
    assert_eq!(told, ["http2MaxRequests Some(2) -> Some(1)"], "the run's own changes have events of their own");
}

/// What was set back with changes of the run, field by field.
fn set_back(record: &Path) -> Vec<String> {
    let mut told = Vec::new();
    for line in file::read(record).unwrap() {
        let Event::SettingBack { fields, .. } = line.event else { continue };
        let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_u64);
        let last = |path: String| path.rsplit('.').next().unwrap_or_default().to_owned();
        told.extend(fields.iter().map(|field| {
            format!("{} {:?} -> {:?}", last(field.path.to_string()), number(&field.after), number(&field.before))
        }));
    }
    told
}

#[test]
fn where_the_other_object_cannot_be_set_back_the_change_stays() {
    let bench = Bench::new();
    second(&bench);
    bench.done(|run| drop(run.change(bench.raise("graph-core", 2)).unwrap()));
    let record = bench.done(|run| drop(run.change(after_setting_back(&bench)).unwrap()));
    bench.done(|run| drop(run.change(bench.raise("graph-core", 9)).unwrap()));
    assert_eq!(bench.undo(&record).unwrap().exit, Exit::Dirty);
    let outcomes = outcomes(&record);
    assert!(
        matches!(&outcomes[0], UndoOutcome::LeftAlone { why } if why.contains("has to be set back before it")),
        "{outcomes:?}"
    );
    assert_eq!(bench.cluster.object(&rule("other"))["metadata"]["labels"]["moved"], "yes");
}
