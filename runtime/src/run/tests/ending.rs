//! Steps, proofs, endings, and exit codes.

use std::time::Duration;

use serde_json::json;

use crate::failure::{ENDING, Exit, Failure, PROOF, UNREACHABLE};
use crate::record::event::{Event, ProofOutcome};
use crate::run::fake::{Bench, rule};
use crate::run::{Ending, Run, Stop};

fn prove(run: &Run) {
    run.proved("wait", "true", ProofOutcome::Passed, None, Duration::ZERO);
}

fn unreachable() -> Failure {
    Failure::new(&UNREACHABLE, "no answer")
}

fn fixed(run: &Run) {
    run.end(Ending::Fixed { what: "well".into() });
}

#[test]
fn a_proof_after_the_last_change_settles_at_the_end_of_the_step() {
    let bench = Bench::new();
    let run = bench.start();
    let step = run.step_started("one").unwrap();
    let first = run.change(bench.raise("graph-core", 2)).unwrap().number.unwrap();
    prove(&run);
    run.step_ended(step, true);
    let step = run.step_started("two").unwrap();
    run.change(bench.raise("graph-core", 3)).unwrap();
    run.step_ended(step, false);
    assert_eq!(bench.limit("graph-core"), 2, "only what was not proved is taken back");
    let ended = run.finish(Err(unreachable()));
    assert_eq!((ended.exit, ended.kept, ended.taken_back.len()), (Exit::TakenBack, vec![first], 1));
}

#[test]
fn a_proof_before_the_last_change_settles_nothing() {
    let bench = Bench::new();
    let run = bench.start();
    let step = run.step_started("one").unwrap();
    run.change(bench.raise("graph-core", 2)).unwrap();
    prove(&run);
    run.change(bench.raise("graph-core", 3)).unwrap();
    run.step_ended(step, true);
    fixed(&run);
    let ended = run.finish(Ok(()));
    assert_eq!((ended.exit, ended.code.as_deref()), (Exit::TakenBack, Some(ENDING.name)));
    assert_eq!(bench.limit("graph-core"), 1);
}

#[test]
fn a_later_step_settles_what_an_earlier_one_left_open() {
    let bench = Bench::new();
    let run = bench.start();
    let step = run.step_started("one").unwrap();
    run.change(bench.raise("graph-core", 2)).unwrap();
    run.step_ended(step, true);
    let step = run.step_started("two").unwrap();
    run.checked("it is well", true, None).unwrap();
    run.step_ended(step, true);
    fixed(&run);
    let ended = run.finish(Ok(()));
    assert_eq!((ended.exit, ended.kept.len(), bench.limit("graph-core")), (Exit::Healthy, 1, json!(2)));
}

#[test]
fn proofs_that_did_not_pass_settle_nothing() {
    for outcome in
        [ProofOutcome::Failed, ProofOutcome::Unverified, ProofOutcome::CanBeEvaluated, ProofOutcome::NotEvaluated]
    {
        let bench = Bench::new();
        let run = bench.start();
        run.change(bench.raise("graph-core", 2)).unwrap();
        run.proved("hold", "x", outcome, None, Duration::ZERO);
        fixed(&run);
        assert_eq!(run.finish(Ok(())).exit, Exit::TakenBack, "{outcome:?}");
    }
    let bench = Bench::new();
    let run = bench.start();
    run.change(bench.raise("graph-core", 2)).unwrap();
    let failure = run.checked("it is well", false, Some("it is not".into())).unwrap_err();
    assert!(failure.is(&PROOF) && failure.message.contains("it is not"), "{failure}");
    assert_eq!((run.finish(Err(failure)).exit, bench.limit("graph-core")), (Exit::TakenBack, json!(1)));
}

#[test]
fn fixed_without_any_proof_is_a_fault_of_the_script() {
    let bench = Bench::new();
    let run = bench.start();
    fixed(&run);
    let ended = run.finish(Ok(()));
    assert_eq!((ended.exit, ended.code.as_deref()), (Exit::Script, Some(ENDING.name)));
    let run = bench.start();
    prove(&run);
    fixed(&run);
    assert_eq!(run.finish(Ok(())).exit, Exit::Healthy);
    let run = bench.start();
    assert_eq!(run.finish(Ok(())).code.as_deref(), Some(ENDING.name), "a run that does not say how it ends");
}

