//! The command line as a process: arguments, streams, exit codes, signals, and runs against a lab that is served.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod arguments;
mod contents;
mod in_cluster;
mod lab;
mod mounts;
mod notify;
mod prompt;
mod records;
mod replay;
mod served;
mod signals;
mod streams;
mod suite;
mod trouble;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use lab::ServedLab;
use tempfile::TempDir;

/// The runbook of Scenario 1.
const BREAKER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/troubleshooting/503-circuit-breaker.rhai");

/// A user's machine: a home, scripts, and nothing else.
struct Desk {
    folder: TempDir,
    kubeconfig: Option<PathBuf>,
}

impl Desk {
    fn new() -> Desk {
        Desk { folder: TempDir::new().unwrap(), kubeconfig: None }
    }

    /// A desk from which a lab is reached.
    fn at(lab: &ServedLab) -> Desk {
        Desk { kubeconfig: Some(lab.kubeconfig.clone()), ..Desk::new() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and answers its path.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meshbook"));
        command.args(args).current_dir(self.path()).env_clear().env("HOME", self.path()).env("TZ", "UTC");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("MESHBOOK_HOME", self.path().join("state")).stdin(Stdio::null());
        if let Some(kubeconfig) = &self.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        command
    }

    fn call(&self, args: &[&str]) -> Called {
        Called::of(&self.command(args).output().unwrap())
    }

    /// Records of this desk, sorted by name.
    fn records(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.path().join("state/runs")) else { return Vec::new() };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }
}

/// What a call came to.
struct Called {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Called {
    fn of(output: &Output) -> Called {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Called { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Asserts its exit code.
    #[track_caller]
    fn exits(self, code: i32) -> Called {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Asserts that one of its streams says this.
    #[track_caller]
    fn says(self, what: &str) -> Called {
        assert!(self.stdout.contains(what) || self.stderr.contains(what), "it does not say {what:?}: {self}");
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("standard output is not one JSON document ({error}): {self}"))
    }
}

impl std::fmt::Display for Called {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {}\n--- stdout\n{}--- stderr\n{}---", self.code, self.stdout, self.stderr)
    }
}

/// Sends a signal to a process of this test.
fn signal(process: &Child, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &process.id().to_string()]).status().unwrap().success());
}
