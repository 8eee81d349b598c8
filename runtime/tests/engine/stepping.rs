//! A script whose steps somebody is asked about.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meshbook_runtime::engine::stepping::{After, Before, Here, Stepper};
use meshbook_runtime::record::event::Event;
use serde_json::json;

use crate::world::{How, Ran, run_as};

/// Answers what it was told to, and notes what it was asked.
#[derive(Default)]
struct Answers {
    every_step: bool,
    before: Mutex<VecDeque<Before>>,
    after: Mutex<VecDeque<After>>,
    asked: Mutex<Vec<String>>,
}

impl Stepper for Answers {
    fn every_step(&self) -> bool {
        self.every_step
    }

    fn before(&self, here: &mut Here) -> Before {
        self.asked.lock().unwrap().push(format!("before {}", here.title));
        self.before.lock().unwrap().pop_front().unwrap_or(Before::Run)
    }

    fn after(&self, here: &mut Here) -> After {
        let how = here.failure.as_ref().map_or("passed", |diagnostic| diagnostic.failure.code.name);
        self.asked.lock().unwrap().push(format!("after {}: {how}, {} changes", here.title, here.changes.len()));
        for (name, value) in &mut here.variables {
            if name == "n" {
                *value = 3.into();
            }
        }
        self.after.lock().unwrap().pop_front().unwrap_or(After::GoOn)
    }
}

fn asked(text: &str, answers: Answers, how: How) -> (Ran, Vec<String>) {
    let answers = Arc::new(answers);
    let ran = run_as(text, How { stepper: Some(answers.clone()), ..how });
    let asked = answers.asked.lock().unwrap().clone();
    (ran, asked)
}

fn failing(after: &[After]) -> Answers {
    Answers { after: Mutex::new(after.iter().copied().collect()), ..Answers::default() }
}

#[test]
fn what_a_person_has_ended_no_handler_resumes_and_nobody_is_asked_on_the_way_out() {
    let text = "step \"outer\" { try { step \"inner\" { thing(\"one\").grow(2); check(\"it helps\", false); } } catch {} show(\"resumed\"); } show(\"resumed\"); not_this(\"x\");";
    let (ran, asked) = asked(text, failing(&[After::Leave, After::GoOn]), How::default());
    assert_eq!(asked, ["after inner: meshbook::proof::failed, 1 changes"]);
    assert!(ran.shown().is_empty(), "{:?}", ran.shown());
    assert_eq!((ran.exit(), ran.cluster.spec()), (5, json!({ "size": 1, "color": "blue" })));
}

#[test]
fn a_step_is_repeated_with_what_was_assigned_meanwhile() {
    let text = "let n = 2; step \"s\" { thing(\"one\").grow(n); check(\"it is 3\", thing(\"one\").size() == 3); } fixed(\"x\");";
    let (ran, asked) = asked(text, failing(&[After::Again]), How::default());
    assert_eq!(asked, ["after s: meshbook::proof::failed, 1 changes"]);
    assert_eq!((ran.exit(), &ran.cluster.spec()["size"]), (0, &json!(3)));
    assert_eq!(ran.events(|event| matches!(event, Event::StepEnded { passed: true, .. })), 1);
    assert_eq!(ran.events(|event| matches!(event, Event::StepEnded { passed: false, .. })), 1);
}

#[test]
fn what_was_passed_over_or_skipped_lets_no_earlier_proof_speak_for_it() {
    let text = "step \"a\" { check(\"before\", true); } step \"b\" { check(\"it helps\", false); } fixed(\"x\");";
    let (ran, _) = asked(text, failing(&[After::GoOn]), How::default());
    assert_eq!((ran.exit(), ran.outcome.ended.code.as_deref()), (2, Some("meshbook::ending")));
    let skips =
        Answers { every_step: true, before: Mutex::new([Before::Run, Before::Skip].into()), ..Answers::default() };
    let (ran, all) = asked(text, skips, How::default());
    assert_eq!(all, ["before a", "after a: passed, 0 changes", "before b"]);
    assert_eq!(ran.exit(), 2, "{}", ran.outcome.ended.message);
    let later = text.replace("fixed(", "check(\"after\", true); fixed(");
    assert_eq!(asked(&later, failing(&[After::GoOn]), How::default()).0.exit(), 0);
}

#[test]
fn nobody_is_asked_where_a_promise_or_somebody_elses_end_stands_against_it() {
    let deadline = How { deadline: Some(Duration::from_secs(5)), ..How::default() };
    for (text, how) in [
        ("temporarily 10m \"a try\" { step \"s\" { denied(); } }", How::default()),
        ("temporarily \"a try\" { step \"s\" { denied(); } }", How::default()),
        ("step \"s\" { interrupt(); thing(\"one\").size(); }", How::default()),
        ("step \"s\" { not_this(\"x\"); }", How::default()),
        ("step \"s\" { wait 1m until { false }; }", deadline),
    ] {
        let (_, asked) = asked(text, failing(&[]), how);
        assert!(asked.is_empty(), "{text}: {asked:?}");
    }
}
