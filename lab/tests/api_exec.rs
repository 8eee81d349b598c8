//! kubectl exec into the lab's sidecars.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod api;

use api::kubectl::Kubectl;
use api::{Cluster, summit};

/// kubectl exec into the sidecar of the one pod.
async fn exec(kubectl: &Kubectl, command: &[&str]) -> api::kubectl::Printed {
    let mut arguments = vec!["exec", "graph-core-1", "-c", "istio-proxy", "--"];
    arguments.extend(command);
    kubectl.run(&arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_commands_ask_the_pods_own_ports() {
    let cluster = Cluster::with(&summit()).await;
    let kubectl = Kubectl::of(&cluster);
    let curl = exec(&kubectl, &["curl", "-s", "localhost:15000/ready"]).await;
    assert_eq!((curl.out.as_str(), curl.err.as_str(), curl.ok), ("LIVE\n", "", true));
    let other = exec(&kubectl, &["curl", "http://127.0.0.1:8080/a?b=c"]).await;
    assert_eq!(other.out, "graph-core-1 /a?b=c");
    let agent = exec(&kubectl, &["pilot-agent", "request", "GET", "ready"]).await;
    assert_eq!((agent.out.as_str(), agent.ok), ("LIVE\n\n", true));
    let big = exec(&kubectl, &["pilot-agent", "request", "GET", "big"]).await;
    assert_eq!(big.out.len(), 300_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_ask_at_once() {
    let cluster = Cluster::with(&summit()).await;
    let kubectl = Kubectl::of(&cluster);
    let one = || exec(&kubectl, &["pilot-agent", "request", "GET", "big"]);
    for answer in futures::future::join_all((0..16).map(|_| one())).await {
        assert_eq!((answer.out.len(), answer.err.as_str(), answer.ok), (300_001, "", true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_tells_its_exit_code() {
    let cluster = Cluster::with(&summit()).await;
    let kubectl = Kubectl::of(&cluster);
    let shell = exec(&kubectl, &["sh", "-c", "true"]).await;
    assert!(!shell.ok && shell.err.contains("\"sh\": not found"), "{}", shell.err);
    assert!(shell.err.ends_with("command terminated with exit code 127\n"), "{}", shell.err);
    let refused = exec(&kubectl, &["curl", "localhost:15020/metrics"]).await;
    assert!(refused.err.contains("curl: (7) Failed to connect to localhost port 15020"), "{}", refused.err);
    assert!(refused.err.ends_with("command terminated with exit code 7\n"), "{}", refused.err);
    let refused = exec(&kubectl, &["pilot-agent", "request", "GET", "metrics", "--debug-port", "15020"]).await;
    assert!(refused.err.contains("dial tcp 127.0.0.1:15020: connect: connection refused"), "{}", refused.err);
    let application = kubectl.run(&["exec", "graph-core-1", "-c", "app", "--", "curl", "localhost:15000/ready"]).await;
    assert!(application.err.ends_with("command terminated with exit code 127\n"), "{}", application.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_executed_in_is_refused() {
    let cluster = Cluster::with(&summit()).await;
    let kubectl = Kubectl::of(&cluster);
    let unknown = kubectl.run(&["exec", "graph-core-1", "-c", "sidecar", "--", "curl", "localhost:15000/ready"]).await;
    assert!(unknown.err.contains("container sidecar"), "{}", unknown.err);
    let viewer =
        ["--context", "lab-viewer", "exec", "graph-core-1", "-c", "istio-proxy", "--", "curl", "localhost:15000/ready"];
    let viewer = kubectl.run(&viewer).await;
    assert!(!viewer.ok && viewer.err.contains("cannot create resource \"pods/exec\""), "{}", viewer.err);
    let path = "/api/v1/namespaces/summit/pods/graph-core-1/exec?container=istio-proxy&stdout=true";
    let upgrade = [("connection", "Upgrade"), ("upgrade", "websocket")];
    let none = cluster.call_with(http::Method::GET, path, &upgrade, "").await;
    assert_eq!(
        (none.status.as_u16(), none.json()["message"].as_str()),
        (400, Some("query parameter \"command\" is missing"))
    );
}
