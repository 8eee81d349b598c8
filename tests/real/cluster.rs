//! A cluster to test on: the real mesh, or the lab served by `meshbook lab`. Both are driven by stock kubectl and by the built meshbook.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The runbook of Scenario 1.
pub const BREAKER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/troubleshooting/503-circuit-breaker.rhai");
/// The scripts of the real mesh.
pub const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real");

/// Held by a test that changes objects of namespace `summit` which another test looks at.
pub static SUMMIT: Lock = Lock::new();

/// One test at a time.
pub struct Lock(Mutex<()>);

impl Lock {
    /// A new one.
    pub const fn new() -> Self {
        Lock(Mutex::new(()))
    }

    /// Waits for the tests before. That one of them failed is its own affair.
    pub fn lock(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A cluster, and a state directory of its own for meshbook's records.
pub struct Cluster {
    kind: Kind,
    home: TempDir,
}

enum Kind {
    Real {
        folder: PathBuf,
    },
    /// One of its own, ended with the test.
    Bare {
        folder: TempDir,
    },
    Lab {
        server: Child,
        kubeconfig: PathBuf,
    },
}

/// What a command came to.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code; -1 if a signal ended it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// That of a command that has ended.
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("kubectl and meshbook print UTF-8");
        Outcome { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// With names that are another in each cluster replaced.
    pub fn without(mut self, names: &[(&str, &str)]) -> Self {
        for (name, stand_in) in names {
            self.stdout = self.stdout.replace(name, stand_in);
            self.stderr = self.stderr.replace(name, stand_in);
        }
        self
    }

    /// Standard output of a command that ended well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self}");
        self.stdout
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {}\n--- standard output\n{}\n--- standard error\n{}", self.code, self.stdout, self.stderr)
    }
}

impl Cluster {
    /// The real mesh that `tests/real/run` has started.
    pub fn real() -> Self {
        let folder = std::env::var_os("MESHBOOK_REAL")
            .expect("MESHBOOK_REAL names the folder of a running mesh: call tests/real/run");
        Cluster { kind: Kind::Real { folder: folder.into() }, home: TempDir::new().expect("a temporary folder") }
    }

    /// A real cluster of its own beside the mesh, without Istio, which ends with the test.
    pub fn bare() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let up = Command::new(Path::new(SCRIPTS).join("up")).arg(folder.path()).arg("bare").output();
        let up = Outcome::of(up.expect("tests/real/up can be started"));
        assert_eq!(up.code, 0, "no bare cluster comes up: {up}");
        Cluster { kind: Kind::Bare { folder }, home: TempDir::new().expect("a temporary folder") }
    }

    /// The lab with a world, in a process of its own.
    pub fn lab(world: &str) -> Self {
        Cluster::serve(world, TempDir::new().expect("a temporary folder"))
    }

    /// The lab with the world `breaker`, whose sidecars are ordinary containers, as those of the real mesh are.
    pub fn lab_with_ordinary_sidecars() -> Self {
        const BREAKER: &str = include_str!("../../lab/worlds/breaker.toml");
        let home = TempDir::new().expect("a temporary folder");
        let world = home.path().join("breaker.toml");
        fs::write(&world, format!("{BREAKER}\n[cluster]\nnative_sidecars = false\n"))
            .expect("the folder can be written");
        Cluster::serve(&world.to_string_lossy(), home)
    }

