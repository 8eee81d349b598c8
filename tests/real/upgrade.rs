//! Two real revisions: a namespace of its own goes (`label_for`) to the canary and back by the real webhooks; and a revision that real
//! proxies are connected to is not removed; and a workload that does worse on the canary goes back, while what passed stays.

use serde_json::Value;

use crate::cluster::Cluster;
use crate::control_plane::{CANARY, Finally, until_well};
use crate::kept::Kept;
use crate::load::{Load, Pace};

const NAMESPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/upgrade/canary-namespace.rhai");
const PROMOTE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/upgrade/promote.rhai");
const RETIRE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/upgrade/retire.rhai");

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn a_namespace_goes_to_the_canary_and_back_and_a_revision_in_use_stays() {
    let _alone = CANARY.lock();
    let real = Cluster::real();
    until_well(&real, "summit-canary");
    real.kubectl(&["create", "namespace", "summit-new"]).ok();
    let _gone = Finally(|| drop(real.kubectl(&["delete", "namespace", "summit-new", "--wait=false"])));
    real.kubectl(&["label", "namespace", "summit-new", "istio-injection=enabled"]).ok();
    assert_eq!(injected(&real), "default");

    let moved = real.meshbook(&["run", NAMESPACE, "revision=canary", "-n", "summit-new", "--approve", "namespace"]);
    println!("{}", moved.stdout);
    assert_eq!(moved.code, 0, "{moved}");
    let record = real.newest_record();
    assert_eq!((record.ending(), record.changed()), ("fixed", vec!["summit-new"]), "{moved}");
    assert_eq!(injected(&real), "canary", "a real webhook of the revision answers");
    let labels = |name: &str| real.object("", "namespace", "summit-new")["metadata"]["labels"][name].clone();
    assert_eq!((labels("istio.io/rev"), labels("istio-injection")), ("canary".into(), Value::Null));

    let undone = real.meshbook(&["undo", &record.run]);
    assert_eq!(undone.code, 0, "{undone}");
    assert_eq!((labels("istio.io/rev"), labels("istio-injection")), (Value::Null, "enabled".into()));
    assert_eq!(injected(&real), "default");

    let everything = "mutatingwebhookconfiguration,validatingwebhookconfiguration,deployment,service";
    let kept = real.meshbook(&["run", RETIRE, "revision=canary", "successor=default", "--approve", everything]);
    println!("{}", kept.stdout);
    assert_eq!(kept.code, 1, "{kept}");
    let record = real.newest_record();
    assert!(record.said().contains("old revision in use") && record.changed().is_empty(), "{kept}");
    assert!(kept.stdout.contains("Namespace summit-canary"), "{kept}");
}

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn a_workload_that_does_worse_on_the_canary_goes_back_by_prometheus() {
    let _alone = CANARY.lock();
    let real = Cluster::real();
    until_well(&real, "summit-canary");
    let served = Kept::running(&real, "summit-worse", "istio-injection: enabled", ("backend 0.02 1000 canary", ""));
    // After it, so that their pods know its name.
    let callers = Kept::new(&real, "summit-asks", "istio-injection: enabled");
    let pace = Pace { callers: 4, pause: 50, seconds: 900 };
    let load = Load::between(&real, (callers.namespace, served.namespace), "graph-core", pace, 2000);
    let args = ["run", PROMOTE, "revision=canary", "soak=30s", "look_back=30s", "idle=true", "-n", served.namespace];
    let outcome = real.meshbook(&[&args[..], &["--approve", "namespace,deployment"]].concat());
    println!("{outcome}");
    assert_eq!(outcome.code, 5, "{outcome}");
    served.until_rolled_out();
    assert_eq!(served.revisions_of("app=graph-core"), ["default"], "it is as before, with the old sidecar: {outcome}");
    assert_eq!(served.revisions_of("app=front"), ["canary"], "it was proved, and stays: {outcome}");
    let labels = real.object("", "namespace", served.namespace)["metadata"]["labels"].clone();
    assert_eq!((&labels["istio.io/rev"], &labels["istio-injection"]), (&Value::Null, &"enabled".into()));
    drop(load);
    let after = Load::between(&real, (callers.namespace, served.namespace), "graph-core", pace, 400).stop();
    println!("after it: {after:?}");
    assert_eq!(after.failed(), 0, "it serves again");
}

/// The revision whose webhook gives a new pod of the namespace its sidecar.
fn injected(real: &Cluster) -> String {
    let pod = ["run", "new", "--image=app", "-n", "summit-new", "--dry-run=server", "-o", "json"];
    let pod: Value = serde_json::from_str(&real.kubectl(&pod).ok()).expect("kubectl prints JSON");
    pod["metadata"]["annotations"]["istio.io/rev"].as_str().unwrap_or("no revision").to_owned()
}