#[test]
fn other_endings_take_back_what_is_not_proved_and_keep_their_exit() {
    let next = || Some("b.rhai".to_owned());
    let endings = [
        (Ending::Found { cause: "overload".into(), what: "busy".into(), next: next() }, Exit::Found),
        (Ending::NotThis { why: "no".into(), next: next() }, Exit::Healthy),
        (Ending::CannotTell { why: "no data".into(), next: next() }, Exit::CannotTell),
    ];
    for (ending, exit) in endings {
        let bench = Bench::new();
        let run = bench.start();
        run.change(bench.raise("graph-core", 2)).unwrap();
        let failure = run.end(ending.clone());
        assert!(!failure.code.catchable && run.stopped());
        let ended = run.finish(Err(failure));
        assert_eq!((ended.exit, ended.ending.as_str(), ended.next), (exit, ending.word(), next()));
        assert_eq!(bench.limit("graph-core"), 1);

        // Proved changes stay.
        let run = bench.start();
        let step = run.step_started("one").unwrap();
        run.change(bench.raise("graph-core", 2)).unwrap();
        prove(&run);
        run.end(ending.clone());
        run.step_ended(step, false);
        let ended = run.finish(Ok(()));
        assert_eq!((ended.exit, ended.kept.len(), bench.limit("graph-core")), (exit, 1, json!(2)));
    }
}

#[test]
fn the_first_stop_wins() {
    let bench = Bench::new();
    let run = bench.start();
    run.end(Ending::NotThis { why: "no".into(), next: None });
    run.stop(unreachable());
    bench.cancel.cancel();
    let ended = run.finish(Err(unreachable()));
    assert_eq!((ended.exit, ended.ending.as_str()), (Exit::Healthy, "not_this"));
}

#[test]
fn a_failure_before_any_change_ends_as_it_says_itself() {
    let bench = Bench::new();
    let run = bench.start();
    let ended = run.finish(Err(unreachable().hint("look at the server")));
    assert_eq!((ended.exit, ended.hint.as_deref()), (Exit::Unreachable, Some("look at the server")));
    assert!(matches!(bench.seen.events().last(), Some(Event::Ended(last)) if **last == ended));
}

#[test]
fn what_cannot_be_taken_back_is_dirty_and_named() {
    let bench = Bench::new();
    let run = bench.start();
    run.change(bench.raise("graph-core", 2)).unwrap();
    bench.cluster.lock().unreachable = true;
    let ended = run.finish(Err(unreachable()));
    assert_eq!(ended.exit, Exit::Dirty);
    assert!(ended.left_behind[0].1.contains("summit/graph-core"), "{ended:?}");
}

#[test]
fn temporarily_takes_back_what_was_proved_too_and_leaves_earlier_proofs_standing() {
    let bench = Bench::new();
    bench.cluster.put(&rule("log"), json!({ "spec": { "level": "info" } }));
    let run = bench.start();
    let step = run.step_started("one").unwrap();
    run.change(bench.raise("graph-core", 2)).unwrap();
    prove(&run);
    let mark = run.mark();
    run.change(bench.change("log", |log| log["spec"]["level"] = json!("debug"))).unwrap();
    run.take_back_since(mark, "the block ended");
    assert_eq!(bench.cluster.object(&rule("log"))["spec"]["level"], "info");
    run.step_ended(step, true);
    fixed(&run);
    let ended = run.finish(Ok(()));
    assert_eq!((ended.exit, ended.kept.len(), ended.taken_back.len()), (Exit::Healthy, 1, 1));
    assert_eq!(bench.limit("graph-core"), 2);
}

#[test]
fn taking_back_is_not_cut_short_by_what_stopped_the_run() {
    let bench = Bench::new();
    let run = bench.start();
    let mark = run.mark();
    run.change(bench.raise("graph-core", 2)).unwrap();
    bench.cancel.cancel();
    while !run.stopped() {
        std::thread::yield_now();
    }
    run.take_back_since(mark, "the block ended");
    assert_eq!(bench.limit("graph-core"), 1);
    let ended = run.finish(Ok(()));
    assert_eq!((ended.exit, ended.ending.as_str()), (Exit::TakenBack, "interrupted"));
}

#[test]
fn the_time_of_blocks_nests() {
    let bench = Bench::new();
    let run = bench.start();
    let outer = run.block_time(Duration::from_secs(60));
    let inner = run.block_time(Duration::from_secs(30));
    run.sleep(Duration::from_secs(45)).unwrap_err();
    assert!(matches!(run.verdict(), Some(Stop::BlockTime(id)) if id == inner.id()));
    let slept = bench.cluster.lock().calls.clone();
    assert_eq!(
        slept,
        [crate::effect::Call::Sleep { duration: Duration::from_secs(30) }],
        "it ends when the block's time is up"
    );
    assert!(inner.clear());
    assert!(!run.stopped());
    run.sleep(Duration::from_secs(20)).unwrap();
    assert!(!outer.clear(), "its time was not up");
    run.sleep(Duration::from_secs(20)).unwrap();
}

