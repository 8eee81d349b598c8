//! What happens to objects beyond get and patch: status, deletion, eviction, streams, reviews.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod api;

use std::time::Duration;

use api::{Cluster, DEPLOYMENT, RULE, summit};
use http::Method;
use serde_json::{Value, json};

const POD: &str = "/api/v1/namespaces/summit/pods/graph-core-1";
const JSON: &str = "application/json";

fn config_map(name: &str, metadata: Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
    object["metadata"]["name"] = name.into();
    object["metadata"]["namespace"] = "summit".into();
    object
}

#[tokio::test]
async fn status_and_spec_are_written_apart() {
    let cluster = Cluster::with(&summit()).await;
    let both = json!({"spec": {"replicas": 7}, "status": {"replicas": 7}});
    let status = cluster.merge(&format!("{DEPLOYMENT}/status?fieldManager=controller"), both.clone()).await.json();
    assert_eq!((&status["spec"]["replicas"], &status["status"]["replicas"]), (&json!(1), &json!(7)));
    assert_eq!(status["metadata"]["generation"], 1);
    let entry = status["metadata"]["managedFields"].as_array().unwrap().iter().find(|e| e["manager"] == "controller");
    assert_eq!(entry.unwrap()["subresource"], "status");
    let spec = cluster.merge(DEPLOYMENT, json!({"spec": {"replicas": 3}, "status": {"replicas": 9}})).await.json();
    assert_eq!((&spec["spec"]["replicas"], &spec["status"]["replicas"]), (&json!(3), &json!(7)));
    assert_eq!(spec["metadata"]["generation"], 2);
    let condition = json!({"status": {"observedGeneration": 1}, "spec": {"host": "other"}});
    let rule = cluster.merge(&format!("{RULE}/status"), condition).await.json();
    assert_eq!(rule["spec"]["host"], "graph-core.summit.svc.cluster.local");
}

