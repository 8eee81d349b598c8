//! Runs texts and runbooks on a world of the lab, through the real engine, road and transports.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use meshbook_lab::world::World;
use meshbook_lab::{Lab, Pace, Store};
use meshbook_runtime::engine::{self, Outcome, ParamValue, Script};
use meshbook_runtime::gate::{Approval, Budget};
use meshbook_runtime::record::event::{Event, Line};
use meshbook_runtime::run::{Mode, Reporter, Run, Settings};
use meshbook_runtime::transport::{Clock, Connection, Options};
use meshbook_stdlib::LIBRARY;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// What a run did.
pub struct Ran {
    /// How it ended.
    pub outcome: Outcome,
    /// What it reported.
    pub lines: Vec<Line>,
    /// The cluster's objects after it.
    pub store: Store,
}

impl Ran {
    /// The fields that were changed, as reports name them.
    pub fn changes(&self) -> Vec<String> {
        let mut changes = Vec::new();
        for line in &self.lines {
            if let Event::Changing(changing) = &line.event {
                changes.extend(changing.fields.iter().map(|field| format!("{}: {}", changing.object, field.path)));
            }
        }
        changes
    }

    /// What was shown, waited for and warned of, as text.
    pub fn story(&self) -> String {
        let mut story = String::new();
        for line in &self.lines {
            match &line.event {
                Event::Shown { table, .. } => {
                    story += &*format!("{}\n  {}\n", table.title, table.columns.join(" | "));
                    for row in table.rows.iter().chain(std::iter::once(&table.notes)) {
                        story += &*format!("  {}\n", row.join(" | "));
                    }
                }
                Event::Proved { word, outcome, seen, took, .. } => {
                    story += &*format!("{word}: {outcome:?} after {took:?}: {}\n", seen.as_deref().unwrap_or("-"));
                }
                Event::Warning { message } => story += &*format!("warning: {message}\n"),
                Event::StepStarted { title, .. } => story += &*format!("step {title}\n"),
                _ => {}
            }
        }
        let why = self.outcome.diagnostic.as_ref().map(|d| format!(" ({:?})", d.failure)).unwrap_or_default();
        story.push_str(&format!("{}: {}{why}\n", self.outcome.ended.ending, self.outcome.ended.message));
        story
    }
}

#[derive(Default)]
struct Kept(Mutex<Vec<Line>>);

impl Reporter for Kept {
    fn line(&self, line: &Line) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
    }

    fn progress(&self, _: Option<&str>) {}
}

struct VirtualClock(Lab);

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.0.clock().now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.0.advance(duration) })
    }
}

/// What is run.
pub enum What<'a> {
    /// A text that needs no ending.
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
    let script = match what {
        What::Text(text) => Script::from_text("example.rhai", text, None, &LIBRARY),
        What::Runbook(path, _) => {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks");
            Script::load(&root.join(path), Some(&root), &LIBRARY)
        }
    };
    let script = script.unwrap_or_else(|diagnostic| panic!("it compiles, not: {:?}", diagnostic.failure));
    let Started { run, store, kept, _home } = start(runtime, world, &script);
    let outcome = match what {
        What::Text(_) => engine::evaluate(&script, &run, BTreeMap::new(), &LIBRARY),
        What::Runbook(_, params) => engine::execute(&script, &run, values(&script, params), &LIBRARY),
    };
    let lines = std::mem::take(&mut *kept.0.lock().unwrap_or_else(PoisonError::into_inner));
    Ran { outcome, lines, store }
}

/// Asks something of a run in a world that no script asks.
pub fn ask<T>(runtime: &Runtime, world: World, question: impl FnOnce(&Run) -> T) -> T {
    let script = Script::from_text("question.rhai", "()", None, &LIBRARY);
    let script = script.unwrap_or_else(|diagnostic| panic!("it compiles, not: {:?}", diagnostic.failure));
    let started = start(runtime, world, &script);
    question(&started.run)
}

struct Started {
    run: Arc<Run>,
    store: Store,
    kept: Arc<Kept>,
    _home: tempfile::TempDir,
}

fn start(runtime: &Runtime, world: World, script: &Script) -> Started {
    let lab = runtime.block_on(Lab::start(world, Pace::Virtual)).expect("the lab starts");
    let store = lab.store();
    let options =
        Options { kubeconfig_text: Some(lab.kubeconfig()), clock: Arc::new(VirtualClock(lab)), ..Options::default() };
    let connection = runtime.block_on(Connection::open(options)).expect("the lab's kubeconfig is sound");
    let home = tempfile::tempdir().expect("a temporary folder");
    let namespace = connection.namespace().to_owned();
    let settings = Settings {
        mode: Mode::Unattended,
        namespaces: vec![namespace.clone()],
        namespace,
        approvals: [
            "destinationrule",
            "deployment",
            "virtualservice",
            "horizontalpodautoscaler",
            "service",
            "networkpolicy",
            "mutatingwebhookconfiguration",
        ]
        .map(|kind| kind.parse::<Approval>().expect("an approval"))
        .to_vec(),
        read_only: false,
        deadline: None,
        budget: Budget::default(),
        field_manager: "meshbook".into(),
        home: home.path().to_owned(),
        script: script.path.clone(),
        hash: script.hash.clone(),
        params: BTreeMap::new(),
    };
    let kept = Arc::new(Kept::default());
    let reporter: Arc<dyn Reporter> = kept.clone();
    let run =
        Run::start(settings, Arc::new(connection), reporter, None, runtime.handle().clone(), CancellationToken::new());
    let run = run.unwrap_or_else(|failure| panic!("the run starts, not: {failure}"));
    Started { run, store, kept, _home: home }
}

fn values(script: &Script, params: &[(&str, &str)]) -> BTreeMap<String, ParamValue> {
    let given = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    engine::params::values(&script.params, &given)
        .unwrap_or_else(|failure| panic!("the parameters fit, not: {failure}"))
}
