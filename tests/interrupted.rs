//! Every runbook that changes the mesh, interrupted after each of its steps and started again: it does not repeat what is
//! done, and ends as one that nobody has interrupted. Interrupted within a step, it takes back what is half done.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "matrix/interrupts.rs"]
mod interrupts;
#[path = "matrix/play.rs"]
#[allow(dead_code, reason = "what other tests need of it")]
mod play;
#[path = "matrix/snapshot.rs"]
mod snapshot;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use interrupts::{Job, interrupted, is_change, is_end_of_step, kept, state};
use meshbook_lab::World;
use meshbook_rehearsal::mesh::InProcess;
use meshbook_runtime::change::undo;
use meshbook_runtime::effect::Call;
use meshbook_runtime::record::event::{Ended, Event, Line};
use meshbook_runtime::run::Reporter;
use meshbook_runtime::side_by_side::{processors, side_by_side};
use meshbook_runtime::transport::Transport;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

const PROMOTE: Job =
    job("upgrade/promote.rhai", "upgrade-canary", &[("revision", "1-31"), ("soak", "30s"), ("look_back", "2m")]);

const JOBS: &[Job] = &[
    job("installation/install.rhai", "install-empty", &[]),
    job("installation/install.rhai", "install-half-done", &[]),
    job("upgrade/canary-install.rhai", "upgrade-canary", &[("version", "1.31.0"), ("revision", "canary")]),
    PROMOTE,
    job("upgrade/canary-namespace.rhai", "upgrade-canary", &[("revision", "1-31"), ("test", "true")]),
    job("upgrade/rollback.rhai", "upgrade-moved", &[("soak", "30s")]),
    job("upgrade/retire.rhai", "upgrade-moved", &[("revision", "default"), ("successor", "1-31")]),
    job(
        "day2/onboard-service.rhai",
        "new-service",
        &[("service", "checkout"), ("caller", "front"), ("routing", "true")],
    ),
    job("installation/injection.rhai", "injection-label-missing", &[("restart", "true"), ("soak", "30s")]),
    job("installation/traffic-policies.rhai", "new-service", &[("service", "checkout")]),
    Job { namespace: Some("istio-ingress"), ..job("installation/gateways.rhai", "installation-no-gateway", &[]) },
    Job { namespace: Some("edge"), ..job("installation/gateways.rhai", "upgrade-canary", &[("revision", "1-31")]) },
    Job {
        namespace: Some("watch"),
        ..job(
            "installation/observability.rhai",
            "installation-no-gateway",
            &[("collector", "true"), ("jaeger", "true")],
        )
    },
    job("installation/observability.rhai", "installation-no-spans", &[("tracing", "true")]),
    Job {
        approved: &["deployment/graph-core"],
        ..job("day2/certificates.rhai", "healthy", &[("workload", "graph-core"), ("rotate", "true")])
    },
    job("day2/update-destination-rule.rhai", "healthy", &[("service", "graph-core")]),
    job("day2/update-virtual-service.rhai", "healthy", &[("service", "graph-core"), ("caller", "front")]),
    Job { namespace: Some("istio-system"), ..job("day2/scale-gateway.rhai", "gateway-hpa", &[("replicas", "4")]) },
    Job { namespace: Some("istio-system"), ..job("day2/scale-control-plane.rhai", "healthy", &[("replicas", "3")]) },
    job("disaster-recovery/restore.rhai", "configuration-lost", &[("name", "b")]),
];

const fn job<'a>(runbook: &'a str, world: &'a str, params: &'a [(&'a str, &'a str)]) -> Job<'a> {
    Job { runbook, world, namespace: None, params, approved: &[] }
}

