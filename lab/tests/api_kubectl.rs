//! A stock kubectl 1.37 against the lab.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod api;

use std::process::Stdio;
use std::time::Duration;

use api::kubectl::Kubectl;
use api::{Cluster, summit};
use meshbook_lab::api::{Denied, Faults};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

async fn ready() -> (Cluster, Kubectl) {
    let cluster = Cluster::with(&summit()).await;
    let kubectl = Kubectl::of(&cluster);
    (cluster, kubectl)
}

fn rule(cluster: &Cluster) -> Value {
    (*cluster.store.get("networking.istio.io", "destinationrules", "summit", "graph-core").unwrap()).clone()
}

fn deployment(cluster: &Cluster) -> Value {
    (*cluster.store.get("apps", "deployments", "summit", "graph-core").unwrap()).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn get_prints_tables_and_every_other_form() {
    let (_cluster, kubectl) = ready().await;
    let table = kubectl.ok(&["get", "pods"]).await;
    assert_eq!(
        table.lines().map(|l| l.split_whitespace().collect::<Vec<_>>()).collect::<Vec<_>>(),
        [vec!["NAME", "READY", "STATUS", "RESTARTS", "AGE"], vec!["graph-core-1", "2/2", "Running", "0", "0s"]]
    );
    let wide = kubectl.ok(&["get", "pods", "-o", "wide"]).await;
    assert!(wide.contains("10.244.0.3") && wide.contains("node-1"), "{wide}");
    let all = kubectl.ok(&["get", "all"]).await;
    for name in ["pod/graph-core-1", "service/graph-core", "deployment.apps/graph-core"] {
        assert!(all.contains(name), "{all}");
    }
    let rules = kubectl.ok(&["get", "dr", "-A"]).await;
    assert!(rules.contains("HOST") && rules.contains("graph-core.summit.svc.cluster.local"), "{rules}");
    assert_eq!(kubectl.ok(&["get", "pods", "-l", "app=graph-core", "-o", "name"]).await, "pod/graph-core-1\n");
    let path = "jsonpath={.spec.trafficPolicy.connectionPool.tcp.maxConnections}";
    assert_eq!(kubectl.ok(&["get", "dr", "graph-core", "-o", path]).await, "1");
    let object: Value =
        serde_json::from_str(&kubectl.ok(&["get", "deploy", "graph-core", "-o", "json"]).await).unwrap();
    assert_eq!(object["kind"], "Deployment");
    let yaml = kubectl.ok(&["get", "dr", "graph-core", "-o", "yaml"]).await;
    assert!(yaml.contains("apiVersion: networking.istio.io/v1\n"), "{yaml}");
    let old = kubectl.ok(&["get", "destinationrules.v1beta1.networking.istio.io", "graph-core", "-o", "yaml"]).await;
    assert!(old.contains("apiVersion: networking.istio.io/v1beta1\n"), "{old}");
    let absent = kubectl.run(&["get", "dr", "absent"]).await;
    assert_eq!(absent.err, "Error from server (NotFound): destinationrules.networking.istio.io \"absent\" not found\n");
    let unknown = kubectl.run(&["get", "istiooperators"]).await;
    assert!(unknown.err.contains("the server doesn't have a resource type"), "{}", unknown.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn get_w_prints_changes_as_they_happen() {
    let (cluster, kubectl) = ready().await;
    let mut child = kubectl.command(&["get", "pods", "-w"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await;
        line.expect("kubectl prints the change").unwrap().unwrap()
    };
    assert!(next().await.starts_with("NAME"));
    assert!(next().await.starts_with("graph-core-1"));
    // Only a watch that has begun tells of the change, and its beginning cannot be seen from outside.
    let mut pod = (*cluster.store.get("", "pods", "summit", "graph-core-1").unwrap()).clone();
    pod["status"]["containerStatuses"][0]["ready"] = false.into();
    cluster.store.put(pod, "kubelet");
    assert!(next().await.contains("1/2"));
    cluster.store.delete("", "pods", "summit", "graph-core-1");
    assert!(next().await.starts_with("graph-core-1"));
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn describe_shows_objects_of_any_kind() {
    let (_cluster, kubectl) = ready().await;
    for (what, expected) in [
        ("pod/graph-core-1", "istio-proxy:"),
        ("deployment/graph-core", "1 desired | 1 updated | 1 total | 1 available"),
        ("service/graph-core", "IP Family Policy:"),
        ("dr/graph-core", "Max Connections:  1"),
        ("namespace/summit", "istio-injection=enabled"),
    ] {
        let text = kubectl.ok(&["describe", what]).await;
        assert!(text.contains(expected), "{what}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn patch_in_every_form_and_dry_run() {
    let (cluster, kubectl) = ready().await;
    let limit = r#"{"spec":{"trafficPolicy":{"connectionPool":{"tcp":{"maxConnections":500}}}}}"#;
    let dry = ["patch", "dr", "graph-core", "--type", "merge", "-p", limit, "--dry-run=server"];
    assert!(kubectl.ok(&dry).await.starts_with("destinationrule.networking.istio.io/graph-core patched"));
    assert_eq!(rule(&cluster)["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["maxConnections"], 1);
    kubectl.ok(&["patch", "dr", "graph-core", "--type", "merge", "-p", limit]).await;
    assert_eq!(rule(&cluster)["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["maxConnections"], 500);
    assert_eq!(
        kubectl.ok(&["patch", "dr", "graph-core", "--type", "merge", "-p", limit]).await,
        "destinationrule.networking.istio.io/graph-core patched (no change)\n"
    );
    let json_patch = r#"[{"op":"test","path":"/spec/host","value":"graph-core.summit.svc.cluster.local"},{"op":"remove","path":"/spec/trafficPolicy"}]"#;
    kubectl.ok(&["patch", "dr", "graph-core", "--type", "json", "-p", json_patch]).await;
    assert!(rule(&cluster)["spec"].get("trafficPolicy").is_none());
    let image =
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"registry.example/graph-core:1.3"}]}}}}"#;
    kubectl.ok(&["patch", "deploy", "graph-core", "-p", image]).await;
    let containers = &deployment(&cluster)["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers[0]["image"], "registry.example/graph-core:1.3");
    assert_eq!(containers.as_array().unwrap().len(), 2);
    let wrong = r#"{"spec":{"trafficPolicy":{"connectionPool":{"tcp":{"maxConnections":"many"}}}}}"#;
    let refused = kubectl.run(&["patch", "dr", "graph-core", "--type", "merge", "-p", wrong]).await;
    assert!(refused.err.contains("must be of type integer: \"string\""), "{}", refused.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn label_annotate_and_edit() {
    let (cluster, kubectl) = ready().await;
    assert_eq!(
        kubectl.ok(&["label", "dr", "graph-core", "team=graph"]).await,
        "destinationrule.networking.istio.io/graph-core labeled\n"
    );
    kubectl.ok(&["annotate", "dr", "graph-core", "note=checked"]).await;
    kubectl.ok(&["label", "namespace", "summit", "istio-injection-"]).await;
    let metadata = &rule(&cluster)["metadata"];
    assert_eq!((&metadata["labels"]["team"], &metadata["annotations"]["note"]), (&json!("graph"), &json!("checked")));
    let namespace = cluster.store.get("", "namespaces", "", "summit").unwrap();
    assert_eq!(namespace["metadata"]["labels"], json!({"kubernetes.io/metadata.name": "summit"}));
    let mut edit = kubectl.command(&["edit", "dr", "graph-core"]);
    edit.env("EDITOR", "sed -i s/maxConnections:.1/maxConnections:\\ 7/");
    let output = edit.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(rule(&cluster)["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["maxConnections"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_server_side_conflicts_and_is_forced() {
    let (cluster, kubectl) = ready().await;
    let manifest = |limit: u32| {
        format!(
            "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: graph-core}}
spec:
  host: graph-core.summit.svc.cluster.local
  trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: {limit}}}}}}}
"
        )
    };
    let refused = kubectl.with_input(&["apply", "--server-side", "-f", "-"], &manifest(9)).await;
    assert!(!refused.ok);
    assert!(
        refused.err.contains("Apply failed with 1 conflict: conflict with \"world\" using networking.istio.io/v1: .spec.trafficPolicy.connectionPool.tcp.maxConnections"),
        "{}",
        refused.err
    );
    let forced = kubectl.with_input(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &manifest(9)).await;
    assert_eq!(forced.out, "destinationrule.networking.istio.io/graph-core serverside-applied\n", "{}", forced.err);
    assert_eq!(rule(&cluster)["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["maxConnections"], 9);
    let strict = kubectl
        .with_input(&["apply", "--server-side", "-f", "-"], &manifest(9).replace("trafficPolicy", "trafficPolcy"))
        .await;
    assert!(strict.err.contains("trafficPolcy"), "{}", strict.err);
    let created = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\ndata: {a: b}\n";
    let client_side = kubectl.with_input(&["apply", "-f", "-"], created).await;
    assert_eq!(client_side.out, "configmap/notes created\n", "{}", client_side.err);
    let again = kubectl.with_input(&["apply", "--server-side", "-f", "-"], created).await;
    assert_eq!(again.out, "configmap/notes serverside-applied\n", "{}", again.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn scale_restart_and_rollout_status() {
    let (cluster, kubectl) = ready().await;
    assert_eq!(
        kubectl.ok(&["scale", "deploy", "graph-core", "--replicas=3"]).await,
        "deployment.apps/graph-core scaled\n"
    );
    let scaled = deployment(&cluster);
    assert_eq!((&scaled["spec"]["replicas"], &scaled["metadata"]["generation"]), (&json!(3), &json!(2)));
    kubectl.ok(&["rollout", "restart", "deploy", "graph-core"]).await;
    let restarted = deployment(&cluster);
    assert_eq!(restarted["metadata"]["generation"], 3);
    assert!(restarted["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"].is_string());
    let mut status = kubectl
        .command(&["rollout", "status", "deploy", "graph-core", "--timeout=30s"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(status.stdout.take().unwrap()).lines();
    let waiting = lines.next_line().await.unwrap().unwrap();
    assert!(waiting.contains("Waiting for deployment"), "{waiting}");
    let done = json!({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3});
    cluster.store.put_status("apps", "deployments", "summit", "graph-core", done, "kube-controller-manager");
    let mut last = waiting;
    while let Some(line) = lines.next_line().await.unwrap() {
        last = line;
    }
    assert_eq!(last, "deployment \"graph-core\" successfully rolled out");
    assert!(status.wait().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_wait() {
    let (cluster, kubectl) = ready().await;
    assert_eq!(kubectl.ok(&["logs", "graph-core-1", "-c", "istio-proxy", "--tail=2"]).await, "line 2\nline 3\n");
    assert_eq!(kubectl.ok(&["logs", "-l", "app=graph-core", "-c", "app"]).await, "line 1\nline 2\nline 3\n");
    let stamped = kubectl.ok(&["logs", "graph-core-1", "-c", "app", "--tail=1", "--timestamps"]).await;
    assert_eq!(stamped, "2026-01-05T09:00:00.000000000Z line 3\n");
    kubectl.ok(&["wait", "pod/graph-core-1", "--for=condition=Ready", "--timeout=20s"]).await;
    let wait = kubectl
        .command(&["wait", "pod/graph-core-1", "--for=delete", "--timeout=20s"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    cluster.store.delete("", "pods", "summit", "graph-core-1");
    assert!(wait.wait_with_output().await.unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn auth_answers_for_the_admin_the_viewer_and_the_denied() {
    let (cluster, kubectl) = ready().await;
    assert_eq!(kubectl.ok(&["auth", "can-i", "patch", "destinationrules"]).await, "yes\n");
    let viewer = kubectl.run(&["--context", "lab-viewer", "auth", "can-i", "patch", "destinationrules"]).await;
    assert_eq!((viewer.out.as_str(), viewer.ok), ("no\n", false));
    assert_eq!(kubectl.ok(&["--context", "lab-viewer", "auth", "can-i", "get", "pods"]).await, "yes\n");
    assert!(kubectl.ok(&["auth", "whoami"]).await.contains("admin"));
    assert!(kubectl.ok(&["auth", "can-i", "--list"]).await.contains("*.*"));
    let refused = kubectl.run(&["--context", "lab-viewer", "label", "dr", "graph-core", "a=b"]).await;
    assert_eq!(
        refused.err,
        "Error from server (Forbidden): destinationrules.networking.istio.io \"graph-core\" is forbidden: User \"viewer\" cannot patch resource \"destinationrules\" in API group \"networking.istio.io\" in the namespace \"summit\"\n"
    );
    let denied = Denied { verb: "list".into(), group: String::new(), resource: "pods".into(), namespace: None };
    cluster.server.set_faults(Faults { denied: vec![denied], ..Faults::default() });
    let refused = kubectl.run(&["get", "pods"]).await;
    assert_eq!(
        refused.err,
        "Error from server (Forbidden): pods is forbidden: User \"admin\" cannot list resource \"pods\" in API group \"\" in the namespace \"summit\"\n"
    );
    assert_eq!(kubectl.run(&["auth", "can-i", "list", "pods"]).await.out, "no\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn api_resources_and_delete() {
    let (cluster, kubectl) = ready().await;
    let resources = kubectl.ok(&["api-resources"]).await;
    for (name, version, kind) in [
        ("destinationrules", "networking.istio.io/v1", "DestinationRule"),
        ("deployments", "apps/v1", "Deployment"),
        ("envoyfilters", "networking.istio.io/v1alpha3", "EnvoyFilter"),
    ] {
        let line = resources.lines().find(|l| l.starts_with(name)).unwrap();
        assert!(line.contains(version) && line.ends_with(kind), "{line}");
    }
    assert_eq!(
        kubectl.ok(&["get", "crd", "virtualservices.networking.istio.io", "-o", "name"]).await,
        "customresourcedefinition.apiextensions.k8s.io/virtualservices.networking.istio.io\n"
    );
    kubectl.ok(&["delete", "dr", "graph-core"]).await;
    assert!(cluster.store.get("networking.istio.io", "destinationrules", "summit", "graph-core").is_none());
}
