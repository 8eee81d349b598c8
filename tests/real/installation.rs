//! A real installation of two revisions: whole, and its webhooks give a new pod its sidecar; what people have written of it
//! is kept in a file. And an installation by meshbook itself: into an empty cluster, with a canary beside it.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use meshbook_lab::world::rendering;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Outcome, SCRIPTS};
use crate::control_plane::{CANARY, until_well};

const VALIDATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/installation/validate.rhai");
const VERIFY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/upgrade/canary-verify.rhai");
const INSTALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/installation/install.rhai");
const PRECHECK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/installation/precheck.rhai");
const CANARY_INSTALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/upgrade/canary-install.rhai");
/// The kinds of the objects of an installation.
const KINDS: &str = "customresourcedefinition,namespace,serviceaccount,clusterrole,clusterrolebinding,role,rolebinding,configmap,service,poddisruptionbudget,deployment,horizontalpodautoscaler,mutatingwebhookconfiguration,validatingwebhookconfiguration";
const BACKUP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/disaster-recovery/backup.rhai");

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn the_installation_is_whole_and_kept_in_a_file() {
    let _alone = CANARY.lock();
    let real = Cluster::real();
    until_well(&real, "summit-canary");
    for args in [
        &["run", VALIDATE, "-n", "summit-logs"][..],
        &["run", VALIDATE, "revision=canary", "-n", "summit-canary"],
        &["run", VERIFY, "revision=canary", "-n", "summit-canary"],
    ] {
        let outcome = real.meshbook(args);
        println!("{}", outcome.stdout);
        assert_eq!(outcome.code, 0, "{outcome}");
        assert_eq!(real.newest_record().ending(), "not_this", "{outcome}");
    }
    let kept = real.meshbook(&["run", BACKUP, "name=whole", "-n", "summit-logs", "--approve", "file"]);
    println!("{}", kept.stdout);
    assert_eq!(kept.code, 0, "{kept}");
    let file = std::fs::read_to_string(format!("{}/backups/whole", real.home())).expect("the backup was written");
    for part in ["\"kind\":\"DestinationRule\"", "\"name\":\"graph-core\"", "\"name\":\"istio-canary\""] {
        assert!(file.contains(part), "{part} is not in\n{file}");
    }
    for left_out in ["managedFields", "resourceVersion", "/leader", "ca-crl.pem"] {
        assert!(!file.contains(left_out), "{left_out} is in\n{file}");
    }
}

/// Runs meshbook while the istiods of a revision are made real as soon as they have pods: kwok's pods count as ready, and have
/// no process that writes the certificate into the webhooks.
fn with_real_istiods(cluster: &Cluster, revision: &str, args: &[&str]) -> Outcome {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let folder = cluster.folder().expect("it is a real cluster");
            let pods = format!("app=istiod,istio.io/rev={revision}");
            while !done.load(Ordering::SeqCst) {
                let of = ["get", "pods", "-n", "istio-system", "-l", &pods, "-o", "jsonpath={.items[*].status.podIP}"];
                if !cluster.kubectl(&of).stdout.trim().is_empty() {
                    let mut istiod = Command::new(format!("{SCRIPTS}/istiod"));
                    let made = istiod.arg(folder).arg(revision).output().expect("tests/real/istiod can be started");
                    println!("istiod {revision}: {}", String::from_utf8_lossy(&made.stdout));
                    return;
                }
                thread::sleep(Duration::from_millis(200));
            }
        });
        let outcome = cluster.meshbook(args);
        done.store(true, Ordering::SeqCst);
        outcome
    })
}

/// Names of the objects of Istio in a cluster, by kind.
fn istio_objects(cluster: &Cluster) -> BTreeMap<String, Vec<String>> {
    let kinds = [
        "crd",
        "clusterroles",
        "clusterrolebindings",
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "namespaces",
    ];
    let names = |kind: &&str| {
        let list: Value =
            serde_json::from_str(&cluster.kubectl(&["get", kind, "-o", "json"]).ok()).expect("kubectl prints JSON");
        let items = list["items"].as_array().expect("it is a list").iter();
        let names = items.filter_map(|item| item["metadata"]["name"].as_str()).filter(|name| name.contains("istio"));
        ((*kind).to_owned(), names.map(str::to_owned).collect())
    };
    kinds.iter().map(names).collect()
}

