//! From prompt to runbook and back: a run that waits where a step failed, a runbook step by step, a session that is saved.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::lab::ServedLab;
use super::prompt::{Prompt, RAISE, screen, stable};
use super::{QUESTION, Terminal};

/// Sets a limit, and waits for one that only comes if somebody changes `wanted`.
const FAILS: &str = r#"//! Sets a limit.
param service: string = "catalog" "the rule";
fn limit(name) { k8s::get("destinationrule", name).field("spec.trafficPolicy.connectionPool.tcp.maxConnections") }
let wanted = 7;
step "Look" { let before = limit(service); show(`it was ${before}`); }
step "Set it" {
    k8s::patch("destinationrule", service, #{ spec: #{ trafficPolicy: #{ connectionPool: #{ tcp: #{ maxConnections: wanted } } } } });
    wait 10s until { limit(service) == 300 };
}
step "Look again" { show(`it is ${limit(service)}`); }
fixed("it is set");
"#;

/// What stands in front of what is typed while a runbook waits with one change.
const WAITS: &str = "stopped, LAB healthy/summit [1 undoable, 1 unproved]>";

/// A run that waits at its failed step, with one change in force.
fn waiting(script: &str) -> Prompt {
    let mut prompt = Prompt(Terminal::run(script, &["--debug"], &[]));
    prompt.0.shows(QUESTION, 1);
    prompt.presses("y\r");
    prompt.0.shows("failed, and the runbook waits", 1);
    prompt.0.shows(WAITS, 1);
    prompt
}

#[test]
fn a_run_waits_where_a_step_failed_with_its_variables_and_its_changes() {
    let mut prompt = waiting(FAILS);
    prompt.0.shows("meshbook::proof::failed", 1);
    prompt.0.shows("script.rhai:8:", 1);
    prompt.says(":changes", "in force, not");
    prompt.says("`before ${before}, wanted ${wanted}, now ${limit(service)}`", "before 200, wanted 7, now 7");
    // A failure at the prompt takes back nothing of the runbook.
    prompt.says("nonesuch()", "meshbook::script::unknown_name");
    prompt.says(":continue", "changes stand that nothing has proved");
    prompt.0.shows(WAITS, 5);
    prompt.says("wanted = 300;", "");
    prompt.0.types(":retry\r");
    prompt.0.shows("because: the step \"Set it\" is repeated", 1);
    prompt.0.shows(QUESTION, 2);
    prompt.0.shows("- spec.trafficPolicy.connectionPool.tcp.maxConnections: 200", 2);
    prompt.0.types("y\r");
    assert_eq!(prompt.0.ends(), 0, "{}", prompt.0.text());
    prompt.0.shows("✓ Fixed: it is set", 1);
    prompt.0.shows("tcp.maxConnections 200 -> 300 · proved, stays", 1);
    let told = prompt.afterwards(&["runs", "last"]);
    for part in ["script.rhai", "input    1> :changes", "Set it failed", "is repeated", "Set it ended well", "exit 0"] {
        let typed = part.strip_suffix(":changes").unwrap_or(part);
        assert!(told.contains(typed), "{part:?} is not in\n{told}");
    }
}

#[test]
fn who_leaves_a_run_that_waits_takes_back_or_leaves_behind() {
    for (answer, code, said) in [("t", 5, "as before, the owners of its fields too"), ("l", 7, "LEFT DIRTY")] {
        let mut prompt = waiting(FAILS);
        prompt.0.types(":quit\r");
        prompt.0.shows("Leave? [t]ake them back first", 1);
        prompt.presses("s\r");
        prompt.0.types("\u{4}");
        prompt.0.shows("Leave? [t]ake them back first", 2);
        prompt.0.types(&format!("{answer}\r"));
        assert_eq!(prompt.0.ends(), code, "{}", prompt.0.text());
        prompt.0.shows(said, 1);
        assert!(!prompt.0.text().contains("Step 3"), "{}", prompt.0.text());
        // It was said where the run waited.
        assert_eq!(prompt.0.text().matches("meshbook::proof::failed").count(), 1, "{}", prompt.0.text());
    }
}

#[test]
fn a_run_goes_on_behind_a_failed_step_and_says_fixed_only_with_a_new_proof() {
    let proved = FAILS.replace("show(`it is ${limit(service)}`);", "check(\"a proof of its own\", true);");
    for (script, code, said) in
        [(FAILS, 5, "no proof has followed its last"), (proved.as_str(), 0, "✓ Fixed: it is set")]
    {
        let mut prompt = waiting(script);
        prompt.says(":undo", "as before, the owners of its fields too");
        prompt.0.types(":continue\r");
        prompt.0.shows("failed, and was passed over; `fixed` needs a proof that follows", 1);
        prompt.0.shows("Look again", 1);
        assert_eq!(prompt.0.ends(), code, "{}", prompt.0.text());
        prompt.0.shows(said, 1);
    }
}

#[test]
fn what_is_changed_at_a_prompt_that_waits_stays_for_the_step_that_is_repeated() {
    let mut prompt = waiting(&FAILS.replace("limit(service) == 300", "limit(\"graph-core\") == 300"));
    prompt.0.types("k8s::patch(\"destinationrule\", \"graph-core\", #{ spec: #{ trafficPolicy: #{ connectionPool: #{ tcp: #{ maxConnections: 300 } } } } });\r");
    prompt.0.shows(QUESTION, 2);
    prompt.presses("y\r");
    prompt.0.shows("[2 undoable, 2 unproved]>", 1);
    prompt.0.types(":retry\r");
    prompt.0.shows(QUESTION, 3);
    prompt.0.types("y\r");
    assert_eq!(prompt.0.ends(), 0, "{}", prompt.0.text());
    prompt.0.shows("proved, stays", 2);
}

#[test]
fn control_c_ends_a_run_that_does_not_wait_and_an_input_where_it_does() {
    let mut terminal = Terminal::run(FAILS, &["--debug"], &[]);
    terminal.shows(QUESTION, 1);
    terminal.types("\u{3}");
    assert_eq!(terminal.ends(), 130, "{}", terminal.text());
    let mut prompt = waiting(FAILS);
    prompt.0.types(ANNOTATE);
    prompt.0.shows(QUESTION, 2);
    prompt.presses("\u{3}");
    prompt.0.shows(WAITS, 2);
    prompt.says("wanted", "7");
    prompt.0.types("\u{4}");
    prompt.0.shows("Leave? [t]ake them back first", 1);
    prompt.0.types("t\r");
    assert_eq!(prompt.0.ends(), 5, "{}", prompt.0.text());
}

#[test]
fn a_block_that_promises_to_take_back_does_not_wait() {
    let inside = "//! Fails inside.\ntemporarily 10m \"a try\" { step \"Set it\" { k8s::annotate(\"destinationrule\", \"catalog\", #{ a: \"1\" }); check(\"it helps\", false); } }\nfixed(\"never\");\n";
    let mut terminal = Terminal::run(inside, &["--debug"], &[]);
    terminal.shows(QUESTION, 1);
    terminal.types("y\r");
    assert_eq!(terminal.ends(), 5, "{}", terminal.text());
    assert!(!terminal.text().contains("the runbook waits"), "{}", terminal.text());
}

#[test]
fn a_session_begins_inside_a_runbook() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("fails.rhai"), FAILS).unwrap();
    let args = ["repl", "--lab", "healthy", "-i", "fails.rhai", "service=graph-core"];
    let mut prompt = Prompt(Terminal::start(folder, &args, &[]));
    prompt.0.shows("+ spec.trafficPolicy.connectionPool.tcp.maxConnections: 7", 1);
    prompt.0.shows(QUESTION, 1);
    prompt.presses("y\r");
    prompt.0.shows(WAITS, 1);
    prompt.says("service", "graph-core");
    prompt.says(":undo", "as before, the owners of its fields too");
    prompt.presses("\u{4}");
    // The runbook is left, and the session goes on.
    prompt.0.shows("\nLAB healthy/summit>", 1);
    prompt.says("service", "there is no variable `service`");
    prompt.says(":continue", "no runbook waits here");
    prompt.leaves();
}