    fn serve(world: &str, home: TempDir) -> Self {
        let mut server = Command::new(meshbook())
            .args(["lab", "--world", world])
            .env("MESHBOOK_HOME", home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("meshbook was built with this test");
        let lines = BufReader::new(server.stdout.take().expect("it was piped")).lines();
        let kubeconfig = lines
            .map_while(Result::ok)
            .find_map(|line| line.trim().trim_start_matches("export ").strip_prefix("KUBECONFIG=").map(PathBuf::from));
        let Some(kubeconfig) = kubeconfig else {
            panic!("`meshbook lab --world {world}` ended without a line KUBECONFIG=…: {:?}", server.wait());
        };
        Cluster { kind: Kind::Lab { server, kubeconfig }, home }
    }

    /// The argument that makes kubectl a user who may look at everything and change nothing.
    pub fn viewer(&self) -> String {
        match &self.kind {
            Kind::Real { folder } => format!("--kubeconfig={}/viewer.kubeconfig", folder.display()),
            Kind::Bare { folder } => format!("--kubeconfig={}/viewer.kubeconfig", folder.path().display()),
            Kind::Lab { .. } => {
                format!("--context={}-viewer", self.kubectl(&["config", "current-context"]).ok().trim())
            }
        }
    }

    /// `real mesh` or `lab`, for messages.
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Real { .. } => "real mesh",
            Kind::Bare { .. } => "bare cluster",
            Kind::Lab { .. } => "lab",
        }
    }

    /// The folder of the real mesh; the lab has none.
    pub fn folder(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Real { folder } => Some(folder),
            Kind::Bare { folder } => Some(folder.path()),
            Kind::Lab { .. } => None,
        }
    }

    /// A command that reaches this cluster as its admin.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = match &self.kind {
            Kind::Real { .. } | Kind::Bare { .. } => {
                let mut command = Command::new(Path::new(SCRIPTS).join("in"));
                command.args(self.folder()).arg(program.as_ref());
                command
            }
            Kind::Lab { kubeconfig, .. } => {
                let mut command = Command::new(program.as_ref());
                let path = std::env::var("PATH").unwrap_or_default();
                command.env("KUBECONFIG", kubeconfig).env("PATH", format!("{}:{path}", binaries().display()));
                command
            }
        };
        // Nothing of the user who runs the tests is looked at.
        command
            .env("MESHBOOK_HOME", self.home.path())
            .env("XDG_CONFIG_HOME", self.home.path())
            .env_remove("MESHBOOK_CONFIG")
            .stdin(Stdio::null());
        command
    }

    /// The folder of meshbook's records.
    pub fn home(&self) -> String {
        self.home.path().display().to_string()
    }

    /// Runs stock kubectl.
    pub fn kubectl(&self, args: &[&str]) -> Outcome {
        let program = match self.kind {
            Kind::Real { .. } | Kind::Bare { .. } => PathBuf::from("kubectl"),
            Kind::Lab { .. } => binaries().join("kubectl"),
        };
        Outcome::of(self.command(program).args(args).output().expect("kubectl can be started"))
    }

    /// Runs meshbook, not on a terminal.
    pub fn meshbook(&self, args: &[&str]) -> Outcome {
        Outcome::of(self.command(meshbook()).args(args).output().expect("meshbook can be started"))
    }

    /// One object with its managed fields, by `kubectl get`.
    #[track_caller]
    pub fn object(&self, namespace: &str, kind: &str, name: &str) -> Value {
        let text = self.kubectl(&["get", kind, name, "-n", namespace, "-o", "json", "--show-managed-fields"]).ok();
        serde_json::from_str(&text).expect("kubectl prints JSON")
    }

    /// As [`Cluster::object`]; null if there is none.
    #[track_caller]
    pub fn find(&self, namespace: &str, kind: &str, name: &str) -> Value {
        let more = ["-n", namespace, "-o", "json", "--show-managed-fields", "--ignore-not-found"];
        let text = self.kubectl(&[&["get", kind, name], &more[..]].concat()).ok();
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("kubectl prints JSON") }
    }

    /// Waits until the real mesh's Prometheus has anything to answer to a query, and gives the series.
    #[track_caller]
    pub fn until_prometheus_answers(&self, query: &str) -> Vec<Value> {
        let from = Instant::now();
        loop {
            let mut curl = self.command("curl");
            curl.args(["-s", "127.0.0.1:9090/api/v1/query", "--data-urlencode", &format!("query={query}")]);
            let answer = curl.output().expect("tests/real/in can be started");
            let answer: Value = serde_json::from_slice(&answer.stdout).expect("tests/real/run has started Prometheus");
            if let Some(series) = answer["data"]["result"].as_array().filter(|series| !series.is_empty()) {
                return series.clone();
            }
            assert!(from.elapsed().as_secs() < 120, "Prometheus has nothing to answer to {query}: {answer}");
            thread::sleep(Duration::from_secs(1));
        }
    }

    /// The lines of the newest run's record.
    #[track_caller]
    pub fn newest_record(&self) -> Record {
        let runs =
            fs::read_dir(self.home.path().join("runs")).expect("meshbook keeps its records in MESHBOOK_HOME/runs");
        let newest = runs
            .map(|entry| entry.expect("the folder can be read").path())
            .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
            .max();
        let path = newest.expect("a run leaves a record");
        let run = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a record can be read");
        Record {
            run,
            lines: text
                .lines()
                .map(|line| serde_json::from_str(line).expect("each line of a record is JSON"))
                .collect(),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The test is over either way: that a server has ended already is no news.
        match &mut self.kind {
            Kind::Lab { server, .. } => {
                let _ = server.kill();
                let _ = server.wait();
            }
            Kind::Bare { folder } => {
                let _ = Command::new(Path::new(SCRIPTS).join("down")).arg(folder.path()).output();
            }
            Kind::Real { .. } => {}
        }
    }
}

