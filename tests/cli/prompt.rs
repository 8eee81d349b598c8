//! `meshbook repl` without a terminal.

use std::io::Write as _;
use std::process::Stdio;

use super::{Called, Desk};

fn repl(desk: &Desk, args: &[&str], input: &str) -> Called {
    let mut process = desk
        .command(&[&["repl"], args].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A session that ends at once does not read its input.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    Called::of(&process.wait_with_output().unwrap())
}

#[test]
fn inputs_of_a_stream_are_carried_out_until_one_fails() {
    let desk = Desk::new();
    let called =
        repl(&desk, &["--lab", "healthy"], "let a = 40;\nstep \"s\" {\n  show(a + 2);\n}\nhost(\"catalog\")\n");
    let called = called.exits(0).says("42").says("catalog.summit");
    assert!(!called.stdout.contains("> "), "nothing prompts: {called}");
    let called = repl(&desk, &["--lab", "healthy"], "1 + 1\nnonesuch()\nprint(\"never\")\n");
    let called = called.exits(1).says("<input 2>:1:1").says("meshbook::script::unknown_name");
    assert!(!called.stdout.contains("never"), "{called}");
    repl(&desk, &["--lab", "healthy"], "step \"open\" {\n").exits(1).says("meshbook::script::syntax");
    repl(&desk, &["--context", "nonesuch"], "1\n").exits(2).says("meshbook::");
    desk.call(&["runs"]).exits(0).says("prompt").says("left");
}

#[test]
fn without_a_terminal_changes_are_approved_beforehand_and_stay_only_if_proved() {
    let desk = Desk::new();
    let change = "k8s::annotate(\"destinationrule\", \"catalog\", #{ note: \"1\" });\n";
    repl(&desk, &["--lab", "healthy"], change).exits(3).says("there is no terminal to ask at");
    let approve = &["--lab", "healthy", "--approve", "destinationrule"];
    repl(&desk, approve, change).says("before a proof had followed").says("as before, the owners of its fields too");
    repl(&desk, approve, &format!("{change}check(\"it is set\", true);\n")).exits(0).says("proved, stays");
}

#[test]
fn who_wants_a_prompt_in_a_runbook_needs_a_terminal() {
    let desk = Desk::new();
    let script = desk.file("looks.rhai", "//! Looks.\nstep \"Look\" { show(1); }\nnot_this(\"only looked\");\n");
    for args in [["run", &script, "--debug", "--lab", "healthy"], ["repl", "-i", &script, "--lab", "healthy"]] {
        let called = desk.call(&args).exits(2).says("there is no terminal to type at").says("nothing was run");
        assert!(called.stdout.is_empty(), "{called}");
    }
    assert!(desk.records().is_empty(), "nothing was begun");
    let clash = desk.call(&["run", &script, "--debug", "--deadline", "1m", "--lab", "healthy"]);
    clash.exits(2).says("cannot be used with");
    repl(&desk, &["--lab", "healthy"], &format!(":step {script}\n")).exits(3).says(":run runs the runbook");
    repl(&desk, &["--lab", "healthy"], &format!(":run {script}\n")).exits(0).says("not_this: only looked");
    repl(&desk, &["--lab", "healthy"], ":continue\n").exits(1).says("no runbook waits here");
}

#[test]
fn without_a_terminal_nothing_is_paged_cut_or_drawn() {
    let desk = Desk::new();
    let rows = "let rows = []; for i in 1..=100 { rows.push([`row ${i}`]); } table(\"many rows\", rows, [\"ROW\"])\n";
    repl(&desk, &["--lab", "healthy"], rows).exits(0).says("row 1\n").says("row 100");
    let plot = "plot(\"x\", prom::range(\"sum(rate(istio_requests_total[1m]))\", over(\"3m\")));\n";
    let called = repl(&desk, &["--lab", "healthy"], plot).exits(0).says("OVER TIME");
    assert!(!called.stdout.contains('│') && !called.stdout.contains('\u{1b}'), "{called}");
}
