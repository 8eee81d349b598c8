//! A promotion that is interrupted, and started again: it ends as one that nobody has interrupted, and repeats nothing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "matrix/play.rs"]
#[allow(dead_code, reason = "what other tests need of it")]
mod play;
#[path = "matrix/snapshot.rs"]
#[allow(dead_code, reason = "what other tests need of it")]
mod snapshot;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use meshbook_lab::World;
use meshbook_rehearsal::mesh::InProcess;
use meshbook_rehearsal::rehearsal::play::Kept;
use meshbook_runtime::engine;
use meshbook_runtime::gate::Approval;
use meshbook_runtime::record::event::{Ended, Event, Line};
use meshbook_runtime::run::{Mode, Reporter, Run, Settings};
use meshbook_stdlib::LIBRARY;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Interrupts the run after so many events of a kind.
struct Interrupts {
    kept: Kept,
    cancel: CancellationToken,
    at: fn(&Event) -> bool,
    left: AtomicUsize,
}

impl Reporter for Interrupts {
    fn line(&self, line: &Line) {
        self.kept.line(line);
        if (self.at)(&line.event) && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.cancel.cancel();
            // The watch for the interrupt has time to raise the latch before the script goes on.
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn progress(&self, _: Option<&str>) {}
}

fn is_end_of_step(event: &Event) -> bool {
    matches!(event, Event::StepEnded { .. })
}

fn is_change(event: &Event) -> bool {
    matches!(event, Event::ChangeAnswered { .. })
}

/// Promotes namespace summit, and is interrupted after so many events; by nobody if there are not that many.
fn promote(runtime: &Runtime, mesh: &Arc<InProcess>, at: fn(&Event) -> bool, count: usize) -> (Ended, Vec<Line>) {
    let script = play::load("upgrade/promote.rhai");
    let given = [("revision", "1-31"), ("soak", "30s"), ("look_back", "2m")];
    let given: BTreeMap<String, String> = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let values = engine::params::values(&script.params, &given).unwrap();
    let home = tempfile::tempdir().unwrap();
    let approvals = vec![Approval { kind: "*".into(), name: None, count: None }];
    let settings = Settings { approvals, ..Settings::of(&script, Mode::Unattended, mesh.namespace(), home.path()) };
    let cancel = CancellationToken::new();
    let interrupts =
        Arc::new(Interrupts { kept: Kept::default(), cancel: cancel.clone(), at, left: AtomicUsize::new(count) });
    let run = Run::start(settings, mesh.clone(), interrupts.clone(), None, runtime.handle().clone(), cancel).unwrap();
    let outcome = engine::execute(&script, &run, values, &LIBRARY);
    (outcome.ended, interrupts.kept.take())
}

fn open(runtime: &Runtime) -> Arc<InProcess> {
    Arc::new(runtime.block_on(InProcess::open(World::named("upgrade-canary").unwrap(), None)).unwrap())
}

/// The cluster without the moments of restarts.
fn state(mesh: &InProcess) -> BTreeMap<String, Value> {
    let mut all = snapshot::take(mesh.store());
    for object in all.values_mut() {
        if let Some(at) = object.pointer_mut("/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt") {
            *at = "some time".into();
        }
    }
    all
}

/// The revisions of the sidecars of a namespace's pods, and how many pods of each.
fn sidecars(mesh: &InProcess) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for pod in mesh.store().list("", "pods", Some("summit")) {
        let revision = pod["metadata"]["annotations"]["istio.io/rev"].as_str().unwrap_or("none").to_owned();
        *counted.entry(revision).or_default() += 1;
    }
    counted
}

/// The objects that a run has changed and not taken back.
fn kept(ended: &Ended, lines: &[Line]) -> Vec<String> {
    let changes = lines.iter().filter(|line| ended.kept.contains(&line.number));
    changes
        .filter_map(|line| match &line.event {
            Event::Changing(changing) => Some(changing.object.to_string()),
            _ => None,
        })
        .collect()
}

const MOVED: [&str; 5] = [
    "Namespace summit",
    "Deployment summit/front",
    "Deployment summit/graph-core",
    "StatefulSet summit/store",
    "DaemonSet summit/collector",
];

#[test]
fn interrupted_after_any_step_and_started_again_it_ends_alike_and_repeats_nothing() {
    let runtime = Runtime::new().unwrap();
    let whole = open(&runtime);
    let (ended, lines) = promote(&runtime, &whole, is_end_of_step, usize::MAX);
    assert_eq!((ended.ending.as_str(), kept(&ended, &lines)), ("fixed", MOVED.map(str::to_owned).to_vec()));
    assert_eq!(sidecars(&whole), BTreeMap::from([("1-31".into(), 10), ("none".into(), 1)]));
    let steps = lines.iter().filter(|line| is_end_of_step(&line.event)).count();
    assert_eq!(steps, 8, "three that look, the label, four workloads");

    for step in 1..steps {
        let mesh = open(&runtime);
        let (first, before) = promote(&runtime, &mesh, is_end_of_step, step);
        assert_eq!(first.exit.code(), 130, "after step {step}: {}", first.message);
        assert!(first.left_behind.is_empty() && first.taken_back.is_empty(), "after step {step}");
        let (second, after) = promote(&runtime, &mesh, is_end_of_step, usize::MAX);
        assert_eq!(second.ending, "fixed", "after step {step}: {}", second.message);
        let all: Vec<String> = kept(&first, &before).into_iter().chain(kept(&second, &after)).collect();
        assert_eq!(all, MOVED, "after step {step} each is changed once, in the same order");
        assert_eq!((state(&mesh), sidecars(&mesh)), (state(&whole), sidecars(&whole)), "after step {step}");
    }
    let (again, lines) = promote(&runtime, &whole, is_end_of_step, usize::MAX);
    assert_eq!((again.ending.as_str(), kept(&again, &lines).len()), ("not_this", 0), "{}", again.message);
}

#[test]
fn interrupted_within_a_move_that_one_is_taken_back_and_the_others_stay() {
    let runtime = Runtime::new().unwrap();
    let whole = open(&runtime);
    assert_eq!(promote(&runtime, &whole, is_change, usize::MAX).0.ending, "fixed");
    // The third change is the second workload's.
    let mesh = open(&runtime);
    let (first, lines) = promote(&runtime, &mesh, is_change, 3);
    assert_eq!(first.exit.code(), 5, "{}", first.message);
    assert_eq!((kept(&first, &lines), first.taken_back.len()), (vec![MOVED[1].to_owned()], 2));
    let namespace = mesh.store().get("", "namespaces", "", "summit").unwrap();
    let labels = &namespace["metadata"]["labels"];
    assert_eq!((&labels["istio-injection"], &labels["istio.io/rev"]), (&"enabled".into(), &Value::Null));
    // The label went back before the pods were made anew: all of them have the old sidecar again.
    let settle = meshbook_runtime::effect::Call::Sleep { duration: Duration::from_secs(30) };
    runtime.block_on(meshbook_runtime::transport::Transport::call(&*mesh, &settle)).unwrap();
    assert_eq!(sidecars(&mesh), BTreeMap::from([("1-31".into(), 2), ("default".into(), 8), ("none".into(), 1)]));

    let (second, lines) = promote(&runtime, &mesh, is_change, usize::MAX);
    assert_eq!(second.ending, "fixed", "{}", second.message);
    assert!(!kept(&second, &lines).contains(&MOVED[1].to_owned()), "what was proved is not moved again");
    assert_eq!((state(&mesh), sidecars(&mesh)), (state(&whole), sidecars(&whole)));
}
