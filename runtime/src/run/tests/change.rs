//! A change: what is recorded, sent, refused, and settled.

use std::time::Duration;

use serde_json::json;

use crate::change::Changed;
use crate::effect::Call;
use crate::failure::{CONFLICT, DENIED, Exit, FORBIDDEN, Failure, GITOPS, LOCKED, RECORD, REJECTED, UNREACHABLE};
use crate::record::event::{ChangeOutcome, Event, ProofOutcome};
use crate::record::file;
use crate::run::fake::{Bench, Fault, rule};
use crate::run::{Answer, Ending, Mode};

fn fixed() -> Ending {
    Ending::Fixed { what: "well".into() }
}

fn refused(bench: &Bench, outcome: Result<Changed, Failure>, code: &'static crate::failure::Code) -> Failure {
    let failure = outcome.unwrap_err();
    assert_eq!(failure.code.name, code.name, "{failure}");
    assert!(
        failure.unchanged.as_deref().unwrap_or_default().contains("summit/graph-core")
            || failure.message.contains("not changed"),
        "{failure:?}"
    );
    assert!(failure.hint.is_some(), "{failure:?}");
    assert_eq!(bench.limit("graph-core"), 1, "nothing was changed");
    failure
}

#[test]
fn it_is_tried_recorded_sent_once_and_read_back() {
    let bench = Bench::new();
    let run = bench.start();
    // The cluster itself asserts that the record on disk announces the patch when it arrives.
    let changed = run.change(bench.raise("graph-core", 500)).unwrap();
    assert_eq!(changed.fields.len(), 1);
    assert_eq!(changed.fields[0].path.to_string(), "spec.trafficPolicy.connectionPool.http.http2MaxRequests");
    assert_eq!(changed.object, bench.cluster.object(&rule("graph-core")));
    let kinds: Vec<_> = bench
        .cluster
        .lock()
        .calls
        .iter()
        .map(|call| match call {
            Call::AccessReview { .. } => "review",
            Call::Patch { dry_run: true, .. } => "dry run",
            Call::Patch { .. } => "patch",
            Call::Get { .. } => "get",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["review", "dry run", "patch", "get"]);
    let lines = file::read(&run.record_path().unwrap()).unwrap();
    let answered = lines.iter().find_map(|line| match &line.event {
        Event::ChangeAnswered { change, outcome: ChangeOutcome::Made { post_image } } => {
            Some((*change, post_image.clone()))
        }
        _ => None,
    });
    assert_eq!(answered, Some((changed.number.unwrap(), changed.object)));
}

#[test]
fn what_is_already_so_is_not_sent() {
    let bench = Bench::new();
    let run = bench.start();
    let changed = run.change(bench.raise("graph-core", 1)).unwrap();
    assert_eq!((changed.number, changed.fields.len()), (None, 0));
    assert!(bench.cluster.lock().calls.is_empty());
}

#[test]
fn permission_is_asked_once_for_each_resource_and_namespace() {
    let bench = Bench::new();
    let run = bench.start();
    run.change(bench.raise("graph-core", 2)).unwrap();
    run.change(bench.raise("graph-core", 3)).unwrap();
    let reviews = bench.cluster.lock().calls.iter().filter(|call| matches!(call, Call::AccessReview { .. })).count();
    assert_eq!(reviews, 1);
}

#[test]
fn a_missing_permission_is_named() {
    let bench = Bench::new();
    bench.cluster.lock().forbidden = true;
    let run = bench.start();
    let failure = refused(&bench, run.change(bench.raise("graph-core", 500)), &FORBIDDEN);
    for part in ["patch", "destinationrules", "networking.istio.io", "namespace summit"] {
        assert!(failure.message.contains(part), "{failure}");
    }
    assert_eq!(run.finish(Err(failure)).exit, Exit::Refused);
}

#[test]
fn what_the_webhook_refuses_is_not_sent_and_not_recorded_as_sent() {
    let bench = Bench::new();
    bench.cluster.lock().dry_run_refused = Some(&REJECTED);
    let run = bench.start();
    let failure = refused(&bench, run.change(bench.raise("graph-core", 500)), &REJECTED);
    assert!(bench.cluster.patches().is_empty());
    assert_eq!(run.finish(Err(failure)).exit, Exit::Refused);
    assert!(!bench.seen.events().iter().any(|event| matches!(event, Event::Changing(_))));
}

#[test]
fn a_refusal_of_the_real_patch_leaves_nothing_behind() {
    for fault in [&REJECTED, &CONFLICT] {
        let bench = Bench::new();
        bench.cluster.lock().faults.push_back(Fault::Refused(fault));
        let run = bench.start();
        let failure = refused(&bench, run.change(bench.raise("graph-core", 500)), fault);
        let ended = run.finish(Err(failure));
        assert_eq!((ended.exit, ended.left_behind.len()), (Exit::Refused, 0));
    }
}

#[test]
fn an_object_that_changed_since_it_was_read_is_not_overwritten() {
    let bench = Bench::new();
    let run = bench.start();
    let stale = bench.raise("graph-core", 500);
    bench.cluster.edit(&rule("graph-core"), |rule| rule["spec"]["host"] = json!("other"));
    refused(&bench, run.change(stale), &CONFLICT);

    // Between the dry run and the patch.
    bench.cluster.lock().meanwhile = Some(|rule| rule["spec"]["host"] = json!("third"));
    refused(&bench, run.change(bench.raise("graph-core", 500)), &CONFLICT);
    assert_eq!(bench.cluster.object(&rule("graph-core"))["spec"]["host"], "third");
}

#[test]
fn a_lost_answer_is_settled_by_looking() {
    let bench = Bench::new();
    let run = bench.start();
    bench.cluster.lock().faults.push_back(Fault::AnswerLost);
    let changed = run.change(bench.raise("graph-core", 500)).unwrap();
    assert!(changed.number.is_some());
    assert_eq!(bench.cluster.patches().len(), 1, "it is never sent again");

    bench.cluster.lock().faults.push_back(Fault::RequestLost);
    let failure = run.change(bench.raise("graph-core", 900)).unwrap_err();
    assert!(failure.is(&UNREACHABLE), "{failure}");
    assert!(failure.message.contains("was not made"), "{failure}");
    assert!(!run.stopped());
    assert_eq!(bench.limit("graph-core"), 500);
    let ended = run.finish(Err(failure));
    assert_eq!((ended.exit, bench.limit("graph-core")), (Exit::TakenBack, json!(1)));
}

#[test]
fn what_looking_cannot_tell_stops_the_run_and_is_named() {
    let bench = Bench::new();
    let run = bench.start();
    let overwritten = |rule: &mut serde_json::Value| {
        rule["spec"]["trafficPolicy"]["connectionPool"]["http"]["http2MaxRequests"] = json!(7)
    };
    bench.cluster.lock().faults.push_back(Fault::AnswerLostThen(overwritten));
    let failure = run.change(bench.raise("graph-core", 500)).unwrap_err();
    assert!(run.stopped() && failure.unchanged.as_deref().unwrap().contains("not known"), "{failure:?}");
    let ended = run.finish(Err(failure));
    assert_eq!(ended.exit, Exit::Dirty);
    assert!(ended.left_behind[0].1.contains("intruder"), "{ended:?}");
    assert_eq!(bench.limit("graph-core"), 7, "somebody else's value is left alone");
}

#[test]
fn an_interrupt_while_a_change_is_under_way_lets_it_finish_and_takes_it_back() {
    let bench = Bench::new();
    let run = bench.start();
    bench.cluster.lock().faults.push_back(Fault::Interrupted(bench.cancel.clone()));
    run.change(bench.raise("graph-core", 500)).unwrap();
    assert!(run.stopped());
    assert_eq!(bench.limit("graph-core"), 500);
    let ended = run.finish(Ok(()));
    assert_eq!(
        (ended.exit, ended.ending.as_str(), bench.limit("graph-core")),
        (Exit::TakenBack, "interrupted", json!(1))
    );
}

#[test]
fn the_deadline_does_not_cut_a_change_but_ends_the_run_after_it() {
    let mut bench = Bench::new();
    bench.settings.deadline = Some(Duration::from_secs(60));
    let run = bench.start();
    // Looking after the lost answer takes the run's clock past its deadline.
    run.sleep(Duration::from_millis(59_500)).unwrap();
    bench.cluster.lock().faults.push_back(Fault::AnswerLost);
    run.change(bench.raise("graph-core", 500)).unwrap();
    assert!(run.stopped());
    let ended = run.finish(Ok(()));
    assert_eq!((ended.exit, ended.ending.as_str(), bench.limit("graph-core")), (Exit::TakenBack, "deadline", json!(1)));
}

#[test]
fn without_approval_and_terminal_it_says_what_to_add() {
    let mut bench = Bench::new();
    bench.settings.approvals.clear();
    let run = bench.start();
    let failure = refused(&bench, run.change(bench.raise("graph-core", 500)), &DENIED);
    assert!(failure.hint.as_deref().unwrap().contains("--approve destinationrule"), "{failure:?}");
    assert!(run.stopped(), "no script can catch it");
    assert_eq!(run.finish(Ok(())).exit, Exit::Refused);
}

#[test]
fn a_count_is_used_up() {
    let mut bench = Bench::new();
    bench.settings.approvals = vec!["destinationrule=1".parse().unwrap()];
    let run = bench.start();
    run.change(bench.raise("graph-core", 2)).unwrap();
    let failure = run.change(bench.raise("graph-core", 3)).unwrap_err();
    assert!(failure.hint.as_deref().unwrap().contains("--approve destinationrule=2"), "{failure:?}");
    assert_eq!((run.finish(Ok(())).exit, bench.limit("graph-core")), (Exit::TakenBack, json!(1)));
}

#[test]
fn what_cannot_be_taken_back_has_to_be_named_and_stays() {
    let mut bench = Bench::new();
    let restart = |bench: &Bench| crate::change::Change {
        class: crate::effect::Class::Irreversible,
        irreversible: Some("a restart replaces the pods"),
        ..bench.raise("graph-core", 500)
    };
    let run = bench.start();
    let failure = refused(&bench, run.change(restart(&bench)), &DENIED);
    assert!(failure.hint.as_deref().unwrap().contains("--approve destinationrule/graph-core"), "{failure:?}");
    run.finish(Ok(()));

    bench.settings.approvals = vec!["DestinationRule/graph-core".parse().unwrap()];
    let run = bench.start();
    run.change(restart(&bench)).unwrap();
    let ended = run.finish(Err(Failure::new(&UNREACHABLE, "x")));
    assert_eq!((ended.exit, ended.left_behind.len()), (Exit::Dirty, 1));
    assert!(ended.left_behind[0].1.contains("a restart replaces the pods"), "{ended:?}");
}

#[test]
fn gitops_owns_what_it_marks() {
    let bench = Bench::new();
    bench.cluster.edit(&rule("graph-core"), |rule| rule["metadata"]["labels"] = json!({ "kustomize.toolkit.fluxcd.io/name": "graph", "kustomize.toolkit.fluxcd.io/namespace": "summit" }));
    let run = bench.start();
    let failure = refused(&bench, run.change(bench.raise("graph-core", 500)), &GITOPS);
    assert!(failure.message.contains("Flux (Kustomization summit/graph)"), "{failure}");
    let hint = failure.hint.unwrap();
    for part in ["kind: DestinationRule", "http2MaxRequests: 500", "--approve destinationrule/graph-core"] {
        assert!(hint.contains(part), "{hint}");
    }
    assert!(!hint.contains("resourceVersion"), "{hint}");
}

#[test]
fn gitops_is_said_to_the_person_who_is_asked() {
    let bench = Bench::asking(&[Answer::Yes]);
    bench.cluster.edit(&rule("graph-core"), |rule| rule["metadata"]["annotations"] = json!({ "argocd.argoproj.io/tracking-id": "graph:networking.istio.io/DestinationRule:summit/graph-core" }));
    let run = bench.start();
    run.change(bench.raise("graph-core", 500)).unwrap();
    let asked = bench.answers.as_ref().unwrap().1.lock().unwrap();
    assert_eq!(asked[0].gitops.as_deref(), Some("Argo CD (application graph)"));
}

#[test]
fn a_person_answers() {
    let proof = |run: &crate::run::Run| run.proved("wait", "true", ProofOutcome::Passed, None, Duration::ZERO);

    let bench = Bench::asking(&[Answer::No]);
    let run = bench.start();
    refused(&bench, run.change(bench.raise("graph-core", 500)), &DENIED);
    assert_eq!(run.finish(Ok(())).exit, Exit::Refused);

    // The rest of the step needs no answer; the next step does.
    let bench = Bench::asking(&[Answer::RestOfStep, Answer::Stop]);
    let run = bench.start();
    let step = run.step_started("one").unwrap();
    run.change(bench.raise("graph-core", 2)).unwrap();
    run.change(bench.raise("graph-core", 3)).unwrap();
    run.step_ended(step, true);
    let step = run.step_started("two").unwrap();
    run.change(bench.raise("graph-core", 4)).unwrap_err();
    run.step_ended(step, false);
    let ended = run.finish(Ok(()));
    assert_eq!(
        (ended.exit, bench.limit("graph-core")),
        (Exit::Dirty, json!(3)),
        "stop leaves what was made: {ended:?}"
    );
    assert_eq!(ended.left_behind.len(), 2);

    let bench = Bench::asking(&[Answer::Yes, Answer::UndoSoFar]);
    let run = bench.start();
    let step = run.step_started("one").unwrap();
    run.change(bench.raise("graph-core", 2)).unwrap();
    proof(&run);
    run.step_ended(step, true);
    run.change(bench.raise("graph-core", 3)).unwrap_err();
    assert_eq!(
        (run.finish(Ok(())).exit, bench.limit("graph-core")),
        (Exit::TakenBack, json!(1)),
        "proved changes go too"
    );
}

#[test]
fn read_only_and_scope_are_kept() {
    let mut bench = Bench::new();
    bench.settings.read_only = true;
    refused(&bench, bench.start().change(bench.raise("graph-core", 500)), &DENIED);
    let mut bench = Bench::new();
    bench.settings.namespaces = vec!["elsewhere".into()];
    let failure = refused(&bench, bench.start().change(bench.raise("graph-core", 500)), &DENIED);
    assert!(failure.message.contains("namespace elsewhere"), "{failure}");
    assert!(bench.cluster.lock().calls.is_empty());
}

#[test]
fn what_a_primitive_designates_may_lie_elsewhere_and_passes_every_other_guard() {
    let elsewhere = || {
        let mut bench = Bench::new();
        bench.settings.namespaces = vec!["elsewhere".into()];
        bench
    };
    let bench = elsewhere();
    bench.start().change(bench.raise("graph-core", 500).designated()).unwrap();
    assert_eq!(bench.limit("graph-core"), 500);
    let mut bench = elsewhere();
    bench.settings.read_only = true;
    refused(&bench, bench.start().change(bench.raise("graph-core", 500).designated()), &DENIED);
    let mut bench = elsewhere();
    bench.settings.approvals = Vec::new();
    refused(&bench, bench.start().change(bench.raise("graph-core", 500).designated()), &DENIED);
}

#[test]
fn two_runs_do_not_change_one_object_at_once() {
    let bench = Bench::new();
    let (one, other) = (bench.start(), bench.start());
    one.change(bench.raise("graph-core", 500)).unwrap();
    let failure = other.change(bench.raise("graph-core", 600)).unwrap_err();
    assert!(failure.is(&LOCKED) && failure.message.contains(one.id()), "{failure}");
    assert_eq!(bench.limit("graph-core"), 500);
    assert_eq!(other.finish(Ok(())).exit, Exit::Refused);
    one.proved("wait", "true", ProofOutcome::Passed, None, Duration::ZERO);
    one.end(fixed());
    assert_eq!(one.finish(Ok(())).exit, Exit::Healthy);
    let third = bench.start();
    third.change(bench.raise("graph-core", 600)).unwrap();
}

#[test]
fn without_a_record_nothing_is_changed() {
    // A file in place of the directory: root cannot write into it either.
    let mut bench = Bench::new();
    std::fs::write(bench.settings.home.join("runs"), "").unwrap();
    let failure = bench.try_start().err().unwrap();
    assert!(failure.is(&RECORD) && failure.unchanged.is_some(), "{failure:?}");

    // A run for which nothing was approved may read; whoever is asked later is refused before.
    bench.settings.approvals.clear();
    let run = bench.start();
    run.read(crate::effect::Effect::get(rule("graph-core"))).unwrap();
    assert!(bench.seen.events().iter().any(|event| matches!(event, Event::Warning { .. })));
    refused(&bench, run.change(bench.raise("graph-core", 500)), &RECORD);
    assert!(bench.cluster.patches().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_up_stops_changes_before_they_are_sent() {
    let bench = Bench::new();
    let run = bench.start();
    run.journal.fill_up();
    run.warn("the line that no longer fits");
    refused(&bench, run.change(bench.raise("graph-core", 500)), &RECORD);

    // And also when it fills up between the approval and the line that announces the change.
    let bench = Bench::asking(&[Answer::Yes]);
    let run = bench.start();
    run.journal.fill_up();
    refused(&bench, run.change(bench.raise("graph-core", 500)), &RECORD);
    assert!(bench.cluster.patches().is_empty());
    assert_eq!(run.finish(Ok(())).exit, Exit::Refused);
}

#[test]
fn a_condition_may_not_change_anything() {
    let bench = Bench::new();
    let run = bench.start();
    let outcome = run.rehearse(|| run.change(bench.raise("graph-core", 500)));
    refused(&bench, outcome, &crate::failure::SCRIPT);
    assert!(!run.is_rehearsing());
    assert_eq!(run.mode(), Mode::Unattended);
}
