//! The manual's own patch of Scenario 2 (High Latency) drops the route of the VirtualService. istiod's webhook refuses it.

use std::fs;

use crate::cluster::{Cluster, SUMMIT};

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn wrong_patch_of_the_manual_is_refused_with_its_reason() {
    let _alone = SUMMIT.lock();
    let cluster = Cluster::real();
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let runbook = folder.path().join("fewer-retries.rhai");
    fs::write(
        &runbook,
        r#"step "Reduce the retries, as the manual says" {
    k8s::patch("VirtualService", "graph-core", #{ spec: #{ http: [#{ retries: #{ attempts: 2, perTryTimeout: "1s" } }] } });
}
found("retries", "they were reduced");
"#,
    )
    .expect("the folder can be written");
    let before = cluster.object("summit", "virtualservice", "graph-core");

    let outcome = cluster.meshbook(&["run", &runbook.to_string_lossy(), "-n", "summit", "--approve", "virtualservice"]);
    println!("{outcome}");

    assert_eq!(outcome.code, 3, "{outcome}");
    // The frame around a diagnostic may break the line anywhere.
    let said: String = outcome
        .stderr
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == ' ')
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        said.contains("HTTP route redirect or directresponse is required"),
        "istiod's reason is missing:\n{outcome}"
    );
    assert!(said.contains("VirtualService summitgraphcore"), "the object is not named:\n{outcome}");
    assert_eq!(
        cluster.object("summit", "virtualservice", "graph-core"),
        before,
        "nothing was changed, not even the resourceVersion"
    );
}
