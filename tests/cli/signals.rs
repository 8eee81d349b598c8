//! Signals: what is not proved is taken back, once, and to the end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout, Stdio};

use super::served::{SET_AND_WAIT, limit};
use super::{Called, Desk, ServedLab, signal};

/// A cluster that takes its time over every call, so that a signal arrives while something is under way.
fn slow(desk: &Desk) -> ServedLab {
    const HEALTHY: &str = include_str!("../../lab/worlds/healthy.toml");
    ServedLab::start(&desk.file("slow.toml", &format!("{HEALTHY}\n[faults]\napi_latency = \"700ms\"\n")))
}

/// A process whose report is read as it comes.
struct Watched {
    process: Child,
    report: BufReader<ChildStdout>,
    seen: String,
    errors: BufReader<ChildStderr>,
    told: String,
}

impl Watched {
    fn start(desk: &Desk, args: &[&str]) -> Watched {
        let mut process = desk.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let report = BufReader::new(process.stdout.take().unwrap());
        let errors = BufReader::new(process.stderr.take().unwrap());
        Watched { process, report, seen: String::new(), errors, told: String::new() }
    }

    /// Reads on until the report says this.
    #[track_caller]
    fn until(&mut self, what: &str) {
        while !self.seen.contains(what) {
            assert!(self.report.read_line(&mut self.seen).unwrap() > 0, "it ended without {what:?}: {}", self.seen);
        }
    }

    /// Reads on until standard error says this: a signal was heard. Two that are sent at once may arrive as one.
    #[track_caller]
    fn until_told(&mut self, what: &str) {
        while !self.told.contains(what) {
            assert!(self.errors.read_line(&mut self.told).unwrap() > 0, "it ended without {what:?}: {}", self.told);
        }
    }

    fn signal(&self, name: &str) {
        signal(&self.process, name);
    }

    /// Waits for its end.
    fn end(mut self) -> Called {
        self.report.read_to_string(&mut self.seen).unwrap();
        self.errors.read_to_string(&mut self.told).unwrap();
        let output = self.process.wait_with_output().unwrap();
        Called { stdout: self.seen, stderr: self.told, ..Called::of(&output) }
    }
}

#[test]
fn every_signal_that_ends_a_process_takes_back_what_was_not_proved() {
    let lab = ServedLab::start("healthy");
    let desk = Desk::at(&lab);
    let before = limit(&desk);
    let script = desk.file("wait.rhai", SET_AND_WAIT);
    for name in ["TERM", "HUP"] {
        let mut run = Watched::start(&desk, &["run", &script, "--approve", "destinationrule"]);
        run.until("made");
        assert_eq!(limit(&desk), 7);
        run.signal(name);
        let called = run.end().exits(5).says("Interrupted").says("take back").says("the owners of its fields too");
        assert!(!called.stderr.contains("Still taking back"), "{called}");
        assert_eq!(limit(&desk), before);
    }
    let waits = desk.file("only-waits.rhai", "//! Waits.\nstep \"Wait\" { show(\"begun\"); wait 2h until { k8s::get(\"destinationrule\", \"catalog\").field(\"spec.host\") == \"another\" }; }\nfixed(\"never said\");\n");
    let mut run = Watched::start(&desk, &["run", &waits]);
    run.until("begun");
    run.signal("TERM");
    run.end().exits(130).says("Interrupted").says("changed  nothing");
    assert_eq!(limit(&desk), before);
}

#[test]
fn an_interrupt_removes_a_throw_away_pod() {
    let lab = ServedLab::start("healthy");
    let desk = Desk::at(&lab);
    // Nobody answers on this port, so the requests are still under way.
    let asks = desk.file("asks.rhai", "//! Asks.\nstep \"Ask\" { show(workload(\"front\").request(\"graph-core:9\", \"/\", #{ timeout: \"5m\" })); }\nnot_this(\"never said\");\n");
    let mut run = Watched::start(&desk, &["run", &asks, "--approve", "pod"]);
    run.until("ok made");
    run.signal("INT");
    run.end().exits(5).says("Interrupted").says("it was there for these requests only").says("deleted again");
    let looks = desk.file("looks.rhai", "//! Looks.\nstep \"Look\" { check(\"no pod is left\", k8s::list(\"pod\", \"app.kubernetes.io/managed-by=meshbook\").is_empty()); }\nnot_this(\"nothing is left\");\n");
    desk.call(&["run", &looks]).exits(0);
}

#[test]
fn a_second_interrupt_does_not_cut_short_what_is_taken_back() {
    let desk = Desk::new();
    let lab = slow(&desk);
    let desk = Desk { kubeconfig: Some(lab.kubeconfig.clone()), ..desk };
    let before = limit(&desk);
    let script = desk.file("wait.rhai", SET_AND_WAIT);
    let mut run = Watched::start(&desk, &["run", &script, "--approve", "destinationrule"]);
    run.until("made");
    run.signal("INT");
    run.until("take back");
    run.signal("INT");
    run.until_told("this cannot be cut short");
    run.signal("TERM");
    let called = run.end().exits(5).says("as before, the owners of its fields too").says("Interrupted");
    assert!(called.stderr.contains("Still taking back what was not proved; this cannot be cut short"), "{called}");
    assert_eq!(limit(&desk), before);
    desk.call(&["undo", "last"]).exits(3).says("meshbook::undo::nothing");
}

/// Sets a limit of two rules of different hosts.
const SET_TWO: &str = r#"//! Sets two limits.
step "Set them" {
    for name in ["catalog", "graph-core"] {
        k8s::patch("destinationrule", name, #{ spec: #{ trafficPolicy: #{ connectionPool: #{ tcp: #{ maxConnections: 300 } } } } });
    }
    check("they are set", true);
}
fixed("both are 300");
"#;

#[test]
fn an_interrupted_undo_finishes_one_change_and_goes_on_later() {
    let desk = Desk::new();
    let lab = slow(&desk);
    let desk = Desk { kubeconfig: Some(lab.kubeconfig.clone()), ..desk };
    let before = limit(&desk);
    let script = desk.file("two.rhai", SET_TWO);
    let run = desk.call(&["run", &script, "--approve", "destinationrule", "-o", "json"]).exits(0).json();
    let run = run["run"].as_str().unwrap();
    let mut undo = Watched::start(&desk, &["undo", run]);
    undo.until("take back DestinationRule");
    undo.signal("INT");
    undo.until_told("what is being taken back is finished");
    undo.until("because: undone by a later process");
    undo.signal("INT");
    let called = undo.end().exits(7);
    let called = called.says("take back DestinationRule summit/graph-core").says("the owners of its fields too");
    let called = called.says("left alone: the undo was interrupted before it; undo again to go on");
    let called = called.says("STAYS    DestinationRule summit/catalog").says("1 of 2 changes");
    assert!(called.stderr.contains("what is being taken back is finished"), "{called}");
    assert!(called.stderr.contains("this cannot be cut short"), "{called}");
    assert_eq!(limit(&desk), 300, "the older change stands");

    let called = desk.call(&["undo", run]).exits(0).says("take back 1 change").says("Undone");
    assert!(!called.stdout.contains("take back DestinationRule summit/graph-core"), "{called}");
    assert_eq!(limit(&desk), before);
}
