//! Installations: taken back as a whole; from a file that another tool has written; interrupted between sending and proving;
//! and planned within two seconds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "matrix/interrupts.rs"]
#[allow(dead_code, reason = "what other tests need of it")]
mod interrupts;
#[path = "matrix/play.rs"]
#[allow(dead_code, reason = "what other tests need of it")]
mod play;
#[path = "matrix/snapshot.rs"]
#[allow(dead_code, reason = "what other tests need of it")]
mod snapshot;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use interrupts::{Job, interrupted, is_change, is_end_of_step, kept, state};
use meshbook_lab::World;
use meshbook_lab::world::rendering;
use meshbook_rehearsal::mesh::InProcess;
use meshbook_rehearsal::rehearsal::play::Kept;
use meshbook_runtime::change::undo;
use meshbook_runtime::effect::Call;
use meshbook_runtime::engine;
use meshbook_runtime::record::event::{Ended, Event, Line};
use meshbook_runtime::run::{Mode, Run, Settings};
use meshbook_runtime::transport::Transport;
use meshbook_stdlib::LIBRARY;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

const INSTALL: Job =
    Job { runbook: "installation/install.rhai", world: "install-empty", namespace: None, params: &[], approved: &[] };

fn open(runtime: &Runtime, world: &str) -> Arc<InProcess> {
    Arc::new(runtime.block_on(InProcess::open(World::named(world).unwrap(), None)).unwrap())
}

fn pass(runtime: &Runtime, mesh: &Arc<InProcess>, duration: Duration) {
    runtime.block_on(Transport::call(&**mesh, &Call::Sleep { duration })).unwrap();
}

fn write(home: &Path, name: &str, objects: &[Value]) {
    let folder = meshbook_runtime::transport::files::manifests(home);
    std::fs::create_dir_all(&folder).unwrap();
    let documents: Vec<String> = objects.iter().map(Value::to_string).collect();
    std::fs::write(folder.join(name), documents.join("\n---\n")).unwrap();
}

/// Takes a run back, as another process does, and names what it leaves.
fn undo(runtime: &Runtime, mesh: &Arc<InProcess>, home: &Path, lines: &[Line]) -> Vec<String> {
    let run = lines.iter().find_map(|line| match &line.event {
        Event::Started(started) => Some(started.run.to_string()),
        _ => None,
    });
    let record = home.join("runs").join(format!("{}.jsonl", run.unwrap()));
    let reporter = Arc::new(Kept::default());
    let cancel = CancellationToken::new();
    undo::undo(&record, home, mesh.clone(), reporter.clone(), runtime.handle().clone(), cancel).unwrap();
    let outcomes = reporter.take().into_iter().filter_map(|line| match line.event {
        Event::TakenBack { change, outcome } if !outcome.is_clean() => Some((change, outcome)),
        _ => None,
    });
    let object = |number: u64| {
        lines.iter().find(|line| line.number == number).and_then(|line| match &line.event {
            Event::Changing(changing) => Some(changing.object.to_string()),
            _ => None,
        })
    };
    outcomes.map(|(change, outcome)| format!("{}: {outcome:?}", object(change).unwrap_or_default())).collect()
}

