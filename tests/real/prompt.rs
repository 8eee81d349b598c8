//! A whole incident at the prompt, in tmux, as a person on call has it: something is wrong, what is it, change it, wait,
//! take it back, keep what was done.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, assert_same, meshbook};
use crate::load::Load;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(150);
const TRIAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/troubleshooting/triage.rhai");

/// A tmux of its own, with one window.
struct Tmux {
    socket: PathBuf,
}

impl Tmux {
    fn start(cluster: &Cluster, namespace: &str) -> Tmux {
        let socket = PathBuf::from(cluster.home()).join("tmux");
        let mut inside = cluster.command(meshbook());
        inside.args(["repl", "-n", namespace]);
        let words: Vec<_> =
            std::iter::once(inside.get_program()).chain(inside.get_args()).map(|word| word.to_os_string()).collect();
        let mut command = Command::new("tmux");
        command.args(["-f", "/dev/null", "-S"]).arg(&socket);
        command.args(["new-session", "-d", "-x", "110", "-y", "50"]).args(words);
        for (name, value) in inside.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env_remove("TMUX").env("LANG", "C.UTF-8");
        let started = command.output().expect("tmux is installed");
        assert!(started.status.success(), "tmux does not start: {}", String::from_utf8_lossy(&started.stderr));
        Tmux { socket }
    }

    fn call(&self, args: &[&str]) -> String {
        let output = Command::new("tmux").arg("-S").arg(&self.socket).args(args).output().expect("tmux is installed");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The screen, and what has scrolled out of it; broken lines are joined.
    fn text(&self) -> String {
        self.call(&["capture-pane", "-p", "-J", "-S", "-3000"])
    }

    /// What is shown for a failure: the last lines first, because a report may break off.
    fn end_and_all(&self) -> String {
        let all = self.text();
        let lines: Vec<_> = all.lines().filter(|line| !line.trim().is_empty()).collect();
        format!("{}\n\nall of it:\n{all}", lines[lines.len().saturating_sub(10)..].join("\n"))
    }

    /// Types a line, and waits until something is shown once more often.
    #[track_caller]
    fn says(&self, line: &str, answer: &str) {
        let before = self.text().matches(answer).count() + line.matches(answer).count();
        self.call(&["send-keys", "-l", line]);
        self.call(&["send-keys", "Enter"]);
        self.shows(answer, before + 1);
    }

    #[track_caller]
    fn shows(&self, what: &str, times: usize) {
        let from = Instant::now();
        while self.text().matches(what).count() < times {
            assert!(from.elapsed() < PATIENCE, "{what:?} is not shown {times} times; at last:\n{}", self.end_and_all());
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.call(&["kill-server"]);
    }
}

/// The incident in a namespace whose breaker refuses requests while there is load.
pub fn incident(cluster: &Cluster, namespace: &str) {
    let before = cluster.object(namespace, "destinationrule", "graph-core");
    let load = Load::start(cluster, namespace, 400);
    let home = PathBuf::from(cluster.home());
    let file = |name: &str| home.join(name).display().to_string();
    let from = Instant::now();
    let tmux = Tmux::start(cluster, namespace);
    let prompt = format!("/{namespace}>");
    tmux.shows(&prompt, 1);
    tmux.shows("LIVE", 2);
    tmux.says(&format!(":run {TRIAGE}"), "reads in");
    tmux.shows("found: full circuit breaker", 1);
    tmux.shows("troubleshooting/503-circuit-breaker.rhai", 2);
    tmux.says("let refusals = host(\"graph-core\").refusals(over(\"15s\"));", "reads in");
    tmux.says("refusals", "set by".to_uppercase().as_str());
    tmux.says("for rule in refusals.rules() { rule.raise_limits(500); }", "Make this change?");
    tmux.shows("reaches requests to graph-core", 1);
    tmux.says("y", "[1 undoable, 1 unproved]>");
    tmux.says("wait 2m until { host(\"graph-core\").refusals(over(\"15s\")).is_none() };", "waited");
    tmux.says(":changes", "in force, proved");
    tmux.says(&format!(":save {}", file("incident.rhai")), "inputs are in");
    tmux.says(":undo", "as before, the owners of its fields too");
    tmux.says(&format!(":record {}", file("incident.md")), "incident.md");
    println!("{namespace}: an incident at the prompt, {:.1} s\n{}", from.elapsed().as_secs_f64(), tmux.text());
    tmux.call(&["send-keys", "C-d"]);
    load.stop();
    let after = cluster.object(namespace, "destinationrule", "graph-core");
    assert_same(&before, &after, "undo leaves spec, labels, annotations and managedFields as they were");
    let told = std::fs::read_to_string(file("incident.md")).expect("the session was written down");
    assert!(told.contains("raise 3 limits to 500") && told.contains("triage"), "{told}");
    let saved = std::fs::read_to_string(file("incident.rhai")).expect("the session was saved");
    assert!(saved.contains("raise_limits(500)") && saved.contains("wait 2m until"), "{saved}");
    cluster.meshbook(&["check", &file("incident.rhai")]).ok();
}