#[tokio::test]
async fn a_replacement_needs_the_version_it_replaces() {
    let cluster = Cluster::with(&summit()).await;
    let mut object = cluster.get(RULE).await.json();
    object["spec"]["host"] = "graph-core".into();
    let mut bare = object.clone();
    bare["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    assert_eq!(cluster.call(Method::PUT, RULE, JSON, bare.to_string()).await.status, 422);
    let replaced = cluster.call(Method::PUT, RULE, JSON, object.to_string()).await;
    assert_eq!((replaced.status.as_u16(), replaced.json()["spec"]["host"].as_str()), (200, Some("graph-core")));
    object["spec"]["host"] = "other".into();
    assert_eq!(cluster.call(Method::PUT, RULE, JSON, object.to_string()).await.status, 409);
    object["metadata"]["name"] = "other".into();
    assert_eq!(cluster.call(Method::PUT, RULE, JSON, object.to_string()).await.status, 400);
}

#[tokio::test]
async fn finalizers_hold_an_object_until_they_are_gone() {
    let cluster = Cluster::with(&summit()).await;
    cluster.store.put(config_map("held", json!({"finalizers": ["example.com/hold"]})), "world");
    let path = "/api/v1/namespaces/summit/configmaps/held";
    let leaving = cluster.call(Method::DELETE, path, JSON, "").await.json();
    assert!(leaving["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(cluster.get(path).await.status, 200);
    assert_eq!(cluster.merge(path, json!({"metadata": {"finalizers": null}})).await.status, 200);
    assert_eq!(cluster.get(path).await.status, 404);
}

#[tokio::test]
async fn what_belongs_to_a_deleted_object_goes_with_it() {
    let cluster = Cluster::with(&summit()).await;
    let deployment = cluster.get(DEPLOYMENT).await.json();
    let owner = |of: &Value| json!({"ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "x", "uid": of["metadata"]["uid"]}]});
    let child = cluster.store.put(config_map("child", owner(&deployment)), "world");
    cluster.store.put(config_map("grandchild", owner(&child)), "world");
    cluster.store.put(config_map("stranger", json!({})), "world");
    cluster.call(Method::DELETE, &format!("{DEPLOYMENT}?propagationPolicy=Background"), JSON, "").await;
    let names: Vec<Value> =
        cluster.store.list("", "configmaps", Some("summit")).iter().map(|o| o["metadata"]["name"].clone()).collect();
    assert_eq!(names, ["stranger"]);
    cluster.call(Method::DELETE, "/api/v1/namespaces/summit/configmaps?labelSelector=a%3Db", JSON, "").await;
    assert_eq!(cluster.store.list("", "configmaps", Some("summit")).len(), 1);
    cluster.call(Method::DELETE, "/api/v1/namespaces/summit/configmaps", JSON, "").await;
    assert!(cluster.store.list("", "configmaps", Some("summit")).is_empty());
    cluster.call(Method::DELETE, "/api/v1/namespaces/summit", JSON, "").await;
    assert!(cluster.store.list("", "pods", None).is_empty());
    assert!(cluster.store.list("networking.istio.io", "destinationrules", None).is_empty());
}

#[tokio::test]
async fn a_disruption_budget_stops_an_eviction() {
    let cluster = Cluster::with(&summit()).await;
    let mut budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b", "namespace": "summit"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "graph-core"}}}, "status": {"disruptionsAllowed": 0}});
    cluster.store.put(budget.clone(), "world");
    let eviction =
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "graph-core-1"}}).to_string();
    let path = format!("{POD}/eviction");
    assert_eq!(cluster.call(Method::POST, &path, JSON, eviction.clone()).await.status, 429);
    budget["status"]["disruptionsAllowed"] = 1.into();
    cluster.store.put(budget, "world");
    assert_eq!(cluster.call(Method::POST, &path, JSON, eviction).await.status, 201);
    // A pod that no controller owns has its grace period, as on a node.
    assert!(cluster.get(POD).await.json()["metadata"]["deletionTimestamp"].is_string());
}

#[tokio::test]
async fn streams_into_pods_are_opened_or_refused_clearly() {
    let cluster = Cluster::with(&summit()).await;
    let upgrade = [("upgrade", "websocket"), ("connection", "upgrade")];
    let exec = cluster.call_with(Method::GET, &format!("{POD}/exec?command=true"), &upgrade, "").await;
    assert_eq!(exec.status, 400);
    assert!(exec.json()["message"].as_str().unwrap().contains("a container name must be specified"));
    let proxied = cluster.get(&format!("{POD}:8080/proxy/a/b?c=d")).await;
    assert_eq!((proxied.status.as_u16(), proxied.body.as_str()), (200, "graph-core-1 /a/b?c=d"));
    let nobody = cluster.get(&format!("{POD}:81/proxy/")).await;
    assert!(nobody.json()["message"].as_str().unwrap().contains("connection refused"), "{}", nobody.body);
    let path = format!("{POD}/portforward?ports=15000");
    assert_eq!(cluster.get(&path).await.json()["message"], "Upgrade request required");
    let previous = cluster.get(&format!("{POD}/log?container=app&previous=true")).await;
    assert_eq!((previous.status.as_u16(), previous.json()["reason"].as_str()), (400, Some("BadRequest")));
    let unnamed = cluster.get(&format!("{POD}/log")).await;
    assert!(unnamed.json()["message"].as_str().unwrap().contains("choose one of: [app istio-proxy]"));
    let since = cluster.get(&format!("{POD}/log?container=app&sinceTime=2026-01-05T09:00:01Z")).await;
    assert_eq!(since.body, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_log_ends_with_its_pod() {
    let cluster = Cluster::with(&summit()).await;
    let path = format!("{POD}/log?container=app&follow=true&tailLines=1");
    let follow = cluster.get(&path);
    let delete = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        cluster.store.delete("", "pods", "summit", "graph-core-1");
    };
    let (answer, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(20), follow), delete);
    assert_eq!(answer.unwrap().body, "line 3\n");
}

#[tokio::test]
async fn reviews_answer_about_tokens_and_rights() {
    let cluster = Cluster::with(&summit()).await;
    let review = |token: &str| {
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}).to_string()
    };
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    let known = cluster.call(Method::POST, path, JSON, review(&cluster.server.admin_token())).await.json();
    assert_eq!(known["status"]["user"]["username"], "admin");
    let unknown = cluster.call(Method::POST, path, JSON, review("x")).await.json();
    assert!(unknown["status"].get("authenticated").is_none());
    let rules = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": "summit"}});
    let rules = cluster
        .call(Method::POST, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", JSON, rules.to_string())
        .await
        .json();
    assert_eq!(rules["status"]["resourceRules"][0]["verbs"], json!(["*"]));
    assert_eq!(cluster.call(Method::PATCH, path, JSON, "{}").await.status, 405);
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_changes() {
    let cluster = Cluster::with(&summit()).await;
    let before = cluster.store.resource_version();
    let cases = [
        (DEPLOYMENT, json!({"spec": {"replicas": -1}}), 422, "must be greater than or equal to 0"),
        (DEPLOYMENT, json!({"spec": {"selector": {"matchLabels": {"app": "x"}}}}), 422, "field is immutable"),
        (DEPLOYMENT, json!({"spec": {"replicas": "three"}}), 400, "spec.replicas"),
        (DEPLOYMENT, json!({"metadata": {"labels": {"a": "not valid!"}}}), 422, "a valid label must be"),
        (
            RULE,
            json!({"spec": {"trafficPolicy": {"outlierDetection": {"interval": "soon"}}}}),
            422,
            "must be a valid duration greater than 1ms",
        ),
        (RULE, json!({"spec": {"host": null}}), 422, "spec.host: Required value"),
        (RULE, json!({"spec": {"subsets": [{"name": "v1"}, {"name": "v1"}]}}), 400, "duplicate subset names: v1"),
        (RULE, json!({"metadata": {"uid": "x"}}), 409, "Precondition failed: UID in precondition: x"),
    ];
    for (path, patch, status, text) in cases {
        let answer = cluster.merge(path, patch.clone()).await;
        assert_eq!(answer.status, status, "{patch}: {}", answer.body);
        assert!(answer.json()["message"].as_str().unwrap().contains(text), "{patch}: {}", answer.body);
    }
    let absent = cluster
        .call(
            Method::POST,
            "/api/v1/namespaces/absent/configmaps",
            JSON,
            json!({"metadata": {"name": "a"}}).to_string(),
        )
        .await;
    assert_eq!(absent.json()["message"], "namespaces \"absent\" not found");
    assert_eq!(cluster.store.resource_version(), before);
}

#[tokio::test]
async fn kubectls_own_configuration_may_be_taken_over_by_its_apply() {
    let cluster = Cluster::with(&[]).await;
    cluster.store.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "summit"}}), "world");
    let last =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}}).to_string();
    let mut object =
        config_map("a", json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": last}}));
    object["data"] = json!({"x": "1", "y": "1"});
    cluster.store.put(object, "kubectl-client-side-apply");
    let path = "/api/v1/namespaces/summit/configmaps/a?fieldManager=kubectl";
    let configuration =
        |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data});
    let taken = cluster.apply(path, configuration(json!({"x": "2"}))).await;
    assert_eq!(taken.status, 200, "{}", taken.body);
    assert_eq!(taken.json()["data"], json!({"x": "2", "y": "1"}));
    let refused = cluster.apply(path, configuration(json!({"y": "2"}))).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
}