/// Plans it.
fn plan(runtime: &Runtime, mesh: &Arc<InProcess>) -> (Ended, Vec<Line>) {
    let script = play::load(INSTALL.runbook);
    let values = engine::params::values(&script.params, &BTreeMap::new()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let settings = Settings::of(&script, Mode::Plan, mesh.namespace(), home.path());
    let kept = Arc::new(Kept::default());
    let cancel = CancellationToken::new();
    let run = Run::start(settings, mesh.clone(), kept.clone(), None, runtime.handle().clone(), cancel).unwrap();
    let outcome = engine::execute(&script, &run, values, &LIBRARY);
    (outcome.ended, kept.take())
}

#[test]
fn interrupted_before_a_part_is_proved_that_part_is_taken_back_and_the_proved_ones_stay() {
    let runtime = Runtime::new().unwrap();
    let home = tempfile::tempdir().unwrap();
    let whole = open(&runtime, INSTALL.world);
    let (ended, lines) = interrupted(&runtime, &whole, home.path(), INSTALL, is_end_of_step, usize::MAX);
    assert_eq!(ended.ending, "fixed", "{}", ended.message);
    let all = kept(&ended, &lines);
    let deployment = all.iter().position(|object| object.starts_with("Deployment ")).unwrap();

    let mesh = open(&runtime, INSTALL.world);
    let (first, lines) = interrupted(&runtime, &mesh, home.path(), INSTALL, is_change, deployment + 1);
    assert_eq!((first.exit.code(), first.taken_back.len()), (5, 1), "{}", first.message);
    assert_eq!(kept(&first, &lines), all[..deployment]);
    let istiod = |mesh: &InProcess| mesh.store().get("apps", "deployments", "istio-system", "istiod").is_some();
    assert!(!istiod(&mesh), "what was not proved is gone");
    let (second, lines) = interrupted(&runtime, &mesh, home.path(), INSTALL, is_end_of_step, usize::MAX);
    assert_eq!((second.ending.as_str(), kept(&second, &lines)), ("fixed", all[deployment..].to_vec()));
    assert!(istiod(&mesh));
    assert_eq!(state(&mesh), state(&whole));
}

#[test]
fn an_undo_leaves_an_empty_cluster_empty_and_what_others_have_put_there_alone() {
    let runtime = Runtime::new().unwrap();
    let home = tempfile::tempdir().unwrap();
    for in_use in [false, true] {
        let mesh = open(&runtime, INSTALL.world);
        let before = state(&mesh);
        let (ended, lines) = interrupted(&runtime, &mesh, home.path(), INSTALL, is_end_of_step, usize::MAX);
        assert_eq!(ended.ending, "fixed", "{}", ended.message);
        if in_use {
            mesh.store().put(
                json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "ours", "namespace": "summit"}, "spec": {"host": "graph-core"}}),
                "kubectl",
            );
            mesh.store().put(
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cacerts", "namespace": "istio-system"}, "type": "Opaque"}),
                "kubectl-create",
            );
        }
        let left = undo(&runtime, &mesh, home.path(), &lines);
        if in_use {
            assert_eq!(left.len(), 2, "{left:?}");
            let of = |object: &str| left.iter().find(|told| told.starts_with(object)).unwrap();
            let told = of("Namespace istio-system");
            assert!(told.contains("Secret istio-system/cacerts would go with it"), "{told}");
            let told = of("CustomResourceDefinition");
            assert!(told.contains("destinationrules.networking.istio.io"), "{told}");
            assert!(told.contains("DestinationRule summit/ours would go with it"), "{told}");
        } else {
            assert!(left.is_empty(), "{left:?}");
            // What istiod itself has left in other namespaces is its root certificate.
            pass(&runtime, &mesh, Duration::from_secs(5));
            let differences = snapshot::differences(&before, &state(&mesh));
            assert!(differences.iter().all(|name| name.ends_with("/istio-ca-root-cert")), "{differences:?}");
        }
    }
}

#[test]
fn what_helm_has_rendered_into_a_file_is_installed_alike() {
    let runtime = Runtime::new().unwrap();
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "istiod.yaml", &rendering::rendered("default", true));
    let mesh = open(&runtime, INSTALL.world);
    let job = Job { params: &[("file", "istiod.yaml")], ..INSTALL };
    let (ended, lines) = interrupted(&runtime, &mesh, home.path(), job, is_end_of_step, usize::MAX);
    assert_eq!(ended.ending, "fixed", "{}", ended.message);
    let whole = open(&runtime, INSTALL.world);
    let (by_istioctl, others) = interrupted(&runtime, &whole, home.path(), INSTALL, is_end_of_step, usize::MAX);
    assert_eq!(kept(&ended, &lines), kept(&by_istioctl, &others));

    for (name, objects, part) in [
        ("empty", vec![], "it holds no object"),
        (
            "hook",
            vec![
                json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "annotations": {"helm.sh/hook": "pre-install"}}}),
            ],
            "a hook of Helm",
        ),
        (
            "nowhere",
            vec![json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})],
            "names no namespace",
        ),
        (
            "unknown",
            vec![json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}})],
            "serves no such kind",
        ),
        (
            "twice",
            vec![json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}}); 2],
            "is in it twice",
        ),
    ] {
        write(home.path(), name, &objects);
        let mesh = open(&runtime, INSTALL.world);
        let before = state(&mesh);
        let job = Job { params: &[("file", name)], ..INSTALL };
        let (ended, _) = interrupted(&runtime, &mesh, home.path(), job, is_end_of_step, usize::MAX);
        assert!(ended.ending == "failed" && ended.message.contains(part), "{name}: {} {}", ended.ending, ended.message);
        assert_eq!(state(&mesh), before);
    }
}

#[test]
fn a_plan_of_an_installation_takes_less_than_two_seconds() {
    let runtime = Runtime::new().unwrap();
    let mesh = open(&runtime, INSTALL.world);
    let before = state(&mesh);
    let from = Instant::now();
    let (ended, lines) = plan(&runtime, &mesh);
    let took = from.elapsed();
    println!("a plan of an installation took {} ms", took.as_millis());
    assert_eq!(ended.ending, "planned", "{}", ended.message);
    let planned = lines.iter().filter(|line| matches!(line.event, Event::Planned(_))).count();
    assert!(planned >= 35, "{planned} changes are planned");
    assert_eq!(state(&mesh), before);
    assert!(took < Duration::from_secs(2), "{took:?}");
}