fn open(runtime: &Runtime, world: &str) -> Arc<InProcess> {
    Arc::new(runtime.block_on(InProcess::open(World::named(world).unwrap(), None)).unwrap())
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

/// Plays a job uninterrupted, and then for each of its steps interrupted after it and started again.
fn holds(runtime: &Runtime, home: &Path, job: Job) -> Result<usize, String> {
    let whole = open(runtime, job.world);
    let (uninterrupted, lines) = interrupted(runtime, &whole, home, job, is_end_of_step, usize::MAX);
    let all = kept(&uninterrupted, &lines);
    if all.is_empty() {
        return Err(format!("it changes nothing: {} {}", uninterrupted.ending, uninterrupted.message));
    }
    let steps = lines.iter().filter(|line| is_end_of_step(&line.event)).count();
    for step in 1..steps {
        let after = |what: String| Err(format!("after step {step} of {steps}: {what}"));
        let mesh = open(runtime, job.world);
        let (first, before) = interrupted(runtime, &mesh, home, job, is_end_of_step, step);
        if first.ending != "interrupted" || !first.left_behind.is_empty() {
            let Ended { ending, message, left_behind, .. } = first;
            return after(format!("the interrupted run ends {ending} {message}, left behind {left_behind:?}"));
        }
        let (second, then) = interrupted(runtime, &mesh, home, job, is_end_of_step, usize::MAX);
        let made: Vec<String> = kept(&first, &before).into_iter().chain(kept(&second, &then)).collect();
        if made != all {
            return after(format!("both runs changed {made:#?} instead of {all:#?}; {}", second.message));
        }
        let nothing_left = second.ending == "not_this" && kept(&first, &before) == all;
        if second.ending != uninterrupted.ending && !nothing_left {
            return after(format!("it ends {} ({})", second.ending, second.message));
        }
        let differences = snapshot::differences(&state(&mesh), &state(&whole));
        if !differences.is_empty() {
            return after(format!("{differences:#?}"));
        }
        if sidecars(&mesh) != sidecars(&whole) {
            return after(format!("the sidecars are {:?} instead of {:?}", sidecars(&mesh), sidecars(&whole)));
        }
    }
    Ok(steps)
}

#[test]
fn interrupted_after_any_step_and_started_again_it_ends_alike_and_repeats_nothing() {
    let runtime = Runtime::new().unwrap();
    let home = tempfile::tempdir().unwrap();
    let backup = job("disaster-recovery/backup.rhai", "healthy", &[("name", "b")]);
    let healthy = open(&runtime, backup.world);
    let (kept_file, _) = interrupted(&runtime, &healthy, home.path(), backup, is_end_of_step, usize::MAX);
    assert_eq!(kept_file.ending, "fixed", "{}", kept_file.message);
    let outcomes = side_by_side(processors(), JOBS, |job| holds(&runtime, home.path(), *job));
    let mut wrong = Vec::new();
    for (job, outcome) in JOBS.iter().zip(outcomes) {
        match outcome {
            Ok(steps) => println!("{} in {}: {steps} steps", job.runbook, job.world),
            Err(why) => wrong.push(format!("{} in {}: {why}", job.runbook, job.world)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Promotes namespace summit, and is interrupted after so many changes.
fn promote(runtime: &Runtime, mesh: &Arc<InProcess>, count: usize) -> (Ended, Vec<Line>) {
    interrupted(runtime, mesh, tempfile::tempdir().unwrap().path(), PROMOTE, is_change, count)
}

#[test]
fn interrupted_within_a_move_that_one_is_taken_back_and_the_others_stay() {
    const FRONT: &str = "Deployment summit/front";
    let runtime = Runtime::new().unwrap();
    let whole = open(&runtime, PROMOTE.world);
    assert_eq!(promote(&runtime, &whole, usize::MAX).0.ending, "fixed");
    // The third change is the second workload's.
    let mesh = open(&runtime, PROMOTE.world);
    let (first, lines) = promote(&runtime, &mesh, 3);
    assert_eq!(first.exit.code(), 5, "{}", first.message);
    assert_eq!((kept(&first, &lines), first.taken_back.len()), (vec![FRONT.to_owned()], 2));
    let namespace = mesh.store().get("", "namespaces", "", "summit").unwrap();
    let labels = &namespace["metadata"]["labels"];
    assert_eq!((&labels["istio-injection"], &labels["istio.io/rev"]), (&"enabled".into(), &Value::Null));
    // The label went back before the pods were made anew: all of them have the old sidecar again.
    let settle = Call::Sleep { duration: Duration::from_secs(30) };
    runtime.block_on(Transport::call(&*mesh, &settle)).unwrap();
    assert_eq!(sidecars(&mesh), BTreeMap::from([("1-31".into(), 2), ("default".into(), 8), ("none".into(), 1)]));

    let (second, lines) = promote(&runtime, &mesh, usize::MAX);
    assert_eq!(second.ending, "fixed", "{}", second.message);
    assert!(!kept(&second, &lines).contains(&FRONT.to_owned()), "what was proved is not moved again");
    assert_eq!((state(&mesh), sidecars(&mesh)), (state(&whole), sidecars(&whole)));
}

/// Notes, whenever a change is about to be taken back, how many istiods of the old revision are available then; and
/// interrupts the undo once the Deployment is made anew, if it is to.
struct Watch {
    mesh: Arc<InProcess>,
    deployment: u64,
    interrupt: Option<CancellationToken>,
    seen: Mutex<Vec<(u64, u64)>>,
}

impl Reporter for Watch {
    fn line(&self, line: &Line) {
        match &line.event {
            Event::TakingBack { change, .. } => {
                let istiod = self.mesh.store().get("apps", "deployments", "istio-system", "istiod");
                let available = istiod.and_then(|one| one["status"]["availableReplicas"].as_u64()).unwrap_or(0);
                self.seen.lock().unwrap().push((*change, available));
            }
            Event::TakenBack { change, .. } if *change == self.deployment => {
                if let Some(cancel) = &self.interrupt {
                    cancel.cancel();
                    // The watch for the interrupt has time to raise the latch.
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
            _ => {}
        }
    }

    fn progress(&self, _: Option<&str>) {}
}

#[test]
fn an_undo_brings_istiod_back_before_what_asks_it_even_if_it_is_interrupted() {
    let runtime = Runtime::new().unwrap();
    let home = tempfile::tempdir().unwrap();
    let retire = job("upgrade/retire.rhai", "upgrade-moved", &[("revision", "default"), ("successor", "1-31")]);
    let mesh = open(&runtime, retire.world);
    let (ended, lines) = interrupted(&runtime, &mesh, home.path(), retire, is_end_of_step, usize::MAX);
    assert_eq!(ended.ending, "fixed", "{}", ended.message);
    let changes = || {
        lines.iter().filter_map(|line| match &line.event {
            Event::Changing(changing) if changing.deletes => Some((line.number, changing.object.kind.kind.as_str())),
            _ => None,
        })
    };
    let deployment = changes().find(|(_, kind)| *kind == "Deployment").unwrap().0;
    let webhooks: Vec<u64> =
        changes().filter(|(_, kind)| kind.ends_with("WebhookConfiguration")).map(|one| one.0).collect();
    assert_eq!(webhooks.len(), 2);
    let started = lines.iter().find_map(|line| match &line.event {
        Event::Started(started) => Some(started.run.to_string()),
        _ => None,
    });
    let record = home.path().join("runs").join(format!("{}.jsonl", started.unwrap()));
    let undo = |interrupts: bool| {
        let cancel = CancellationToken::new();
        let watch = Arc::new(Watch {
            mesh: mesh.clone(),
            deployment,
            interrupt: interrupts.then(|| cancel.clone()),
            seen: Mutex::default(),
        });
        let ended =
            undo::undo(&record, home.path(), mesh.clone(), watch.clone(), runtime.handle().clone(), cancel).unwrap();
        (ended, watch.seen.lock().unwrap().clone())
    };
    let (first, seen) = undo(true);
    assert_eq!((first.exit.code(), first.ending.as_str()), (7, "interrupted"), "{}", first.message);
    assert!(seen.iter().all(|(change, _)| !webhooks.contains(change)), "nothing asks an istiod that is not there");
    let (second, seen) = undo(false);
    assert_eq!(second.exit.code(), 0, "{} {:?}", second.message, second.left_behind);
    let asked: Vec<&(u64, u64)> = seen.iter().filter(|(change, _)| webhooks.contains(change)).collect();
    assert!(asked.len() == 2 && asked.iter().all(|(_, available)| *available > 0), "{seen:?}");
}