/// `apply` makes all of it, and `meshbook undo` takes it back.
#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn an_empty_cluster_is_installed_into_and_gets_a_canary_and_both_can_be_taken_back() {
    let bare = Cluster::bare();
    let empty = istio_objects(&bare);
    let checked = bare.meshbook(&["run", PRECHECK]);
    assert_eq!((checked.code, bare.newest_record().ending()), (0, "not_this"), "{checked}");

    let from = Instant::now();
    let planned = bare.meshbook(&["plan", INSTALL, "values=tag=1.31.0"]);
    println!("plan: {:.1} s\n{}", from.elapsed().as_secs_f64(), planned.stdout);
    assert_eq!(planned.code, 0, "{planned}");
    assert_eq!(istio_objects(&bare), empty, "a plan makes nothing");

    let from = Instant::now();
    let approve = ["--approve", KINDS];
    // The tag, because a build of Istio's master names images of its own.
    let values = "values=meshConfig.accessLogFile=/dev/stdout values.telemetry.enabled=false tag=1.31.0";
    let installed = with_real_istiods(&bare, "default", &[&["run", INSTALL, values], &approve[..]].concat());
    println!("install: {:.1} s\n{}", from.elapsed().as_secs_f64(), installed.stdout);
    assert_eq!(installed.code, 0, "{installed}");
    let first = bare.newest_record();
    assert_eq!(first.ending(), "fixed", "{installed}");
    let validated = bare.meshbook(&["run", VALIDATE]);
    assert_eq!((validated.code, bare.newest_record().ending()), (0, "not_this"), "{validated}");
    let again = bare.meshbook(&[&["run", INSTALL, values], &approve[..]].concat());
    let record = bare.newest_record();
    assert_eq!((again.code, record.ending(), record.changed().len()), (0, "not_this", 0), "{again}");

    let canary = ["run", CANARY_INSTALL, "version=1.31.0", "revision=canary", values, "--approve", KINDS];
    let installed = with_real_istiods(&bare, "canary", &canary);
    println!("canary: {}", installed.stdout);
    assert_eq!(installed.code, 0, "{installed}");
    let second = bare.newest_record();
    assert_eq!(second.ending(), "fixed", "{installed}");
    assert!(second.changed().iter().all(|name| !name.contains("default")), "{:?}", second.changed());
    for args in [&["run", VERIFY, "revision=canary"][..], &["run", VALIDATE]] {
        let outcome = bare.meshbook(args);
        assert_eq!((outcome.code, bare.newest_record().ending()), (0, "not_this"), "{outcome}");
    }

    for run in [&second.run, &first.run] {
        let undone = bare.meshbook(&["undo", run]);
        println!("undo: {}", undone.stdout);
        assert_eq!(undone.code, 0, "{undone}");
    }
    assert_eq!(istio_objects(&bare), empty, "a cluster that was empty before is empty after");
}

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn the_lab_renders_what_istioctl_renders() {
    let real = Cluster::real();
    for (revision, first) in [("default", true), ("some-revision", true), ("some-revision", false)] {
        let mut istioctl = real.command("istioctl");
        // A build of Istio's master names images of its own.
        let images = ["--set=hub=registry.istio.io/release", "--set=tag=1.31.0"];
        istioctl.args(["manifest", "generate", "--set=profile=minimal"]).args(images);
        if revision != "default" {
            istioctl.arg(format!("--revision={revision}"));
        }
        if first {
            istioctl.arg(format!("--set=values.defaultRevision={revision}"));
        }
        let output = istioctl.output().expect("istioctl can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("istioctl prints UTF-8");
        let rendered: Vec<Value> = serde_saphyr::from_multiple(&text).expect("istioctl prints YAML");
        let by_name = |objects: Vec<Value>| -> BTreeMap<String, Value> {
            let objects = objects.into_iter().filter(|object| !object.is_null()).map(|mut object| {
                if object["kind"] == "CustomResourceDefinition" {
                    // The lab has them from istio.io/api, without what is written for people.
                    let versions = object["spec"]["versions"].as_array().cloned().unwrap_or_default();
                    let versions: Vec<Value> = versions.iter().map(|version| version["name"].clone()).collect();
                    object = json!({ "kind": object["kind"], "metadata": { "name": object["metadata"]["name"] },
                        "spec": { "group": object["spec"]["group"], "scope": object["spec"]["scope"], "versions": versions } });
                }
                (format!("{} {}", object["kind"], object["metadata"]["name"]), object)
            });
            objects.collect()
        };
        let (theirs, ours) = (by_name(rendered), by_name(rendering::rendered(revision, first)));
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{revision}, first: {first}");
        for (name, object) in &theirs {
            assert_eq!(&ours[name], object, "{name} of {revision}, first: {first}");
        }
    }
}
