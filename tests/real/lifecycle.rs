//! A cluster of its own from its first installation on: empty, installed, wiped and restored, upgraded under load, and the old
//! revision removed; by `apply`, `scale`, `write`, `restore`, `move_to`, `make_default` and `remove`, each of which is undone
//! as well. `kubelet` gives istiods and applications their processes, so that nothing counts as ready that is not.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Instant;

use meshbook_lab::crd::Catalog;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Outcome, Record, SCRIPTS};
use crate::gateways::make_scale_and_take_back;
use crate::kept::{Kept, apply};
use crate::load::{Load, Pace};

const RUNBOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks");
/// The kinds of the objects of an installation.
const KINDS: &str = "customresourcedefinition,namespace,serviceaccount,clusterrole,clusterrolebinding,role,rolebinding,configmap,service,poddisruptionbudget,deployment,horizontalpodautoscaler,mutatingwebhookconfiguration,validatingwebhookconfiguration";
/// The tag, because a build of Istio's master names images of its own; the label, because `kubelet` looks for it.
const VALUES: &str = "values=meshConfig.accessLogFile=/dev/stdout values.telemetry.enabled=false tag=1.31.0 values.pilot.podLabels.kubelet=real";

/// What people write, in a namespace that is lost.
const WRITTEN: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: lost, labels: {istio-injection: enabled}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ledger, namespace: lost, annotations: {owner: ledger}}
spec:
  host: ledger.lost.svc.cluster.local
  trafficPolicy: {connectionPool: {tcp: {maxConnections: 100}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ledger, namespace: lost}
spec:
  hosts: [ledger.lost.svc.cluster.local]
  http:
  - timeout: 3s
    route: [{destination: {host: ledger.lost.svc.cluster.local}}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: lost}
spec: {mtls: {mode: STRICT}}
";

/// Runs a runbook; it has to end in this word.
#[track_caller]
fn run(cluster: &Cluster, runbook: &str, args: &[&str], ending: &str) -> (Outcome, Record) {
    let path = format!("{RUNBOOKS}/{runbook}.rhai");
    let from = Instant::now();
    let outcome = cluster.meshbook(&[&["run", &path], args].concat());
    println!("{runbook}: {:.1} s\n{}", from.elapsed().as_secs_f64(), outcome.stdout);
    let record = cluster.newest_record();
    assert_eq!(record.ending(), ending, "{runbook}: {outcome}");
    (outcome, record)
}

#[track_caller]
fn undo(cluster: &Cluster, record: &Record) {
    let undone = cluster.meshbook(&["undo", &record.run]);
    assert_eq!(undone.code, 0, "{undone}");
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

/// What people have written of the mesh, without what the server writes beside it.
fn written(cluster: &Cluster) -> BTreeMap<String, Value> {
    let kinds = "destinationrules,virtualservices,peerauthentications,namespaces";
    let list = cluster.kubectl(&["get", kinds, "-A", "-o", "json"]).ok();
    let list: Value = serde_json::from_str(&list).expect("kubectl prints JSON");
    let items = list["items"].as_array().expect("it is a list").iter().map(|item| {
        let mut metadata = item["metadata"].clone();
        // That kubectl has applied it before is not what was written.
        if let Some(annotations) = metadata["annotations"].as_object_mut() {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
        metadata["annotations"] =
            if metadata["annotations"] == json!({}) { Value::Null } else { metadata["annotations"].take() };
        let spec = if item["kind"] == "Namespace" { Value::Null } else { item["spec"].clone() };
        let content = json!({ "labels": metadata["labels"], "annotations": metadata["annotations"], "spec": spec });
        (format!("{} {}/{}", item["kind"], metadata["namespace"], metadata["name"]), content)
    });
    items.collect()
}

/// The CustomResourceDefinitions of the Gateway API, which Istio's installation leaves to the cluster.
fn definitions_of_the_gateway_api() -> String {
    let of = |one: &&Value| one["spec"]["group"] == "gateway.networking.k8s.io";
    let items: Vec<&Value> = Catalog::get().definitions().iter().filter(of).collect();
    json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()
}

fn installs_and_takes_back(bare: &Cluster) {
    let empty = istio_objects(bare);
    run(bare, "installation/precheck", &[], "not_this");
    let from = Instant::now();
    // With an ingress gateway; the cluster's second installation is the profile `minimal`.
    let with_gateway = format!(
        "{VALUES} components.ingressGateways[0].name=istio-ingressgateway components.ingressGateways[0].enabled=true components.ingressGateways[0].label.kubelet=real"
    );
    let wanted = ["profile=default", &with_gateway];
    let runbook = format!("{RUNBOOKS}/installation/install.rhai");
    let planned = bare.meshbook(&[&["plan", &runbook], &wanted[..]].concat());
    println!("plan: {:.1} s\n{}", from.elapsed().as_secs_f64(), planned.stdout);
    assert_eq!(planned.code, 0, "{planned}");
    assert_eq!(istio_objects(bare), empty, "a plan makes nothing");

    let install = [&wanted[..], &["--approve", KINDS]].concat();
    let (_, first) = run(bare, "installation/install", &install, "fixed");
    assert!(first.changed().contains(&"istio-ingressgateway"), "{:?}", first.changed());
    let mesh = bare.object("istio-system", "configmap", "istio")["data"]["mesh"].to_string();
    assert!(mesh.contains("otel-tracing"), "the values of the file are in it: {mesh}");
    run(bare, "installation/validate", &[], "not_this");
    let (_, again) = run(bare, "installation/install", &install, "not_this");
    assert!(again.changed().is_empty(), "{:?}", again.changed());
    let second = installs_a_canary(bare);
    undo(bare, &second);
    // What stands for the kubelet in this cluster keeps objects of its own beside the pods: a real node has them in itself.
    let of_kwok = "execs.kwok.x-k8s.io,logs.kwok.x-k8s.io,portforwards.kwok.x-k8s.io";
    bare.kubectl(&["delete", of_kwok, "--all", "-n", "istio-system"]).ok();
    undo(bare, &first);
    assert_eq!(istio_objects(bare), empty, "a cluster that was empty before is empty after");
}

fn installs_a_canary(bare: &Cluster) -> Record {
    let canary = ["version=1.31.0", "revision=canary", VALUES, "--approve", KINDS];
    let (_, record) = run(bare, "upgrade/canary-install", &canary, "fixed");
    assert!(record.changed().iter().all(|name| !name.contains("default")), "{:?}", record.changed());
    run(bare, "upgrade/canary-verify", &["revision=canary"], "not_this");
    run(bare, "installation/validate", &[], "not_this");
    record
}

/// The cluster has a real controller of HorizontalPodAutoscalers, and no metrics: it keeps the minimum.
fn scales_its_control_plane(bare: &Cluster) {
    let more = ["replicas=2", "-n", "istio-system", "--approve", "horizontalpodautoscaler"];
    let (_, record) = run(bare, "day2/scale-control-plane", &more, "fixed");
    assert_eq!(record.changed(), ["istiod"], "the autoscaler, not the Deployment it would set back");
    let deployment = bare.object("istio-system", "deployment", "istiod");
    assert_eq!((&deployment["spec"]["replicas"], &deployment["status"]["readyReplicas"]), (&json!(2), &json!(2)));
    undo(bare, &record);
    assert_eq!(bare.object("istio-system", "hpa", "istiod")["spec"]["minReplicas"], 1);
}

fn loses_what_people_wrote_and_gets_it_back(bare: &Cluster) {
    apply(bare, WRITTEN);
    let before = written(bare);
    let (_, backup) = run(bare, "disaster-recovery/backup", &["name=whole", "--approve", "file"], "fixed");
    undo(bare, &backup);
    run(bare, "disaster-recovery/backup", &["name=whole", "--approve", "file"], "fixed");
    bare.kubectl(&["delete", "namespace", "lost", "--wait=true", "--timeout=60s"]).ok();
    assert_ne!(written(bare), before);
    let kinds = "namespace,destinationrule,virtualservice,peerauthentication";
    let restore = || run(bare, "disaster-recovery/restore", &["name=whole", "--approve", kinds], "fixed").1;
    let restored = restore();
    assert_eq!(written(bare), before, "what was restored is what was there");
    undo(bare, &restored);
    bare.kubectl(&["wait", "namespace/lost", "--for=delete", "--timeout=30s"]).ok();
    restore();
    assert_eq!(written(bare), before, "and once more");
    run(bare, "disaster-recovery/restore", &["name=whole", "--approve", kinds], "not_this");
}

fn moves_under_load(bare: &Cluster) {
    let served = Kept::new(bare, "summit", "istio-injection: enabled");
    // After it, so that their pods know its name.
    let callers = Kept::new(bare, "callers", "istio-injection: enabled");
    for step in ["start", "publish"] {
        let prometheus = Command::new(format!("{SCRIPTS}/prometheus")).args(bare.folder()).arg(step).output();
        Outcome::of(prometheus.expect("tests/real/prometheus can be started")).ok();
    }
    let pace = Pace { callers: 4, pause: 50, seconds: 900 };
    let load = Load::between(bare, (callers.namespace, served.namespace), "graph-core", pace, 2000);
    let approved = ["-n", "summit", "--approve", "namespace,deployment"];
    // `front` sends nothing here, which `idle` allows.
    let to_canary = ["revision=canary", "soak=20s", "look_back=30s", "idle=true"];
    let (promoted, _) = run(bare, "upgrade/promote", &[&to_canary[..], &approved].concat(), "fixed");
    assert!(promoted.stdout.contains("requests to graph-core.summit failed"), "its health is counted: {promoted}");
    assert_eq!(served.revisions(), ["canary"]);
    run(bare, "upgrade/rollback", &[&["soak=5s"], &approved[..]].concat(), "fixed");
    assert_eq!(served.revisions(), ["default"]);
    let kinds = "mutatingwebhookconfiguration,validatingwebhookconfiguration,deployment,service,horizontalpodautoscaler,clusterrole,clusterrolebinding,role,rolebinding,configmap,serviceaccount";
    let retire = ["revision=default", "successor=canary", "--approve", kinds];
    let (kept, record) = run(bare, "upgrade/retire", &retire, "found");
    assert!(record.said().contains("old revision in use") && record.changed().is_empty(), "{kept}");
    let to_canary = ["revision=canary", "soak=5s", "look_back=30s", "idle=true"];
    run(bare, "upgrade/promote", &[&to_canary[..], &approved].concat(), "fixed");
    let answers = load.stop();
    println!("there, back and there again: {answers:?}");
    assert!(answers.failed() * 1000 <= answers.ok, "{answers:?}");

    let approved = ["-n", "callers", "--approve", "namespace,deployment"];
    let promote = || run(bare, "upgrade/promote", &[&to_canary[..], &approved].concat(), "fixed").1;
    undo(bare, &promote());
    callers.until_rolled_out();
    assert_eq!(callers.revisions(), ["default"]);
    promote();
    let (_, retired) = run(bare, "upgrade/retire", &retire, "fixed");
    let labelled = bare.kubectl(&["get", "mutatingwebhookconfigurations", "-o", "name"]).ok();
    assert!(!labelled.contains("istio-sidecar-injector\n"), "{labelled}");
    run(bare, "installation/validate", &["revision=canary"], "not_this");
    assert_eq!(injected(bare), "canary", "istio-injection=enabled means the revision that stays");
    undo(bare, &retired);
    bare.kubectl(&["rollout", "status", "deploy/istiod", "-n", "istio-system", "--timeout=60s"]).ok();
    assert_eq!(injected(bare), "default");
}

/// The revision whose webhook gives a new pod of namespace `lost` its sidecar.
fn injected(bare: &Cluster) -> String {
    let pod = ["run", "new", "--image=app", "-n", "lost", "--dry-run=server", "-o", "json"];
    let pod: Value = serde_json::from_str(&bare.kubectl(&pod).ok()).expect("kubectl prints JSON");
    pod["metadata"]["annotations"]["istio.io/rev"].as_str().unwrap_or("no revision").to_owned()
}

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn a_mesh_of_its_own_is_installed_restored_upgraded_under_load_and_its_old_revision_removed() {
    let bare = Cluster::bare();
    // istiod looks for them when it starts.
    apply(&bare, &definitions_of_the_gateway_api());
    installs_and_takes_back(&bare);
    run(&bare, "installation/install", &[VALUES, "--approve", KINDS], "fixed");
    scales_its_control_plane(&bare);
    make_scale_and_take_back(&bare);
    loses_what_people_wrote_and_gets_it_back(&bare);
    installs_a_canary(&bare);
    moves_under_load(&bare);
}
