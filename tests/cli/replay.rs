//! `--replay`: a runbook on the record of a run.

use super::{BREAKER, Called, Desk};

/// A runbook of the repository.
fn runbook(name: &str) -> String {
    format!("{}/runbooks/troubleshooting/{name}.rhai", env!("CARGO_MANIFEST_DIR"))
}

/// The report without what names the run.
fn report(called: &Called) -> String {
    let named = |line: &&str| !line.contains("run 01") && !line.trim_start().starts_with("record ");
    called.stdout.lines().filter(named).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_diagnosis_is_replayed_from_its_record_word_for_word() {
    let desk = Desk::new();
    for (name, world) in [("triage", "latency-retry-storm"), ("mtls", "mtls-two-roots")] {
        let book = runbook(name);
        let values: &[&str] = if name == "mtls" { &["service=graph-core"] } else { &[] };
        let then = desk.call(&[&["run", &book], values, &["--lab", world, "--read-only"]].concat()).exits(1);
        let now = desk.call(&[&["run", &book], values, &["--replay", "last"]].concat()).exits(1);
        assert_eq!(report(&then), report(&now), "{name}");
        assert!(now.stdout.starts_with(&book) && now.stdout.contains("REPLAY 01"), "{now}");
    }
    let elsewhere = desk.call(&["run", &runbook("mtls"), "service=catalog", "--replay", "last"]);
    elsewhere.says("did not ask for this").says("changed  nothing");
}

#[test]
fn nothing_is_changed_in_a_replay_but_a_plan_says_what_would_be() {
    let desk = Desk::new();
    let run = ["run", BREAKER, "service=graph-core"];
    desk.call(&[&run[..], &["--lab", "breaker", "--approve", "destinationrule"]].concat()).exits(0);
    let id = desk.records()[0].file_stem().unwrap().to_string_lossy().into_owned();
    let refused = desk.call(&[&run[..], &["--replay", &id, "--approve", "destinationrule"]].concat()).exits(3);
    refused.says("DestinationRule summit/graph-core cannot be changed in a replay").says("changed  nothing");
    let planned = desk.call(&["plan", BREAKER, "service=graph-core", "--replay", &id]).exits(0);
    let planned = planned.says("maxConnections: 4").says("maxConnections: 500").says("nothing changed");
    assert!(!planned.stdout.contains("meshbook run "), "a record's plan is not for the cluster at hand: {planned}");
}

#[test]
fn a_record_that_cannot_be_replayed_is_named() {
    let desk = Desk::new();
    desk.call(&["run", BREAKER, "service=graph-core", "--replay", "last"]).exits(2).says("there are no runs in");
    desk.call(&["run", BREAKER, "--replay", "last", "--lab", "breaker"]).exits(2).says("cannot be used with");
    let runs = desk.path().join("state/runs");
    std::fs::create_dir_all(&runs).unwrap();
    std::fs::write(runs.join("01KE6PE3K0VM8WMDD3MY57YA07.jsonl"), "{\"number\":0}\n").unwrap();
    let torn = desk.call(&["run", BREAKER, "service=graph-core", "--replay", "01KE6PE3"]).exits(3);
    torn.says("cannot be read: line 1 is not an event");
    std::fs::write(runs.join("01KE6PE3K0VM8WMDD3MY57YA07.jsonl"), "").unwrap();
    let empty = desk.call(&["run", BREAKER, "service=graph-core", "--replay", "01KE6PE3"]).exits(3);
    empty.says("does not begin with the start of a run");
}