#[test]
fn a_runbook_is_gone_through_step_by_step() {
    const BEFORE: &str = "Run this step? [r]un [s]kip [l]ook around first [q]uit:";
    const AFTER: &str = "It passed. [n]ext [r]epeat [l]ook around [q]uit:";
    let mut prompt = Prompt::on("healthy", &[]);
    std::fs::write(prompt.0.path("fails.rhai"), FAILS).unwrap();
    prompt.0.types(":step fails.rhai\r");
    prompt.0.shows(BEFORE, 1);
    prompt.0.shows("Next: Look", 1);
    prompt.0.shows("read: k8s::get", 1);
    prompt.0.types("\rx\rr\r");
    prompt.0.shows(AFTER, 1);
    prompt.0.types("r\r");
    prompt.0.shows(AFTER, 2);
    prompt.0.shows("it was 200", 2);
    prompt.0.types("n\r");
    prompt.0.shows("may change destinationrule; each is asked for", 1);
    let prompts = prompt.prompts();
    prompt.0.types("l\r");
    prompt.opens(prompts + 1);
    prompt.says("before + 1", "201");
    prompt.0.types("\u{4}");
    prompt.0.shows(BEFORE, 5);
    prompt.approves("r\r");
    prompt.0.shows("failed, and the runbook waits", 1);
    prompt.says("wanted = 300;", "");
    prompt.0.types(":retry\r");
    prompt.0.shows(QUESTION, 2);
    prompt.0.types("y\r");
    prompt.0.shows(AFTER, 3);
    prompt.0.types("n\r");
    prompt.0.shows("Next: Look again", 1);
    prompt.0.shows(BEFORE, 6);
    prompt.presses("s\r");
    // Its proof was before the step that was skipped.
    prompt.0.shows("the step \"Look again\" was skipped", 1);
    prompt.0.shows("no proof has followed its last change", 1);
    prompt.0.types(":step fails.rhai\r");
    prompt.0.shows(BEFORE, 7);
    prompt.presses("q\r");
    prompt.0.shows("the script was left before the step \"Look\"", 1);
    prompt.says(":undo", "as before, the owners of its fields too");
    prompt.leaves();
}

