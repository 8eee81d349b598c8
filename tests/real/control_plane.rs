//! Scenario 4 on a revision with three istiods of its own: one of them frozen, its Service without endpoints, and all of them gone.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cluster::{Cluster, Lock, SCRIPTS, assert_same};
use crate::load::{Load, Pace, pods, thresholds};

/// The runbook of Scenario 4.
pub const PLANE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/troubleshooting/control-plane-down.rhai");
/// Whose proxies belong to revision `canary`.
const NAMESPACE: &str = "summit-canary";
/// The Service of its istiods.
const SERVICE: &str = "istiod-canary";

/// Held by who disturbs revision `canary`.
pub static CANARY: Lock = Lock::new();

/// A frozen process keeps its connections, and the kubelet's word that it is ready.
#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn one_of_three_istiods_that_is_frozen_is_named_and_left_alone() {
    let _alone = CANARY.lock();
    let cluster = Cluster::real();
    let front = pods(&cluster, NAMESPACE, "front").remove(0);
    let frozen = istiod_of(&cluster, &front);
    signal(&cluster, &frozen, "STOP");
    let _thaw = Finally(|| signal(&cluster, &frozen, "CONT"));

    let from = Instant::now();
    let outcome = cluster.meshbook(&["run", PLANE, "-n", NAMESPACE]);
    println!("frozen: meshbook run, {:.1} s: {outcome}", from.elapsed().as_secs_f64());
    assert_eq!(outcome.code, 1, "{outcome}");
    let record = cluster.newest_record();
    assert_eq!(record.ending(), "found", "{outcome}");
    assert!(record.changed().is_empty(), "nothing is changed");
    let cause = record.said();
    assert!(cause.contains("istiod does not answer") && cause.contains(&frozen), "{cause}: {outcome}");
    for other in istiods(&cluster).iter().filter(|name| **name != frozen) {
        assert!(!cause.contains(other), "{other} is well: {cause}");
    }

    signal(&cluster, &frozen, "CONT");
    until_well(&cluster, NAMESPACE);
}

