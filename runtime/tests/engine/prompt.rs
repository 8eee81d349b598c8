//! Inputs that are typed one after another in one run.

use std::sync::Arc;

use meshbook_runtime::engine::Script;
use meshbook_runtime::engine::prompt::{Answer, Came, Completeness, Prompt};
use meshbook_runtime::run::{ChangeState, Mode, Run, Settings};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::{Cluster, Heard, LIBRARY};

/// A session, in which every change is approved beforehand.
struct Session {
    prompt: Prompt,
    cluster: Arc<Cluster>,
    home: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Session {
    fn new() -> Session {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (home, cluster) = (tempfile::tempdir().unwrap(), Cluster::new());
        let script = Script::from_text("prompt", "", None, &LIBRARY).unwrap();
        let settings = Settings {
            approvals: vec!["thing".parse().unwrap()],
            ..Settings::of(&script, Mode::Unattended, "summit", home.path())
        };
        let handle = runtime.handle().clone();
        let heard = Arc::new(Heard::default());
        let run = Run::start(settings, cluster.clone(), heard, None, handle, CancellationToken::new()).unwrap();
        let prompt = Prompt::new(run, LIBRARY, home.path()).unwrap();
        Session { prompt, cluster, home, _runtime: runtime }
    }

    fn answer(&mut self, text: &str) -> Answer {
        self.prompt.evaluate(text, CancellationToken::new())
    }

    #[track_caller]
    fn value(&mut self, text: &str) -> String {
        match self.answer(text).came {
            Came::Value(value) => value.to_string(),
            Came::Ended(ending) => format!("{}: {}", ending.word(), ending.message()),
            Came::Failed(diagnostic) => panic!("{text}: {diagnostic:?}"),
        }
    }

    /// The code of a failure, its source, and the text that it points at.
    #[track_caller]
    fn fails(&mut self, text: &str) -> (&'static str, String, String) {
        let Came::Failed(diagnostic) = self.answer(text).came else { panic!("{text} does not fail") };
        let place = diagnostic.place.as_ref();
        let at = place.map(|place| place.text[place.start..place.start + place.length].to_owned());
        let source = place.map(|place| place.source.clone());
        (diagnostic.failure.code.name, source.unwrap_or_default(), at.unwrap_or_default())
    }

    fn states(&self) -> Vec<ChangeState> {
        self.prompt.run().made().into_iter().map(|made| made.state).collect()
    }
}

#[test]
fn what_an_input_defines_is_there_for_the_later_ones() {
    let mut session = Session::new();
    session.value("let x = 1; fn twice(n) { n * 2 }");
    session.value("let f = |n| twice(n) + x;");
    assert_eq!(session.value("f.call(20)"), "41");
    assert_eq!(session.value("_ + _3"), "82");
    assert_eq!(session.value("_3 - _3 + 1"), "1", "a sign behind a result is no number's");
    assert_eq!(session.value("fn twice(n) { n * 3 } twice(2)"), "6", "the newest definition counts");
    assert_eq!(session.value("switch x { 1 => \"one\", _ => \"other\" }"), "one");
    assert_eq!(session.value("`${_}!`"), "one!");
    std::fs::write(session.home.path().join("sums.rhai"), "fn sum(a, b) { a + b }").unwrap();
    session.value("import \"sums\" as sums;");
    assert_eq!(session.value("sums::sum(40, 2)"), "42");
}

#[test]
fn an_error_points_into_the_input_that_it_comes_from() {
    let mut session = Session::new();
    session.value("fn size_of(t) {\n  t.size()\n}");
    let unreachable = session.fails("\nsize_of(thing(\"é\"))");
    assert_eq!((unreachable.1.as_str(), unreachable.2.as_str()), ("<input 1>", "size"));
    session.value("let f = |t| { t.nonesuch() };");
    assert_eq!(session.fails("f.call(thing(\"a\"))").1, "<input 3>");
    assert_eq!(session.value("_error.code"), "meshbook::script::unknown_name");
    assert_eq!(session.fails("nonesuch"), ("meshbook::script::unknown_name", "<input 6>".into(), "nonesuch".into()));
    assert_eq!(session.fails("1 +").0, "meshbook::script::syntax");
    assert_eq!(session.value("1 + 1"), "2", "the session goes on");
}

#[test]
fn a_stop_ends_its_input_and_no_other() {
    let mut session = Session::new();
    assert_eq!(session.fails("try { [1].filter(|x| denied()) } catch {}").0, "meshbook::gate::denied");
    assert_eq!(session.value("1 + 1"), "2");
    let cancel = CancellationToken::new();
    cancel.cancel();
    let answer = session.prompt.evaluate("loop { thing(\"one\").size(); }", cancel);
    let Came::Failed(diagnostic) = answer.came else { panic!("it was interrupted") };
    assert_eq!(diagnostic.failure.code.name, "meshbook::stop::interrupted");
    assert_eq!(session.value("thing(\"one\").size()"), "1");
    assert_eq!(session.value("found(\"it\")"), "found: cause: it");
    assert_eq!(session.fails("fixed(\"nothing\")").0, "meshbook::ending");
}

#[test]
fn changes_are_proved_by_later_inputs_and_taken_back_by_their_own_alone() {
    let mut session = Session::new();
    let answer = session.answer("thing(\"one\").grow(5)");
    assert_eq!((answer.done.changes, answer.done.reads), (1, 2));
    assert_eq!(session.states(), [ChangeState::Unsettled]);
    assert_eq!(session.fails("thing(\"one\").paint(\"red\"); check(\"it helps\", false)").0, "meshbook::proof::failed");
    assert_eq!(session.cluster.spec(), json!({ "size": 5, "color": "blue" }));
    assert_eq!(session.fails("wait 1m until { thing(\"one\").size() == 7 }").0, "meshbook::proof::failed");
    assert_eq!(session.states(), [ChangeState::Unsettled, ChangeState::TakenBack]);
    session.value("wait 1m until { thing(\"one\").size() == 5 }");
    assert_eq!(session.states(), [ChangeState::Settled, ChangeState::TakenBack]);
    let first = session.prompt.run().made()[0].number;
    assert!(session.prompt.run().take_back_numbers(&[first], "asked"));
    assert_eq!(session.cluster.spec(), json!({ "size": 1, "color": "blue" }));
    session.value("thing(\"one\").grow(6)");
    let ended = session.prompt.run().leave();
    assert_eq!((ended.ending.as_str(), ended.exit.code(), ended.left_behind.len()), ("left", 7, 1));
}

#[test]
fn a_step_at_the_prompt_looks_at_its_proofs_first() {
    let mut session = Session::new();
    session.value("fn grown(t) { t.grow(9) }");
    let failed = session.fails("step \"s\" { grown(thing(\"one\")); wait 1m until { missing() < 1.0 }; }");
    assert_eq!(failed.0, "meshbook::data::missing");
    assert_eq!(session.states(), [], "a change that cannot be proved is not made");
}

#[test]
fn a_text_wants_more_only_where_it_ends_too_early() {
    let completeness = Completeness::default();
    for text in [
        "step \"s\" {",
        "f(1,",
        "let x =",
        "1 +",
        "`a\nb",
        "#{ a: 1,",
        "wait 2m until {\n  x",
        "/* a",
        "if a {\n}\nelse",
        "fn f(",
    ] {
        assert!(completeness.wants_more(text), "{text}");
    }
    for text in ["", "1 + 1", "}", "f(1))", "\"a", "let = 1", "step \"s\" { }", "// {", "1 ++", "x.\u{1}"] {
        assert!(!completeness.wants_more(text), "{text}");
    }
}

#[test]
fn a_repeated_input_stops_when_it_has_been_seen_enough() {
    let mut session = Session::new();
    let mut seen = Vec::new();
    let text = "thing(\"one\").size()";
    let pause = std::time::Duration::from_secs(5);
    let answer = session.prompt.repeat(":watch", text, pause, CancellationToken::new(), &mut |value| {
        seen.push(value.to_string());
        seen.len() < 3
    });
    assert!(matches!(answer.came, Came::Value(_)));
    assert_eq!((seen.len(), session.cluster.elapsed().as_secs()), (3, 10));
    assert_eq!(session.prompt.may_change("thing(\"one\").grow(2)").unwrap().as_deref(), Some("grow"));
    assert_eq!(session.prompt.may_change(text).unwrap(), None);
}
