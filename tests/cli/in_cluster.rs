//! Inside a pod: the service account's files and the API server's address from the environment, and nothing else.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use meshbook_lab::{Lab, Pace, World};
use serde_json::json;
use tokio::runtime::Runtime;

use super::served::LOOK;
use super::{Called, Desk, mounts};

/// Where kubelets put them.
const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A lab in this process, and a pod from which it is reached.
struct Pod {
    runtime: Runtime,
    lab: Lab,
    desk: Desk,
}

impl Pod {
    fn new() -> Pod {
        // rustls takes the first provider that is installed; a second one would only be this one again.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = Runtime::new().unwrap();
        let world = World::named("healthy").unwrap();
        let lab = runtime.block_on(Lab::start(world, Pace::Wall { speed: 20.0 })).unwrap();
        let desk = Desk::new();
        std::fs::create_dir(desk.path().join("serviceaccount")).unwrap();
        let pod = Pod { runtime, lab, desk };
        pod.give("token", &pod.lab.server().admin_token());
        pod.give("ca.crt", pod.lab.server().certificate_authority());
        pod.give("namespace", "summit");
        pod
    }

    /// Puts a file into the service account's folder at once, as a kubelet does.
    fn give(&self, name: &str, text: &str) {
        let folder = self.desk.path().join("serviceaccount");
        std::fs::write(folder.join("next"), text).unwrap();
        std::fs::rename(folder.join("next"), folder.join(name)).unwrap();
    }

    /// A call of meshbook in the pod; `None` where this machine allows no mounts.
    fn command(&self, args: &[&str]) -> Option<Command> {
        let files = self.desk.path().join("serviceaccount");
        let setup =
            format!("mount -t tmpfs none /var/run\nmkdir -p {MOUNT}\nmount --bind '{}' {MOUNT}", files.display());
        let mut command = mounts::call(&self.desk, &setup, args, "")?;
        command.env("KUBERNETES_SERVICE_HOST", "127.0.0.1");
        command.env("KUBERNETES_SERVICE_PORT", self.lab.address().port().to_string());
        Some(command)
    }

    fn call(&self, args: &[&str]) -> Option<Called> {
        self.command(args).map(|mut command| Called::of(&command.output().unwrap()))
    }

    fn limit(&self) -> serde_json::Value {
        let rule = self.lab.store().get("networking.istio.io", "destinationrules", "summit", "catalog").unwrap();
        rule["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["maxConnections"].clone()
    }
}

#[test]
fn a_pod_needs_nothing_but_its_service_account() {
    let pod = Pod::new();
    let script = pod.desk.file("look.rhai", LOOK);
    let Some(called) = pod.call(&["run", &script]) else { return };
    let port = pod.lab.address().port();
    let called = called.exits(0).says(&format!("LIVE in-cluster (https://127.0.0.1:{port})")).says("namespace summit");
    called.says(&format!("limit {}", pod.limit()));
    pod.call(&["run", &script, "--context", "in-cluster"]).unwrap().exits(0);
    // A pod may also bring a kubeconfig: that is what is meant then.
    let mut other = pod.command(&["run", &script]).unwrap();
    other.env("KUBECONFIG", pod.desk.file("config", &pod.lab.kubeconfig()));
    Called::of(&other.output().unwrap()).exits(0).says("LAB lab-healthy");
}

/// Sets a limit, and waits until somebody else has labelled the rule.
const SET_AND_WAIT: &str = r#"//! Sets a limit and waits.
step "Set it" {
    k8s::patch("destinationrule", "catalog", #{ spec: #{ trafficPolicy: #{ connectionPool: #{ tcp: #{ maxConnections: 7 } } } } });
    wait 2h until { k8s::get("destinationrule", "catalog").field("spec.host") == "catalog.summit" };
    k8s::label("destinationrule", "catalog", #{ seen: "yes" });
    check("it is labelled", true);
}
fixed("all is set");
"#;

#[test]
fn a_token_that_runs_out_within_a_run_is_read_anew() {
    let pod = Pod::new();
    let script = pod.desk.file("wait.rhai", SET_AND_WAIT);
    let Some(mut command) = pod.command(&["run", &script, "--approve", "destinationrule"]) else { return };
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut report = BufReader::new(process.stdout.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("made") {
        assert!(
            report.read_line(&mut seen).unwrap() > 0,
            "it ended too early: {seen}\n{:?}",
            process.wait_with_output()
        );
    }
    // A kubelet has the new token in the file before the old one has run out.
    let old = pod.lab.server().admin_token();
    pod.give("token", &pod.lab.server().rotate_admin_token().unwrap());
    assert_ne!(old, pod.lab.server().admin_token());
    let store = pod.lab.store();
    let rule = store.get("networking.istio.io", "destinationrules", "summit", "catalog").unwrap();
    let mut rule = (*rule).clone();
    rule["spec"]["host"] = json!("catalog.summit");
    store.put(rule, "somebody");
    report.read_to_string(&mut seen).unwrap();
    let called = Called::of(&process.wait_with_output().unwrap());
    assert_eq!(called.code, 0, "{seen}\n{called}");
    assert!(seen.contains("Fixed: all is set") && !seen.contains(&old), "{seen}");
    assert_eq!(pod.limit(), 7);
}

#[test]
fn a_service_account_that_cannot_be_used_says_why_and_changes_nothing() {
    let pod = Pod::new();
    let before = pod.limit();
    let script = pod.desk.file("wait.rhai", SET_AND_WAIT);
    let args = ["run", &script, "--approve", "destinationrule"];
    pod.give("token", "of-yesterday");
    let Some(called) = pod.call(&args) else { return };
    let called = called.exits(3).says("meshbook::cluster::unauthorized").says("changed  nothing");
    assert!(!called.stdout.contains("of-yesterday") && !called.stderr.contains("of-yesterday"), "{called}");

    pod.give("token", &pod.lab.server().admin_token());
    let account = |name: &str| pod.desk.path().join("serviceaccount").join(name);
    let without = |name: &str, call: &dyn Fn() -> Called| {
        let (there, away) = (account(name), account(&format!("{name}.away")));
        std::fs::rename(&there, &away).unwrap();
        let called = call();
        std::fs::rename(away, there).unwrap();
        called
    };
    let unread = "failed to read token file";
    without("token", &|| pod.call(&args).unwrap()).exits(3).says(unread).says("meshbook::cluster::unauthorized");
    for name in ["ca.crt", "namespace"] {
        let called = without(name, &|| pod.call(&args).unwrap()).exits(2).says("meshbook::config");
        called.says(&format!("its file `{name}` cannot be read: No such file or directory"));
    }
    pod.give("ca.crt", "no certificate");
    pod.call(&args).unwrap().exits(2).says("meshbook::config");
    // Another cluster's authority: nothing is sent to a server that cannot prove itself.
    let other = pod.runtime.block_on(Lab::start(World::named("healthy").unwrap(), Pace::Virtual)).unwrap();
    pod.give("ca.crt", other.server().certificate_authority());
    pod.call(&args).unwrap().exits(4).says("no trusted connection").says("changed  nothing");
    pod.give("ca.crt", pod.lab.server().certificate_authority());
    let mut command = pod.command(&args).unwrap();
    command.env_remove("KUBERNETES_SERVICE_PORT");
    Called::of(&command.output().unwrap()).exits(2).says("KUBERNETES_SERVICE_PORT").says("meshbook::config");
    assert!(Path::new(&account("token")).exists());
    assert_eq!(pod.limit(), before);
}
