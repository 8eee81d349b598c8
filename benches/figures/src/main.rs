//! The figures of meshbook, side by side with what people use today. `benches/run` builds and starts this; it takes the
//! names of those that are wanted (`start`, `read`, `diagnosis`, `check`, `triage`, `prompt`), and without any takes all.
//!
//! Each comparison runs both sides in turn in the same minute on the same machine, against the same server, and divides
//! round by round: a machine that is busy is busy for both.

#[path = "../../../tests/pty/crowd.rs"]
mod crowd;
mod demand;
mod fleet;
mod kubectl;
mod lab;
mod measure;
mod prompt;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use demand::{Bound, Demand, summary};
use lab::{Lab, Silence};
use measure::{Program, side_by_side};

/// How this ends if the figures were taken and one misses its demand. Nothing else ends so: not a build that fails (101),
/// not a panic (101), not a shell that stops (1), not a program that somebody ends (above 128).
const MISSED: u8 = 10;

fn main() -> ExitCode {
    match measured() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(MISSED),
        Err(error) => {
            eprintln!("the figures could not be taken: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether all demands hold.
fn measured() -> io::Result<bool> {
    let takers: [(&str, Taker); 6] = [
        ("start", Bench::start),
        ("read", Bench::read),
        ("diagnosis", Bench::diagnosis),
        ("check", Bench::check),
        ("triage", Bench::triage),
        ("prompt", Bench::prompt),
    ];
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| takers.iter().all(|(known, _)| known != name)) {
        let known = takers.map(|(name, _)| name).join(", ");
        return Err(io::Error::other(format!("there is no figure {unknown:?}: there are {known}")));
    }
    let bench = Bench::new()?;
    println!("{}", Demand::head());
    let mut demands = Vec::new();
    for (_, take) in takers.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|one| one == name)) {
        for demand in take(&bench)? {
            println!("{demand}");
            demands.push(demand);
        }
    }
    println!("{}", summary(&demands));
    Ok(demands.iter().all(Demand::holds))
}

/// One comparison, which answers one figure or several.
type Taker = fn(&Bench) -> io::Result<Vec<Demand>>;

/// What the comparisons need.
struct Bench {
    /// The folder `benches`.
    folder: PathBuf,
    /// The built programs.
    built: PathBuf,
    kubectl: PathBuf,
    /// State of both sides: records here, the cache of kubectl there.
    state: tempfile::TempDir,
}

impl Bench {
    fn new() -> io::Result<Bench> {
        let built = std::env::current_exe()?;
        let built = built.parent().ok_or_else(|| io::Error::other("a program lies in a folder"))?.to_path_buf();
        let target = built.parent().unwrap_or(&built);
        let kubectl = kubectl::find(&target.join("tools"))?;
        // On the disk that people's records would be on, not in memory.
        let state = tempfile::Builder::new().prefix("figures").tempdir_in(target)?;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        Ok(Bench { folder, built, kubectl, state })
    }

    fn lab(&self, world: &str) -> io::Result<Lab> {
        Lab::serve(&self.built.join("meshbook"), world, self.state.path())
    }

    fn meshbook(&self, arguments: &[&str], kubeconfig: &Path) -> Program {
        Program::new(self.built.join("meshbook"), arguments, &self.folder)
            .with("MESHBOOK_HOME", self.state.path())
            .with("KUBECONFIG", kubeconfig)
    }

    /// A command that finds kubectl, with its cache kept from one run to the next.
    fn today(&self, program: &Path, arguments: &[&str], kubeconfig: &Path) -> Program {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = self.kubectl.parent().map(Path::to_path_buf).into_iter().chain(std::env::split_paths(&path));
        Program::new(program, arguments, &self.folder)
            .with("PATH", std::env::join_paths(folders).unwrap_or(path.clone()))
            .with("KUBECACHEDIR", self.state.path().join("kubectl"))
            .with("KUBECONFIG", kubeconfig)
    }

    /// From the shell to the end of a script that asks nothing of a cluster.
    fn start(&self) -> io::Result<Vec<Demand>> {
        let lab = self.lab("healthy")?;
        let silence = Silence::like(&lab.kubeconfig, self.state.path())?;
        drop(lab);
        let ours = self.meshbook(&["run", "hello.rhai"], &silence.kubeconfig);
        let theirs = Program::new(self.built.join("meshbook-bare"), &["bare/hello.rhai"], &self.folder);
        let measured = side_by_side(&[&ours, &theirs], 60)?;
        silence.was_kept()?;
        for said in &measured.output {
            demanded(said.contains("hello"), || format!("a hello script said {said:?}"))?;
        }
        Ok(vec![
            Demand {
                name: "start",
                of: measured.times([("meshbook", 0), ("bare Rhai and clap", 1)]),
                figures: measured.time[0].over(&measured.time[1]),
                unit: "x",
                bound: Bound::AtMost(1.5),
                excuse: None,
            },
            Demand {
                name: "start, memory",
                of: format!("bare Rhai and clap {:.1} MiB", measured.memory[1].median()),
                figures: measured.memory[0].clone(),
                unit: "MiB",
                bound: Bound::AtMost(15.0),
                excuse: None,
            },
        ])
    }

