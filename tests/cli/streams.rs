//! Standard output is for the report or for one document; everything else goes to standard error.

use std::io::Read;
use std::process::Stdio;

use super::{BREAKER, Called, Desk};

const RUN: [&str; 7] = ["run", BREAKER, "service=graph-core", "--lab", "breaker", "--approve", "destinationrule"];

#[test]
fn json_and_yaml_are_one_document_and_the_report_goes_to_standard_error() {
    let desk = Desk::new();
    let called = desk.call(&[&RUN[..], &["-o", "json"]].concat()).exits(0);
    let document = called.json();
    assert_eq!(document["ending"], "fixed");
    assert_eq!(document["exit_code"], 0);
    assert_eq!(document["changes"][0]["state"], "kept");
    assert_eq!(document["changes"][0]["object"], "DestinationRule summit/graph-core");
    assert_eq!(document["changes"][0]["diff"][0]["after"], 500);
    assert_eq!(document["steps"].as_array().unwrap().len(), 3);
    assert!(document["shown"][0]["value"].is_object(), "{document}");
    assert_eq!(document["left_behind"], serde_json::json!([]));
    assert!(called.stderr.contains("Step 1"), "{called}");
    let yaml = desk.call(&[&RUN[..], &["-o", "yaml"]].concat()).exits(0);
    assert!(yaml.stdout.starts_with("run: ") && yaml.stdout.contains("\nending: fixed\n"), "{yaml}");
}

#[test]
fn what_fails_before_a_run_is_one_document_too() {
    let called = Desk::new().call(&["run", BREAKER, "--lab", "breaker", "-o", "json"]).exits(2);
    let document = called.json();
    assert_eq!(document["exit_code"], 2);
    assert_eq!(document["error"]["code"], "meshbook::param");
}

#[test]
fn without_a_terminal_nothing_is_coloured_or_moved() {
    let called = Desk::new().call(&RUN).exits(0);
    assert!(!called.stdout.contains('\u{1b}') && !called.stderr.contains('\u{1b}'), "{called}");
    assert!(!called.stdout.contains('\r') && !called.stderr.contains('\r'), "{called}");
    assert_eq!(called.stderr, "", "a run in which nothing is amiss has nothing to say beside its report");
}

#[test]
fn a_reader_who_goes_away_ends_neither_a_list_nor_a_run() {
    let desk = Desk::new();
    for args in [&["explain"][..], &RUN[..]] {
        let mut process = desk.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut byte = [0];
        process.stdout.take().unwrap().read_exact(&mut byte).unwrap();
        let called = Called::of(&process.wait_with_output().unwrap()).exits(0);
        assert_eq!(called.stderr, "", "{args:?}");
    }
}

#[test]
fn verbose_says_each_effect_and_the_log_has_it_as_json_lines() {
    let desk = Desk::new();
    let plain = desk.call(&RUN).exits(0);
    let called = desk.call(&[&RUN[..], &["-v", "--log", "log.jsonl"]].concat()).exits(0);
    assert!(called.stderr.contains("effect"), "{called}");
    let report = |text: &str| {
        text.lines()
            .filter(|line| !line.contains(" run 01") && !line.contains("record "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        report(&called.stdout).len(),
        report(&plain.stdout).len(),
        "what is said beside the report does not change it"
    );
    let log = std::fs::read_to_string(desk.path().join("log.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["span"]["name"] == "effect"), "{log}");
    desk.call(&[&RUN[..], &["--log", "/nowhere/log"]].concat()).exits(2).says("/nowhere/log");
}
