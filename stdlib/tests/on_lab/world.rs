//! Runs texts and runbooks on a world of the lab, through the real engine, road and transports.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use meshbook_lab::Store;
use meshbook_lab::world::World;
use meshbook_rehearsal::mesh::{self, InProcess};
use meshbook_rehearsal::rehearsal::Rehearsal;
use meshbook_rehearsal::rehearsal::play::Kept;
use meshbook_runtime::engine::{self, Outcome, ParamValue, Script};
use meshbook_runtime::gate::Approval;
use meshbook_runtime::run::{Mode, Run, Settings};
use meshbook_stdlib::LIBRARY;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// What a run did.
pub struct Ran {
    /// How it ended.
    pub outcome: Outcome,
    /// The cluster's objects after it.
    pub store: Store,
    rehearsal: Rehearsal,
}

impl Ran {
    /// The fields that were changed, as reports name them.
    pub fn changes(&self) -> Vec<String> {
        self.rehearsal.changes()
    }

    /// What was shown, waited for and warned of, as text, and what went wrong.
    pub fn story(&self) -> String {
        let why = self.outcome.diagnostic.as_ref().map(|d| format!(" ({:?})", d.failure)).unwrap_or_default();
        format!("{}{why}\n", self.rehearsal.story())
    }
}

/// What is run.
pub enum What<'a> {
    /// A text that needs no ending, as if it stood in the tree of runbooks.
    Text(&'a str),
    /// A runbook of `runbooks/`, with its parameters.
    Runbook(&'a str, &'a [(&'a str, &'a str)]),
}

/// Runs it in a world of this name. Every kind of change is approved.
pub fn run(runtime: &Runtime, world: &str, what: &What<'_>) -> Ran {
    run_in(runtime, World::named(world).expect("the lab has the world"), what)
}

/// Runs it in a world.
pub fn run_in(runtime: &Runtime, world: World, what: &What<'_>) -> Ran {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks");
    let script = match what {
        What::Text(text) => Script::from_text("example.rhai", text, Some(&root), &LIBRARY),
        What::Runbook(path, _) => Script::load(&root.join(path), Some(&root), &LIBRARY),
    };
    let script = script.unwrap_or_else(|diagnostic| panic!("it compiles, not: {:?}", diagnostic.failure));
    let values = match what {
        What::Text(_) => values(&script, &[]),
        What::Runbook(_, params) => values(&script, params),
    };
    let Started { run, store, kept, _home } = start(runtime, world, &script, &values);
    let outcome = match what {
        What::Text(_) => engine::evaluate(&script, &run, values, &LIBRARY),
        What::Runbook(..) => engine::execute(&script, &run, values, &LIBRARY),
    };
    let rehearsal = Rehearsal::new(outcome.ended.clone(), kept.take());
    Ran { outcome, store, rehearsal }
}

/// Asks something of a run in a world that no script asks.
pub fn ask<T>(runtime: &Runtime, world: World, question: impl FnOnce(&Run) -> T) -> T {
    let script = Script::from_text("question.rhai", "()", None, &LIBRARY);
    let script = script.unwrap_or_else(|diagnostic| panic!("it compiles, not: {:?}", diagnostic.failure));
    let started = start(runtime, world, &script, &BTreeMap::new());
    question(&started.run)
}

struct Started {
    run: Arc<Run>,
    store: Store,
    kept: Arc<Kept>,
    _home: tempfile::TempDir,
}

fn start(runtime: &Runtime, world: World, script: &Script, values: &BTreeMap<String, ParamValue>) -> Started {
    let mesh = runtime.block_on(InProcess::open(world, None)).expect("the lab starts");
    let store = mesh.store().clone();
    let home = tempfile::tempdir().expect("a temporary folder");
    let settings = Settings {
        approvals: [
            "file",
            "namespace",
            "destinationrule",
            "deployment",
            "virtualservice",
            "horizontalpodautoscaler",
            "service",
            "networkpolicy",
            "mutatingwebhookconfiguration",
            "loglevel",
            "telemetry",
            "sidecar",
            "configmap",
            "deployment/front",
            "pod",
            // Upgrades.
            "namespace",
            "statefulset",
            "validatingwebhookconfiguration",
            "clusterrole",
            "clusterrolebinding",
            "role",
            "rolebinding",
            "serviceaccount",
        ]
        .map(|kind| kind.parse::<Approval>().expect("an approval"))
        .to_vec(),
        allow_exec: true,
        second: runtime.block_on(mesh::second(values)).expect("the second world starts"),
        ..Settings::of(script, Mode::Unattended, mesh.namespace(), home.path())
    };
    let kept = Arc::new(Kept::default());
    let cancel = CancellationToken::new();
    let run = Run::start(settings, Arc::new(mesh), kept.clone(), None, runtime.handle().clone(), cancel);
    let run = run.unwrap_or_else(|failure| panic!("the run starts, not: {failure}"));
    Started { run, store, kept, _home: home }
}

fn values(script: &Script, params: &[(&str, &str)]) -> BTreeMap<String, ParamValue> {
    let given = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    engine::params::values(&script.params, &given)
        .unwrap_or_else(|failure| panic!("the parameters fit, not: {failure}"))
}