    /// One object, in a fresh process, over TLS.
    fn read(&self) -> io::Result<Vec<Demand>> {
        let lab = self.lab("breaker")?;
        let ours = self.meshbook(&["run", "read.rhai", "-o", "json"], &lab.kubeconfig);
        let theirs = ["get", "destinationrule", "graph-core", "-o", "json"];
        let theirs = self.today(&self.kubectl, &theirs, &lab.kubeconfig);
        let measured = side_by_side(&[&ours, &theirs], 30)?;
        let documents = [json(&measured.output[0])?, json(&measured.output[1])?];
        let [seen, read] = [&documents[0]["shown"][0]["value"], &documents[1]];
        demanded(seen["spec"] == read["spec"] && read["spec"].is_object(), || {
            format!("the two sides read different objects: {seen} and {read}")
        })?;
        let [ours, theirs] = [&measured.time[0], &measured.time[1]];
        Ok(vec![Demand {
            name: "one read",
            of: measured.times([("meshbook", 0), ("kubectl", 1)]),
            figures: theirs.over(ours),
            unit: "x",
            bound: Bound::AtLeast(5.0),
            excuse: None,
        }])
    }

    /// Who refuses, with which limits, and whose they are, over 50 proxies.
    fn diagnosis(&self) -> io::Result<Vec<Demand>> {
        let lab = self.lab(&self.folder.join("fifty-proxies.toml").to_string_lossy())?;
        let ours = ["run", "diagnosis.rhai", "service=graph-core", "-o", "json"];
        let ours = self.meshbook(&ours, &lab.kubeconfig).ends_with(1);
        let script = self.folder.join("diagnosis.bash");
        let sequence = self.today(&script, &["graph-core"], &lab.kubeconfig);
        let parallel = self.today(&script, &["graph-core", "16"], &lab.kubeconfig);
        let measured = side_by_side(&[&ours, &sequence, &parallel], 5)?;
        let answer = refusing(&json(&measured.output[0])?);
        demanded(answer.len() == 20, || format!("20 proxies refuse, but meshbook says {answer:#?}"))?;
        for said in &measured.output[1..] {
            let lines: BTreeSet<String> = said.lines().map(str::to_owned).collect();
            demanded(lines == answer, || format!("the two sides differ: {answer:#?} and {lines:#?}"))?;
        }
        let [ours, sequence, parallel] = [0, 1, 2].map(|index| &measured.time[index]);
        Ok(vec![
            Demand {
                name: "50 proxies, loop",
                of: measured.times([("meshbook", 0), ("kubectl in a loop", 1)]),
                figures: sequence.over(ours),
                unit: "x",
                bound: Bound::AtLeast(20.0),
                excuse: None,
            },
            Demand {
                name: "50 proxies, xargs -P 16",
                of: measured.times([("meshbook", 0), ("kubectl by xargs -P 16", 2)]),
                figures: parallel.over(ours),
                unit: "x",
                bound: Bound::AtLeast(8.0),
                excuse: None,
            },
        ])
    }
}

/// The refusing proxies of a report, as `diagnosis.bash` prints them.
fn refusing(report: &Value) -> BTreeSet<String> {
    let groups = report["shown"][0]["value"]["by"].as_array().into_iter().flatten();
    let members = groups.flat_map(|group| group["proxies"].as_array().into_iter().flatten());
    members
        .map(|member| {
            let (proxy, limits) = (&member["proxy"], &member["limits"]);
            let rules: Vec<&str> = member["rules"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            format!(
                "{} {} {}/{}/{} {}",
                proxy["pod"].as_str().unwrap_or_default(),
                proxy["side"].as_str().unwrap_or_default(),
                limits["maxConnections"],
                limits["maxPendingRequests"],
                limits["maxRequests"],
                rules.join(",").replace("DestinationRule ", "")
            )
        })
        .collect()
}

fn json(text: &str) -> io::Result<Value> {
    serde_json::from_str(text).map_err(|error| io::Error::other(format!("no JSON: {error}: {text}")))
}

/// A comparison of different answers is none.
fn demanded(holds: bool, otherwise: impl FnOnce() -> String) -> io::Result<()> {
    if holds { Ok(()) } else { Err(io::Error::other(otherwise())) }
}