/// A run's record.
pub struct Record {
    /// The run's id, as `meshbook undo` takes it.
    pub run: String,
    pub lines: Vec<Value>,
}

impl Record {
    /// The events of a name.
    pub fn events<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.lines.iter().filter(move |line| line["event"] == name)
    }

    /// How it ended, in the word of the record.
    #[track_caller]
    pub fn ending(&self) -> &str {
        self.ended()["ending"].as_str().unwrap_or("without an ending")
    }

    /// Its last words: what was found, why it is not this, where to go.
    #[track_caller]
    pub fn said(&self) -> String {
        let ended = self.ended();
        let text = |key: &str| ended[key].as_str().unwrap_or_default();
        format!("{}; next: {}", text("message"), text("next"))
    }

    #[track_caller]
    fn ended(&self) -> &Value {
        self.events("ended").next().expect("a run that ended says so in its record")
    }

    /// The names of the objects that it set out to change.
    pub fn changed(&self) -> Vec<&str> {
        self.events("changing").map(|change| change["object"]["name"].as_str().unwrap_or_default()).collect()
    }
}

/// The built meshbook.
pub fn meshbook() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_meshbook"))
}

/// Where `tests/real/build` has put kubectl.
fn binaries() -> PathBuf {
    std::env::var_os("REAL_MESH_BIN").map_or_else(|| PathBuf::from("/var/cache/real-mesh/bin"), PathBuf::from)
}

/// What a change and its undo must leave as it was: everything but the counters that only the API server sets, and the
/// status, which its controller writes.
pub fn comparable(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
        metadata.remove("generation");
        if let Some(fields) = metadata.get_mut("managedFields").and_then(Value::as_array_mut) {
            fields.retain(|entry| entry["subresource"] != "status");
        }
    }
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    object
}

/// Fails with each place where two objects differ, and what stands there.
#[track_caller]
pub fn assert_same(before: &Value, after: &Value, what: &str) {
    fn walk(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => {
                let added = after.keys().filter(|key| !before.contains_key(*key));
                for key in before.keys().chain(added) {
                    let at = |object: &serde_json::Map<String, Value>| object.get(key).cloned().unwrap_or_default();
                    walk(&format!("{path}.{key}"), &at(before), &at(after), found);
                }
            }
            (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
                for (index, (before, after)) in before.iter().zip(after).enumerate() {
                    walk(&format!("{path}[{index}]"), before, after, found);
                }
            }
            _ if before == after => {}
            _ => found.push(format!("{path}: {before} before, {after} after")),
        }
    }
    let mut found = Vec::new();
    walk("", &comparable(before), &comparable(after), &mut found);
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}