/// The cluster's own controller takes the endpoints away, so the API server finds no injector. `correct_selector` gives them back.
#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn the_service_of_istiod_selects_its_istiods_again() {
    let _alone = CANARY.lock();
    let cluster = Cluster::real();
    let select = |revision: &str| {
        let patch = json!({"spec": {"selector": {"app": "istiod", "istio.io/rev": revision}}}).to_string();
        cluster.kubectl(&["patch", "service", SERVICE, "-n", "istio-system", "--type", "merge", "-p", &patch]).ok();
    };
    let endpoints = |wanted: usize| {
        eventually(&format!("{SERVICE} has {wanted} endpoints"), Duration::from_secs(20), || {
            let label = format!("kubernetes.io/service-name={SERVICE}");
            let text =
                cluster.kubectl(&["get", "endpointslices", "-n", "istio-system", "-l", &label, "-o", "json"]).ok();
            let slices: Value = serde_json::from_str(&text).expect("kubectl prints JSON");
            let of = |slice: &Value| slice["endpoints"].as_array().map_or(0, Vec::len);
            let found: usize = slices["items"].as_array().into_iter().flatten().map(of).sum();
            if found == wanted { Ok(()) } else { Err(format!("{found} endpoints")) }
        });
    };
    let new_pod = || cluster.kubectl(&["run", "new", "--image=app", "-n", NAMESPACE, "--dry-run=server"]);
    select("canarz");
    let _right = Finally(|| select("canary"));
    endpoints(0);
    let refused = new_pod();
    assert!(refused.code != 0 && refused.stderr.contains("no endpoints available"), "{refused}");
    let before = cluster.object("istio-system", "service", SERVICE);

    let outcome = cluster.meshbook(&["run", PLANE, "-n", NAMESPACE, "--approve", "service"]);
    println!("wrong selector: meshbook run: {outcome}");
    assert_eq!(outcome.code, 0, "{outcome}");
    let record = cluster.newest_record();
    assert_eq!(record.ending(), "fixed", "{outcome}");
    assert_eq!(record.changed(), [SERVICE], "exactly one object is changed");
    let selector = &cluster.object("istio-system", "service", SERVICE)["spec"]["selector"];
    assert_eq!(selector, &json!({"app": "istiod", "istio.io/rev": "canary"}));
    endpoints(3);
    new_pod().ok();

    let undone = cluster.meshbook(&["undo", &record.run]);
    assert_eq!(undone.code, 0, "{undone}");
    let after = cluster.object("istio-system", "service", SERVICE);
    assert_same(&before, &after, "undo leaves spec, labels, annotations and managedFields as they were");
}

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn traffic_outlives_istiod_and_new_configuration_comes_with_the_next_one() {
    let _alone = CANARY.lock();
    let cluster = Cluster::real();
    let front = pods(&cluster, NAMESPACE, "front").remove(0);
    let load = Load::on(&cluster, NAMESPACE, "graph-core", Pace { callers: 4, pause: 50, seconds: 900 }, 100);
    let gone = istiods(&cluster);
    gone.iter().for_each(|istiod| signal(&cluster, istiod, "TERM"));
    let _back = Finally(|| start_istiods(&cluster));
    for istiod in &gone {
        eventually(&format!("{istiod} has ended"), Duration::from_secs(40), || {
            if lives(&cluster, istiod) { Err("it has not".into()) } else { Ok(()) }
        });
    }

    let outcome = cluster.meshbook(&["run", PLANE, "-n", NAMESPACE]);
    println!("stopped: meshbook run: {outcome}");
    assert_eq!(outcome.code, 1, "{outcome}");
    let record = cluster.newest_record();
    assert_eq!(record.ending(), "found", "{outcome}");
    assert!(record.changed().is_empty(), "nothing is changed");
    let cause = record.said();
    assert!(cause.contains("istiod does not answer"), "{cause}: {outcome}");
    gone.iter().for_each(|istiod| assert!(cause.contains(istiod), "{istiod} is not named: {cause}"));

    emergency(&cluster, &gone);

    // Who changes something now is told yes, and no proxy hears of it.
    let rule = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
        "metadata": {"name": "graph-core", "namespace": NAMESPACE},
        "spec": {"host": format!("graph-core.{NAMESPACE}.svc.cluster.local"), "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 77}}}},
    });
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let file = folder.path().join("rule.json");
    fs::write(&file, rule.to_string()).expect("the folder can be written");
    cluster.kubectl(&["apply", "-f", &file.to_string_lossy()]).ok();
    let carries = || {
        let found = thresholds(&cluster, &front, &format!("||graph-core.{NAMESPACE}"));
        !found.is_empty() && found.iter().all(|(_, threshold)| threshold["max_connections"] == json!(77))
    };
    thread::sleep(Duration::from_secs(2));
    assert!(!carries(), "nobody could have told {front}");
    let answers = load.stop();
    println!("answers while istiod was gone: {answers:?}");
    assert!(answers.ok > 100 && answers.failed() == 0, "traffic goes on: {answers:?}");

    start_istiods(&cluster);
    let from = Instant::now();
    eventually(&format!("{front} carries the new rule"), Duration::from_secs(60), || {
        if carries() { Ok(()) } else { Err("the old one".into()) }
    });
    cluster.kubectl(&["delete", "dr", "graph-core", "-n", NAMESPACE]).ok();
    println!("new configuration {:.1} s after the start of istiod", from.elapsed().as_secs_f64());
}

/// Once the kubelet has seen that nothing answers, new pods are refused; they may start without a sidecar for as long as somebody
/// wants that: `ignore_failures`.
fn emergency(cluster: &Cluster, istiods: &[String]) {
    let kubelet_says = |ready: &str| {
        for pod in istiods {
            let patch = json!({"status": {"conditions": [{"type": "Ready", "status": ready}]}}).to_string();
            let says = ["patch", "pod", pod, "-n", "istio-system", "--subresource=status", "-p", &patch];
            cluster.kubectl(&says).ok();
        }
    };
    kubelet_says("False");
    let _ready = Finally(|| kubelet_says("True"));
    let new_pod = || cluster.kubectl(&["run", "new", "--image=app", "-n", NAMESPACE, "--dry-run=server"]);
    eventually("new pods are refused", Duration::from_secs(20), || match new_pod() {
        refused if refused.stderr.contains("no endpoints available") => Ok(()),
        other => Err(other.to_string()),
    });
    const INJECTOR: &str = "istio-sidecar-injector-canary";
    let injector = || cluster.object(NAMESPACE, "mutatingwebhookconfiguration", INJECTOR);
    let before = injector();
    let kinds = ["unblock_new_pods=true", "-n", NAMESPACE, "--approve", "mutatingwebhookconfiguration"];
    let outcome = cluster.meshbook(&[&["run", PLANE], &kinds[..]].concat());
    println!("emergency: meshbook run: {outcome}");
    assert_eq!(outcome.code, 1, "{outcome}");
    let record = cluster.newest_record();
    assert_eq!((record.ending(), record.changed()), ("found", vec![INJECTOR]), "{outcome}");
    new_pod().ok();
    let undone = cluster.meshbook(&["undo", &record.run]);
    assert_eq!(undone.code, 0, "{undone}");
    assert_same(&before, &injector(), "undo leaves the webhooks and their owners as they were");
    assert_ne!(new_pod().code, 0, "new pods are refused again");
}

