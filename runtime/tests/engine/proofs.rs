//! Steps, waits, holds, and what settles a change.

use std::time::Duration;

use meshbook_runtime::record::event::{Event, ProofOutcome};
use meshbook_runtime::run::Mode;
use serde_json::json;

use crate::world::{How, run, run_as, value};

const CHANGES: fn(&Event) -> bool = |event| matches!(event, Event::Changing(_));

#[test]
fn a_proved_change_stays() {
    let ran = run(r#"let t = thing("one"); step "grow" { t.grow(5); wait 1m until { t.size() == 5 }; } fixed("big");"#);
    assert_eq!((ran.exit(), ran.cluster.spec()["size"].as_i64()), (0, Some(5)), "{}", ran.message());
    assert_eq!(ran.outcome.ended.kept.len(), 1);
}

#[test]
fn a_failed_proof_takes_back_what_is_not_settled_and_keeps_the_rest() {
    let ran = run(r#"
        let t = thing("one");
        step "paint" { t.paint("green"); wait 1m until { t.size() == 1 }; }
        step "grow" { t.grow(5); wait 10s until { t.size() == 7 }; }
        fixed("never");"#);
    assert_eq!(ran.exit(), 5, "{:?}", ran.outcome.ended);
    assert_eq!(ran.cluster.spec(), json!({ "size": 1, "color": "green" }));
    assert!(ran.message().contains("t.size() == 7") && ran.message().contains("its size is 5"), "{}", ran.message());
    assert_eq!(ran.points_at(), "{");
    assert!(ran.cluster.elapsed() >= Duration::from_secs(10));
}

#[test]
fn fixed_without_a_proof_is_refused_and_taken_back() {
    let ran = run(r#"let t = thing("one"); step "grow" { t.grow(5); } fixed("not proved");"#);
    assert_eq!((ran.exit(), ran.cluster.spec()["size"].as_i64()), (5, Some(1)));
    let ran =
        run(r#"let t = thing("one"); step "grow" { t.grow(5); check("grown", t.size() == 5); } fixed("proved");"#);
    assert_eq!((ran.exit(), ran.cluster.spec()["size"].as_i64()), (0, Some(5)));
}

#[test]
fn a_proof_without_data_stops_the_step_before_its_first_change() {
    let ran = run(r#"let t = thing("one"); step "grow" { t.grow(5); wait 1m until { missing() < 1 }; } fixed("x");"#);
    assert_eq!((ran.exit(), ran.events(CHANGES)), (8, 0), "{:?}", ran.outcome.ended);
    assert!(
        ran.message().contains("could not be proved") && ran.message().contains("not exported"),
        "{}",
        ran.message()
    );
}

#[test]
fn a_proof_that_is_false_before_the_change_is_what_one_expects() {
    let ran = run(
        r#"let t = thing("one"); step "grow" { t.grow(5); wait 1m until { t.size() == 5 }; hold 30s while { t.size() > 4 }; } fixed("x");"#,
    );
    assert_eq!(ran.exit(), 0, "{}", ran.message());
    let looked = ran.events(|event| matches!(event, Event::Proved { outcome: ProofOutcome::CanBeEvaluated, .. }));
    assert_eq!(looked, 2);
    assert!(ran.cluster.elapsed() >= Duration::from_secs(30));
}

#[test]
fn missing_data_are_not_yet_and_at_the_deadline_unverified() {
    let ran = value(r#"wait 1m until { later(20, 3.0) > 2 }"#);
    assert_eq!(ran.exit(), 0, "{}", ran.message());
    let ran = value(r#"wait 10s until { later(20, 3.0) > 2 }"#);
    assert!(ran.message().contains("unverified") && ran.message().contains("stale"), "{}", ran.message());
}

#[test]
fn a_hold_ends_at_the_first_time_it_is_false() {
    let ran = run(
        r#"let t = thing("one"); step "grow" { t.grow(5); hold 1m while { later(0, 1.0) > 0 && t.size() < 5 }; } fixed("x");"#,
    );
    assert_eq!((ran.exit(), ran.cluster.spec()["size"].as_i64()), (5, Some(1)));
    assert!(ran.message().contains("did not hold"), "{}", ran.message());
}

#[test]
fn temporarily_takes_back_on_every_way_out() {
    for way in [
        "",
        "return 5;",
        "throw \"x\";",
        "denied();",
        "broken();",
        "interrupt(); loop { }",
        "fn_that_is_not();",
        "found(\"x\");",
        "try { [1].filter(|x| denied()) } catch { }",
    ] {
        let text = format!(
            "let t = thing(\"one\"); temporarily \"a test\" {{ t.grow(9); check(\"x\", t.size() == 9); {way} }} found(\"done\");"
        );
        let ran = run(&text);
        assert_eq!(ran.cluster.spec()["size"].as_i64(), Some(1), "{way}");
        assert!(ran.cluster.patches.lock().unwrap().len() >= 2, "{way}");
    }
}

#[test]
fn temporarily_with_a_time_limit_goes_on_after_it() {
    let ran = run(
        r#"let t = thing("one"); temporarily 30s "a test" { t.grow(9); wait 10m until { t.size() == 1 }; } show(`size ${t.size()}`); found("done");"#,
    );
    assert_eq!((ran.exit(), ran.shown()), (1, vec!["size 1".to_owned()]), "{}", ran.message());
    assert!(ran.cluster.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_plan_changes_nothing_and_sees_what_it_planned() {
    let how = How { mode: Mode::Plan, ..How::default() };
    let ran = run_as(
        r#"let t = thing("one"); step "grow" { t.grow(5); wait 1m until { t.size() == 5 }; } if t.size() == 5 { t.paint("green"); } fixed("big");"#,
        how,
    );
    assert_eq!((ran.exit(), ran.cluster.patches.lock().unwrap().len()), (0, 0), "{:?}", ran.outcome.ended);
    assert_eq!(ran.events(|event| matches!(event, Event::Planned(_))), 2);
}

#[test]
fn steps_keep_their_variables_and_their_control_flow() {
    let ran = run(r#"
        for k in 0..4 {
            step `round ${k}` { let doubled = k * 2; if k == 1 { continue; } show(`${doubled}`); if k == 2 { break; } }
        }
        step "last" { let kept = 7; }
        show(`kept ${kept}`);
        found("done");"#);
    assert_eq!(ran.shown(), ["0", "4", "kept 7"], "{}", ran.message());
    assert_eq!(ran.events(|event| matches!(event, Event::StepEnded { passed: true, .. })), 4);
}

#[test]
fn the_deadline_and_the_interrupt_cannot_be_caught() {
    let ran = run_as(
        "try { wait 10m until { false } } catch { show(\"caught\"); } found(\"x\");",
        How { deadline: Some(Duration::from_secs(5)), ..How::default() },
    );
    assert_eq!((ran.exit(), ran.shown().len()), (124, 0), "{}", ran.message());
    let ran = run("try { interrupt(); loop { } } catch { show(\"caught\"); } found(\"x\");");
    assert_eq!((ran.exit(), ran.shown().len()), (130, 0), "{}", ran.message());
}
