//! Ingress gateways of both kinds, with real Envoys behind them: made, reached, scaled beside a real autoscaler, and taken
//! back whole where no load balancer gives them an address. By `k8s::create_missing`, which is undone as well.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::control_plane::Finally;
use crate::kept::apply;

const RUNBOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks");
const SCALE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/day2/scale-gateway.rhai");
/// The kinds of what a gateway consists of.
const KINDS: &str = "serviceaccount,role,rolebinding,service,deployment,horizontalpodautoscaler,gateway";
/// The address that the load balancer gives (RFC 5737).
const ADDRESS: &str = "203.0.113.30";

/// The runbook with its resources, edited as people edit theirs: `kubelet` gives a process to pods of its label alone.
pub struct Edited(TempDir);

impl Edited {
    pub fn new() -> Self {
        let tree = TempDir::new().expect("a temporary folder");
        let resources = tree.path().join("resources");
        fs::create_dir(&resources).expect("the folder can be written");
        let read =
            |file: &str| fs::read_to_string(format!("{RUNBOOKS}/{file}")).expect("it is a file of the repository");
        fs::write(tree.path().join("gateways.rhai"), read("installation/gateways.rhai"))
            .expect("the folder can be written");
        for (file, place, label) in [
            ("ingress-gateway.yaml", "sidecar.istio.io/inject: \"true\"", "\n        kubelet: real"),
            ("gateway-api.gateway.yaml", "gatewayClassName: istio", "\n  infrastructure: {labels: {kubelet: real}}"),
        ] {
            let text = read(&format!("resources/{file}"));
            assert!(text.contains(place), "{file} has no {place}");
            fs::write(resources.join(file), text.replace(place, &format!("{place}{label}")))
                .expect("the folder can be written");
        }
        Edited(tree)
    }

    /// The runbook.
    pub fn path(&self) -> String {
        PathBuf::from(self.0.path()).join("gateways.rhai").display().to_string()
    }
}

/// Does something while every Service of a namespace that asks for a load balancer gets an address.
pub fn with_load_balancer<T>(cluster: &Cluster, namespace: &str, work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                give_addresses(cluster, namespace);
                thread::sleep(Duration::from_millis(500));
            }
        });
        let _end = Finally(|| done.store(true, Ordering::Relaxed));
        work()
    })
}

fn give_addresses(cluster: &Cluster, namespace: &str) {
    let services = cluster.kubectl(&["get", "services", "-n", namespace, "-o", "json"]);
    let services: Value = serde_json::from_str(&services.stdout).unwrap_or_default();
    let asks =
        |service: &&Value| service["spec"]["type"] == "LoadBalancer" && service["status"]["loadBalancer"] == json!({});
    for name in services["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(asks)
        .filter_map(|one| one["metadata"]["name"].as_str())
    {
        let status = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": ADDRESS }] } } }).to_string();
        let patch = ["patch", "service", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", &status];
        // It may be gone again already.
        cluster.kubectl(&patch);
    }
}

/// Makes gateways in a namespace of their own, scales one, and takes everything back. While they come up the installation is
/// not whole, so that this runs where nobody else looks at it.
#[track_caller]
pub fn make_scale_and_take_back(cluster: &Cluster) {
    apply(cluster, "apiVersion: v1\nkind: Namespace\nmetadata: {name: ingress}\n");
    let tree = Edited::new();
    let make = || {
        let runbook = tree.path();
        let args = ["run", &runbook, "-n", "ingress", "--approve", KINDS];
        with_load_balancer(cluster, "ingress", || cluster.meshbook(&args))
    };
    let made = make();
    println!("{made}");
    let record = cluster.newest_record();
    assert_eq!((made.code, record.ending()), (0, "fixed"), "{made}");
    assert!(made.stdout.contains(ADDRESS), "its address is shown: {made}");
    let again = make();
    assert_eq!((again.code, cluster.newest_record().ending()), (0, "not_this"), "{again}");

    let scaled =
        cluster.meshbook(&["run", SCALE, "replicas=3", "-n", "ingress", "--approve", "horizontalpodautoscaler"]);
    println!("{scaled}");
    let scaling = cluster.newest_record();
    assert_eq!((scaled.code, scaling.ending()), (0, "fixed"), "{scaled}");
    let ready = || cluster.object("ingress", "deployment", "istio-ingressgateway")["status"]["readyReplicas"].clone();
    assert_eq!(ready(), 3, "the controller keeps the minimum that was set");
    for run in [&scaling.run, &record.run] {
        cluster.meshbook(&["undo", run]).ok();
    }
    // What istiod has made of a Gateway, the cluster's garbage collector deletes after it.
    cluster.kubectl(&["wait", "deployment", "--all", "-n", "ingress", "--for=delete", "--timeout=60s"]);
    let left =
        cluster.kubectl(&["get", "service,deployment,horizontalpodautoscaler", "-n", "ingress", "-o", "name"]).ok();
    assert_eq!(left.trim(), "", "all of it was made by the run");
}

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn a_gateway_without_an_address_is_taken_back_from_a_real_api_server() {
    let real = Cluster::real();
    // Nothing in this cluster makes load balancers. The namespace is made by the run (`create`), and stays: it is proved.
    let runbook = format!("{RUNBOOKS}/installation/gateways.rhai");
    let kinds = format!("namespace,{KINDS}");
    let args = ["run", &runbook, "gateway_api=false", "patience=5s", "-n", "no-address", "--approve", &kinds];
    let outcome = real.meshbook(&args);
    println!("{}", outcome.stdout);
    assert_eq!(outcome.code, 5, "{outcome}");
    assert!(outcome.stdout.contains("its load balancer has no address yet"), "{outcome}");
    let kinds = "serviceaccount,role,rolebinding,service,deployment,horizontalpodautoscaler";
    let left = real.kubectl(&["get", kinds, "-n", "no-address", "-o", "name"]).ok();
    assert!(!left.contains("istio-ingressgateway"), "everything that was made is deleted again, not: {left}");
    let label = real.object("", "namespace", "no-address")["metadata"]["labels"]["istio-injection"].clone();
    assert_eq!(label, "enabled");
    let record = real.newest_record();
    real.meshbook(&["undo", &record.run]).ok();
    let gone = real.kubectl(&["wait", "namespace", "no-address", "--for=delete", "--timeout=60s"]);
    assert_eq!(gone.code, 0, "{gone}");
}