/// What a record says was changed, in order: each object with the fields that differ, and whether it stayed.
fn effects(home: &Path) -> Vec<(String, Value, bool)> {
    let mut records: Vec<_> =
        std::fs::read_dir(home.join("runs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    records.sort();
    let text = std::fs::read_to_string(records.pop().unwrap()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let settled: Vec<&Value> = lines.iter().filter_map(|line| line["changes"].as_array()).flatten().collect();
    let changing = lines.iter().filter(|line| line["event"] == "changing");
    changing
        .map(|line| (line["object"].to_string(), line["fields"].clone(), settled.contains(&&line["number"])))
        .collect()
}

#[test]
fn a_saved_session_has_the_effects_of_the_session() {
    let mut prompt = Prompt::on("breaker", &[]);
    prompt.says("host(\"graph-core\")", "graph-core.summit");
    prompt.says("let before = _.errors(over(\"30s\"));", "");
    prompt.says(":x _1.refusals(over(\"30s\"))", "SOURCE");
    prompt.approves("for rule in _.rules() { rule.raise_limits(500); }\r");
    prompt.says("_error_is_no_name", "there is no variable");
    prompt.says("_1.rules().len()", "1");
    prompt.says("wait 3m until { _1.refusals(over(\"30s\")).is_none() };", "waited");
    prompt.says("check(\"no worse\", _1.errors(over(\"30s\")).not_worse_than(before));", "");
    prompt.says(":save saved.rhai", "6 inputs are in saved.rhai");
    prompt.says(":save saved.rhai", "it is as it was");
    prompt.leaves();
    let saved = std::fs::read_to_string(prompt.0.path("saved.rhai")).unwrap();
    assert!(!saved.contains(" _1") && !saved.contains("(_1") && saved.contains("result_1.rules().len()"), "{saved}");
    let checked = prompt.afterwards(&["check", "saved.rhai"]);
    assert!(checked.contains("ok") && !checked.contains("does not prove it"), "{checked}\n{saved}");
    let typed = effects(&prompt.0.home());
    assert_eq!(typed.len(), 1);
    assert!(typed[0].2, "{typed:?}");
    let again = prompt.afterwards(&["run", "saved.rhai", "--lab", "breaker", "--approve", "destinationrule"]);
    assert!(again.contains("Fixed"), "{again}\n{saved}");
    assert_eq!(effects(&prompt.0.home()), typed, "{saved}");
}

#[test]
fn a_change_that_nothing_has_proved_is_saved_with_a_reminder_that_check_reports() {
    let mut prompt = Prompt::on("breaker", &[]);
    prompt.approves(RAISE);
    prompt.says(":save saved.rhai", "1 inputs are in saved.rhai");
    let saved = std::fs::read_to_string(prompt.0.path("saved.rhai")).unwrap();
    assert!(saved.contains("// REMINDER: prove this change"), "{saved}");
    let checked = prompt.afterwards(&["check", "saved.rhai"]);
    assert!(checked.contains("this step changes something and does not prove it"), "{checked}");
    prompt.says(":undo", "as before");
    prompt.says(":save undone.rhai", "1 inputs are in undone.rhai");
    let undone = std::fs::read_to_string(prompt.0.path("undone.rhai")).unwrap();
    assert!(undone.contains("input 1 is left out: it was taken back at the prompt"), "{undone}");
    prompt.leaves();
}

#[test]
fn a_whole_incident_is_found_mended_undone_and_told() {
    let mut prompt = Prompt::on("breaker", &[]);
    prompt.says("triage()", "circuit breaker");
    prompt.says("let h = host(\"graph-core\");", "");
    prompt.says("h.refusals(over(\"30s\"))", "SOURCE");
    prompt.approves("for rule in _.rules() { rule.raise_limits(500); }\r");
    prompt.0.shows("[1 undoable, 1 unproved]>", 1);
    prompt.says("let password = \"hunter2hunter2\";", "");
    prompt.says(":wait 3m h.refusals(over(\"30s\")).is_none()", "waited");
    prompt.says(":save mended.rhai", "inputs are in mended.rhai");
    prompt.says(":record told.md", "The record is in told.md");
    prompt.says(":undo", "as before, the owners of its fields too");
    prompt.says(":record after.md", "The record is in after.md");
    prompt.leaves();
    for name in ["mended.rhai", "told.md", "after.md"] {
        let path = prompt.0.path(name);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        assert!(!std::fs::read_to_string(path).unwrap().contains("hunter2"), "{name}");
    }
    let told = std::fs::read_to_string(prompt.0.path("told.md")).unwrap();
    for part in [
        "# prompt, run 01",
        "| where | LAB breaker, namespace summit |",
        "| DestinationRule summit/graph-core | raise 3 limits to 500 | proved, stays |",
        "```rhai\nh.refusals(over(\"30s\"))\n```",
        "What came of input 3:",
        "**changed DestinationRule summit/graph-core**: raise 3 limits to 500",
        "```diff\n- spec.trafficPolicy.connectionPool.tcp.maxConnections: 4\n",
        "wait `h.refusals(over(\"30s\")).is_none()` passed after",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    let after = std::fs::read_to_string(prompt.0.path("after.md")).unwrap();
    assert!(after.contains("| raise 3 limits to 500 | taken back |"), "{after}");
    assert!(
        after.contains("**took back DestinationRule summit/graph-core**, because: you asked to undo it"),
        "{after}"
    );
}

/// The runbook of the documentation.
const RAISE_AND_PROVE: &str = r#"//! Raises the limits that refuse requests.
param limit: int = 5 "the new limits";
let callee = host("graph-core");
step "Raise the limits, and prove it" {
    for rule in callee.refusals(over("30s")).rules() { rule.raise_limits(limit); }
    wait 1m until { callee.refusals(over("30s")).is_none() };
}
fixed("nothing is refused");
"#;

/// Writes the screens of `docs/prompt.md` that are about runbooks.
pub(super) fn screens(written: &mut String) {
    screen(written, "runbook", RAISE_AND_PROVE);
    let begun = || {
        let prompt = Prompt::with("breaker", &[], &[("NO_COLOR", "1")]);
        std::fs::write(prompt.0.path("raise.rhai"), RAISE_AND_PROVE).unwrap();
        prompt
    };

    let mut prompt = begun();
    prompt.0.types(":run raise.rhai\r");
    prompt.0.shows(QUESTION, 1);
    for keys in ["y\r", ":changes\r", "callee.rules()\r", "limit = 500;\r"] {
        prompt.presses(keys);
    }
    prompt.0.types(":retry\r");
    prompt.0.shows(QUESTION, 2);
    prompt.presses("y\r");
    screen(written, "waits", &stable(&prompt.0.text()));

    let mut prompt = begun();
    prompt.0.types(":step raise.rhai limit=500\r");
    prompt.0.shows("[q]uit:", 1);
    prompt.0.types("r\r");
    prompt.0.shows(QUESTION, 1);
    prompt.0.types("y\r");
    prompt.0.shows("[q]uit:", 2);
    prompt.presses("n\r");
    screen(written, "step", &stable(&prompt.0.text()));

    let mut prompt = begun();
    prompt.presses("host(\"graph-core\")\r");
    prompt.approves("for rule in _.refusals(over(\"30s\")).rules() { rule.raise_limits(500); }\r");
    prompt.presses("wait 3m until { _1.refusals(over(\"30s\")).is_none() };\r");
    prompt.presses(":save mended.rhai\r");
    let saved = std::fs::read_to_string(prompt.0.path("mended.rhai")).unwrap();
    screen(written, "saved", &stable(&format!("{saved}>")));
}

/// What makes a change that nothing proves.
const ANNOTATE: &str = "k8s::annotate(\"destinationrule\", \"catalog\", #{ note: \"1\" });\r";

impl Prompt {
    fn signal(&self, name: &str) {
        let process = self.0.child.process_id().unwrap().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &process]).status().unwrap().success());
    }

    /// As [`Prompt::afterwards`], against a cluster.
    fn there(&self, kubeconfig: &str, args: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meshbook"));
        command.args(args).current_dir(self.0.folder()).env("MESHBOOK_HOME", self.0.home());
        let output = command.env("KUBECONFIG", kubeconfig).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    }
}

#[test]
fn a_prompt_that_is_ended_from_outside_leaves_its_change_to_another_process() {
    let lab = ServedLab::start("healthy");
    let kubeconfig = lab.kubeconfig.display().to_string();
    for name in ["TERM", "HUP"] {
        let mut prompt = Prompt::at(&lab, "healthy");
        prompt.approves(ANNOTATE);
        prompt.0.shows("[1 undoable, 1 unproved]>", 1);
        prompt.signal(name);
        prompt.0.shows("STAYS", 1);
        assert_eq!(prompt.code(), 7, "{}", prompt.0.text());
        let (_, told) = prompt.there(&kubeconfig, &["runs", "last"]);
        assert!(told.contains("left: the prompt was left (exit 7"), "{told}");
        let (code, undone) = prompt.there(&kubeconfig, &["undo", "last"]);
        assert_eq!(code, Some(0), "{undone}");
        assert!(undone.contains("as before, the owners of its fields too"), "{undone}");
    }
}

#[test]
fn a_run_that_waits_and_is_ended_from_outside_takes_back_what_is_not_proved() {
    for name in ["TERM", "HUP"] {
        let mut prompt = waiting(FAILS);
        prompt.signal(name);
        prompt.0.shows("as before, the owners of its fields too", 1);
        assert_eq!(prompt.code(), 5, "{}", prompt.0.text());
        let told = prompt.afterwards(&["runs", "last"]);
        assert!(told.contains("interrupted: the run was interrupted (exit 5"), "{told}");
    }
}

#[test]
fn a_cluster_that_dies_while_the_prompt_waits_ends_no_session_and_loses_no_change() {
    let lab = ServedLab::start("healthy");
    let mut prompt = Prompt::at(&lab, "healthy");
    prompt.approves(ANNOTATE);
    drop(lab);
    prompt.says("k8s::get(\"destinationrule\", \"catalog\")", "meshbook::transport::unreachable");
    prompt.says("40 + 2", "42");
    prompt.says(":undo", "not taken back");
    prompt.says(":changes", "stays: it could not be taken back");
    prompt.0.types(":quit\r");
    prompt.0.shows("Leave?", 1);
    prompt.0.types("l\r");
    prompt.0.shows("LEFT DIRTY", 1);
    assert_eq!(prompt.code(), 7, "{}", prompt.0.text());
}