/// The istiods of the revision.
fn istiods(cluster: &Cluster) -> Vec<String> {
    let labels = "app=istiod,istio.io/rev=canary";
    let names = ["get", "pods", "-n", "istio-system", "-l", labels, "-o", "jsonpath={.items[*].metadata.name}"];
    let names = cluster.kubectl(&names).ok();
    let names: Vec<_> = names.split_whitespace().map(str::to_owned).collect();
    assert_eq!(names.len(), 3, "tests/real/run installs three istiods of revision canary: {names:?}");
    names
}

/// The istiod to which a pod's agent connects: there is no cluster DNS, a hosts file has its address.
fn istiod_of(cluster: &Cluster, pod: &str) -> String {
    let folder = cluster.folder().expect("only the real mesh has one").join("pods");
    let hosts = fs::read_to_string(folder.join(pod).join("hosts")).expect("a real pod has a hosts file");
    let address = hosts.lines().find(|line| line.contains(SERVICE)).and_then(|line| line.split(' ').next());
    let address = address.expect("the hosts file names the Service of its istiod");
    let has_it = |name: &String| cluster.object("istio-system", "pod", name)["status"]["podIP"] == json!(address);
    istiods(cluster).into_iter().find(has_it).expect("one of the istiods has that address")
}

/// The process of a real pod, in the process namespace of the mesh, and the first process of that.
fn process(cluster: &Cluster, pod: &str) -> (String, String) {
    let folder = cluster.folder().expect("only real pods have processes");
    let read = |path: std::path::PathBuf| fs::read_to_string(path).expect("a mesh that runs").trim().to_owned();
    (read(folder.join("first.pid")), read(folder.join("pods").join(pod).join("pid")))
}

fn lives(cluster: &Cluster, pod: &str) -> bool {
    let (first, pid) = process(cluster, pod);
    // One that has ended may wait for the first process to take note of it.
    fs::read_to_string(format!("/proc/{first}/root/proc/{pid}/status"))
        .is_ok_and(|status| !status.contains("State:\tZ"))
}

fn signal(cluster: &Cluster, pod: &str, signal: &str) {
    let (first, pid) = process(cluster, pod);
    let kill = ["--target", &first, "--pid", "--mount", "kill", &format!("-{signal}"), &pid];
    let status = Command::new("nsenter").args(kill).status().expect("nsenter can be started");
    assert!(status.success(), "SIG{signal} cannot be sent to {pod}");
}

fn start_istiods(cluster: &Cluster) {
    let folder = cluster.folder().expect("only the real mesh has one");
    let status = Command::new(format!("{SCRIPTS}/istiod")).arg(folder).arg("canary").status();
    assert!(status.expect("tests/real/istiod can be started").success(), "the istiods do not start again");
}

/// Waits until a control plane that was disturbed is not blamed any more: a proxy whose istiod was gone tries again in its own time.
#[track_caller]
pub fn until_well(cluster: &Cluster, namespace: &str) {
    eventually("every istiod answers, and every proxy has one", Duration::from_secs(60), || {
        let outcome = cluster.meshbook(&["run", PLANE, "-n", namespace]);
        if outcome.code == 0 { Ok(()) } else { Err(outcome.to_string()) }
    });
}

/// Asks until it is so.
#[track_caller]
fn eventually(what: &str, limit: Duration, mut look: impl FnMut() -> Result<(), String>) {
    let from = Instant::now();
    while let Err(seen) = look() {
        assert!(from.elapsed() < limit, "not after {} s: {what}; last seen: {seen}", limit.as_secs());
        thread::sleep(Duration::from_millis(200));
    }
}

/// Sets right what a test has broken, also if it fails.
pub struct Finally<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