#[test]
fn what_comes_while_a_block_ends_stands_after_it() {
    let bench = Bench::new();
    let run = bench.start();
    let outer = run.block_time(Duration::from_secs(10));
    let inner = run.block_time(Duration::from_secs(5));
    run.sleep(Duration::from_secs(5)).unwrap_err();
    run.stop(unreachable());
    assert!(inner.clear());
    assert!(matches!(run.verdict(), Some(Stop::Failed(_))), "an interrupt is not lost");
    assert!(!outer.clear());
    assert!(run.stopped(), "only its own stop is cleared");
}

#[test]
fn a_loop_that_never_asks_the_clock_is_stopped_by_the_wall_clock() {
    let bench = Bench::new();
    let run = bench.start();
    let timer = run.block_time(Duration::from_millis(20));
    while !run.stopped() {
        std::thread::yield_now();
    }
    assert!(timer.clear() && !run.stopped());
}

#[test]
fn the_end_of_a_blocks_time_takes_back_no_more_than_the_block_has_changed() {
    let bench = Bench::new();
    bench.cluster.put(&rule("log"), json!({ "spec": { "level": "info" } }));
    let run = bench.start();
    let outer = run.step_started("outer").unwrap();
    run.change(bench.raise("graph-core", 2)).unwrap();
    let (mark, timer) = (run.mark(), run.block_time(Duration::from_secs(60)));
    let inner = run.step_started("inner").unwrap();
    run.change(bench.change("log", |log| log["spec"]["level"] = json!("debug"))).unwrap();
    run.sleep(Duration::from_secs(90)).unwrap_err();
    run.step_ended(inner, false);
    assert!(timer.clear());
    run.take_back_since(mark, "the time is up");
    assert_eq!(bench.cluster.object(&rule("log"))["spec"]["level"], "info");
    assert_eq!(bench.limit("graph-core"), 2);
    prove(&run);
    run.step_ended(outer, true);
    fixed(&run);
    assert_eq!(run.finish(Ok(())).exit, Exit::Healthy);
}

/// Argo CD writes the limit back.
fn argo_writes_back(bench: &Bench) {
    bench.cluster.edit(&rule("graph-core"), |rule| {
        rule["metadata"]["labels"] = json!({ "argocd.argoproj.io/instance": "shop" });
        rule["spec"]["trafficPolicy"]["connectionPool"]["http"]["http2MaxRequests"] = json!(1);
    });
}

#[test]
fn fixed_does_not_stand_on_a_change_that_was_changed_back() {
    let bench = Bench::new();
    let run = bench.start();
    let step = run.step_started("one").unwrap();
    run.change(bench.raise("graph-core", 2)).unwrap();
    prove(&run);
    run.step_ended(step, true);
    argo_writes_back(&bench);
    fixed(&run);
    let ended = run.finish(Ok(()));
    assert_eq!((ended.exit, ended.code.as_deref()), (Exit::TakenBack, Some(PROOF.name)), "{ended:?}");
    let says = "was changed back by Argo CD (application shop) after this run had changed it: spec.trafficPolicy.connectionPool.http.http2MaxRequests is 1 again";
    assert!(ended.message.contains(says), "{}", ended.message);
    assert!(ended.kept.is_empty() && ended.left_behind.is_empty(), "{ended:?}");
}

#[test]
fn a_check_that_fails_says_who_changed_back() {
    let bench = Bench::new();
    let run = bench.start();
    run.change(bench.raise("graph-core", 2)).unwrap();
    let before = run.checked("well", false, None).unwrap_err();
    assert!(!before.message.contains("changed back"), "{before}");
    argo_writes_back(&bench);
    let failure = run.checked("well", false, None).unwrap_err();
    assert!(failure.message.contains("changed back by Argo CD (application shop)"), "{failure}");
}

#[test]
fn a_change_of_ones_own_that_goes_back_is_nobody_elses() {
    let bench = Bench::new();
    let run = bench.start();
    let step = run.step_started("one").unwrap();
    run.change(bench.raise("graph-core", 2)).unwrap();
    run.change(bench.raise("graph-core", 1)).unwrap();
    prove(&run);
    run.step_ended(step, true);
    fixed(&run);
    assert_eq!(run.finish(Ok(())).exit, Exit::Healthy);
}
