//! A prompt on the record of a run, the way from one place to another, and the file that a prompt begins with.

use super::Terminal;
use super::prompt::{Prompt, RAISE, screen, stable};

/// The record of a session that raises the limits of `graph-core` and proves it; and the prompt on it.
fn replayed(args: &[&str]) -> Prompt {
    let mut prompt = Prompt::on("breaker", &[]);
    prompt.says("host(\"graph-core\").rules()", "connections 4");
    prompt.approves(RAISE);
    prompt.says("wait 3m until { host(\"graph-core\").refusals(over(\"30s\")).is_none() };", "waited");
    prompt.says("prom::query(\"sum(rate(istio_requests_total[1m]))\").value()", "");
    prompt.leaves();
    let Terminal { folder, .. } = prompt.0;
    let terminal = Terminal::start(folder, &[&["repl", "--replay", "last"], args].concat(), &[("NO_COLOR", "1")]);
    Prompt(terminal).ready("/summit>")
}

#[test]
fn a_record_answers_what_its_run_has_asked_for_and_changes_nothing() {
    let mut prompt = replayed(&[]);
    prompt.0.shows("What that run asked is answered as it was then; nothing can be changed.", 1);
    prompt.says("host(\"graph-core\").rules()", "connections 4");
    // Each input begins where the replay stands: asked again, the answer is the same.
    prompt.says("host(\"graph-core\").refusals(over(\"30s\")).is_none()", "false");
    prompt.says("host(\"graph-core\").refusals(over(\"30s\")).is_none()", "false");
    prompt.says("host(\"graph-core\").rules()[0].raise_limits(7)", "cannot be changed in a replay");
    prompt.says("host(\"search\").rules()", "did not ask for this: Service summit/search: read");
    prompt.says(":timeline", "raise 3 limits to 500");
    prompt.says(":at 40s", "Questions are answered from line");
    prompt.says("host(\"graph-core\").rules()", "connections 500");
    prompt.says("host(\"graph-core\").refusals(over(\"30s\")).is_none()", "false");
    prompt.says(":at 99d", "the record ends before that");
    prompt.says(":at soon", "a number is a line of the record");
    prompt.says(":at 0", "line 0, 0s after the run began");
    prompt.0.types("pod(\"front-\t");
    prompt.0.shows("pod(\"front-", 2);
    prompt.presses("\u{3}");
    prompt.leaves();
    prompt.is_without_colour();
}

#[test]
fn a_session_goes_on_in_the_lab_and_in_a_record() {
    let mut prompt = Prompt::on("breaker", &[]);
    prompt.says("host(\"graph-core\").rules()", "connections 4");
    prompt.says(":lab nonesuch", "there is no world \"nonesuch\"");
    prompt.says(":at 5s", "this is no replay");
    prompt.says(":replay 01NONESUCH", "there is no run `01NONESUCH`");
    prompt.approves(RAISE);
    prompt.0.types(":lab healthy\r");
    prompt.0.shows("Leave? [t]ake them back first", 1);
    prompt.presses("s\r");
    // Who stays, stays: leaving later goes nowhere else.
    prompt.says(":undo", "as before, the owners of its fields too");
    prompt.presses(":lab healthy\r");
    prompt.0.shows("LAB healthy/summit>", 1);
    prompt.says("1 + 1", "2");
    prompt.presses(":replay last\r");
    prompt.0.shows("of lab breaker", 1);
    prompt.says("host(\"graph-core\").rules()", "connections 4");
    prompt.leaves();
    let listed = prompt.afterwards(&["runs"]);
    assert_eq!(listed.matches("prompt").count(), 3, "{listed}");
}

#[test]
fn a_prompt_begins_with_the_file_of_its_user() {
    let folder = tempfile::TempDir::new().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "").unwrap();
    let begin = |text: &str| {
        std::fs::write(folder.path().join("init.rhai"), text).unwrap();
        Prompt::with("breaker", &[], &[("MESHBOOK_CONFIG", config.to_str().unwrap())])
    };
    let mut prompt = begin("fn limits(name) { host(name).rules() }\nlet mine = \"graph-core\";");
    prompt.says("limits(mine)", "connections 4");
    prompt.leaves();
    let mut prompt = begin("let a = 40;\nnonesuch();");
    prompt.0.shows("there is no function `nonesuch`", 1);
    prompt.says("1 + 1", "2");
    prompt.leaves();
}

/// Writes the screens of `docs/prompt.md` that are about records.
pub(super) fn screens(written: &mut String) {
    let mut prompt = replayed(&[]);
    for keys in
        ["host(\"graph-core\").rules()\r", ":at 40s\r", "host(\"graph-core\").rules()\r", "host(\"search\").rules()\r"]
    {
        prompt.presses(keys);
    }
    screen(written, "replay", &stable(&prompt.0.text()));
}
