//! Applications whose pods have processes through every rollout, see `tests/real/kubelet`.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::Cluster;

/// `front`, and two pods of `graph-core`.
const OBJECTS: &str = include_str!("app/kept.yaml");

/// A namespace with them, deleted with the test.
pub struct Kept<'a> {
    cluster: &'a Cluster,
    pub namespace: &'static str,
}

impl<'a> Kept<'a> {
    /// Makes the namespace with a label, and waits until the pods are ready.
    #[track_caller]
    pub fn new(cluster: &'a Cluster, namespace: &'static str, label: &str) -> Self {
        Kept::running(cluster, namespace, label, ("backend", ""))
    }

    /// The same with other applications: in the pods of `graph-core`, and in that of `front`, which has none else.
    #[track_caller]
    pub fn running(
        cluster: &'a Cluster,
        namespace: &'static str,
        label: &str,
        (application, caller): (&str, &str),
    ) -> Self {
        let kept = Kept { cluster, namespace };
        let objects = OBJECTS.replace("NAMESPACE", namespace).replace("INJECTION", label);
        apply(cluster, &objects.replace("APPLICATION", application).replace("CALLER", &format!("\"{caller}\"")));
        kept.until_rolled_out();
        kept
    }

    /// Waits for the pods of both Deployments.
    #[track_caller]
    pub fn until_rolled_out(&self) {
        let rollout = ["rollout", "status", "-n", self.namespace, "--timeout=90s"];
        for deployment in ["deploy/graph-core", "deploy/front"] {
            self.cluster.kubectl(&[&rollout[..], &[deployment]].concat()).ok();
        }
    }

    /// The revisions whose sidecars its pods have, each once; `none` for a pod without.
    #[track_caller]
    pub fn revisions(&self) -> Vec<String> {
        self.revisions_of("app")
    }

    /// The same of those pods that a selector of labels finds.
    #[track_caller]
    pub fn revisions_of(&self, labels: &str) -> Vec<String> {
        let pods = self.cluster.kubectl(&["get", "pods", "-n", self.namespace, "-l", labels, "-o", "json"]).ok();
        let pods: Value = serde_json::from_str(&pods).expect("kubectl prints JSON");
        let pods = pods["items"].as_array().expect("it is a list").iter();
        let present = pods.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        let revision =
            |pod: &Value| pod["metadata"]["annotations"]["istio.io/rev"].as_str().unwrap_or("none").to_owned();
        let mut revisions: Vec<_> = present.map(revision).collect();
        revisions.sort();
        revisions.dedup();
        revisions
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        // The cluster may have ended before: then there is nothing to delete.
        self.cluster.kubectl(&["delete", "namespace", self.namespace, "--wait=false"]);
    }
}

/// `kubectl apply` of objects that a test has written.
#[track_caller]
pub fn apply(cluster: &Cluster, objects: &str) {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("objects.yaml");
    fs::write(&file, objects).expect("the folder can be written");
    cluster.kubectl(&["apply", "-f", &file.to_string_lossy()]).ok();
}
