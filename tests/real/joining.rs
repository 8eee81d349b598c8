//! A namespace that joins a real mesh and leaves it: by the labels that the real webhooks look at.

use crate::cluster::Cluster;
use crate::control_plane::{CANARY, until_well};
use crate::kept::apply;

const INJECTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/installation/injection.rhai");

/// A namespace that no other test looks at, and something in it that has no sidecar.
const JOINS: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: joins}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: late, namespace: joins}
spec:
  replicas: 1
  selector: {matchLabels: {app: late}}
  template:
    metadata: {labels: {app: late}}
    spec: {containers: [{name: app, image: app}]}
"#;

/// Whether the real webhooks give a pod a sidecar that kubectl makes in a namespace.
fn is_injected(real: &Cluster, namespace: &str) -> bool {
    let made = real.kubectl(&["run", "tried", "--image=app", "-n", namespace, "--dry-run=server", "-o", "json"]).ok();
    made.contains("\"name\": \"istio-proxy\"")
}

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn a_namespace_joins_changes_its_revision_and_leaves_again() {
    let _alone = CANARY.lock();
    let real = Cluster::real();
    until_well(&real, "summit-canary");
    apply(&real, JOINS);
    real.kubectl(&["rollout", "status", "deploy/late", "-n", "joins", "--timeout=60s"]).ok();
    assert!(!is_injected(&real, "joins"), "nobody has labelled it yet");

    let joined = real.meshbook(&["run", INJECTION, "-n", "joins", "--approve", "namespace"]);
    println!("{}", joined.stdout);
    let record = real.newest_record();
    assert_eq!((joined.code, record.ending()), (1, "found"), "{joined}");
    assert!(record.said().contains("Deployment joins/late"), "who lacks a sidecar is named: {joined}");
    assert!(is_injected(&real, "joins"));

    let moved = real.meshbook(&["run", INJECTION, "revision=canary", "-n", "joins", "--approve", "namespace"]);
    let labels = real.object("joins", "namespace", "joins")["metadata"]["labels"].clone();
    assert_eq!(labels["istio.io/rev"], "canary", "{moved}");
    assert!(labels["istio-injection"].is_null(), "never both: {moved}");
    assert!(is_injected(&real, "joins"));

    for run in [real.newest_record().run, record.run] {
        real.meshbook(&["undo", &run]).ok();
    }
    assert!(!is_injected(&real, "joins"), "both runs are taken back");
}
