//! The connection against the embedded mesh, which speaks TLS, checks permissions and validates like a real one.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, join_all};
use jiff::Timestamp;
use meshbook_lab::{Lab, Pace, World};
use meshbook_runtime::effect::{Call, ObjectRef, PodRequest, Reply, ResourceKind};
use meshbook_runtime::failure::{self, Failure};
use meshbook_runtime::transport::{Clock, Connection, Options, Transport};
use serde_json::{Value, json};

use crate::double::json_of;

/// The lab's time as the run's clock.
struct LabTime(Arc<Lab>);

impl Clock for LabTime {
    fn now(&self) -> Timestamp {
        self.0.clock().now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        async move { self.0.advance(duration) }.boxed()
    }
}

async fn open(lab: &Arc<Lab>, context: Option<&str>) -> Connection {
    let options = Options {
        kubeconfig_text: Some(lab.kubeconfig()),
        context: context.map(str::to_owned),
        clock: Arc::new(LabTime(Arc::clone(lab))),
        ..Options::default()
    };
    Connection::open(options).await.unwrap()
}

async fn breaker() -> Arc<Lab> {
    Arc::new(Lab::start(World::named("breaker").unwrap(), Pace::Virtual).await.unwrap())
}

fn rule() -> ObjectRef {
    ObjectRef::new(
        ResourceKind::namespaced("networking.istio.io", "v1", "DestinationRule", "destinationrules"),
        "summit",
        "graph-core",
    )
}

fn patch(version: &Value, limit: Value, dry_run: bool) -> Call {
    let patch = json!({"metadata": {"resourceVersion": version}, "spec": {"trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": limit}}}}});
    Call::Patch { object: rule(), patch, dry_run }
}

async fn limit_of(connection: &Connection) -> Value {
    json_of(connection, Call::Get { object: rule() })
        .await
        .unwrap()
        .pointer("/spec/trafficPolicy/connectionPool/tcp/maxConnections")
        .unwrap()
        .clone()
}

async fn proxies(connection: &Connection) -> Vec<String> {
    let pods = Call::List {
        kind: ResourceKind::namespaced("", "v1", "Pod", "pods"),
        namespace: Some("summit".into()),
        labels: Some("app=front".into()),
        fields: None,
    };
    json_of(connection, pods)
        .await
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn admin(connection: &Connection, pod: &str, path: &str) -> Result<(u16, String), Failure> {
    let request = PodRequest {
        namespace: "summit".into(),
        pod: pod.into(),
        port: 15000,
        method: "GET".into(),
        path: path.into(),
        body: String::new(),
    };
    match connection.call(&Call::Pod(request)).await? {
        Reply::Http { status, body } => Ok((status, body)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_read_tried_changed_and_guarded() {
    let lab = breaker().await;
    let connection = open(&lab, None).await;
    assert_eq!(connection.namespace(), "summit");
    assert_eq!(connection.place().0, "lab-breaker");
    let object = json_of(&connection, Call::Get { object: rule() }).await.unwrap();
    let version = &object["metadata"]["resourceVersion"];
    let before = limit_of(&connection).await;

    let tried = json_of(&connection, patch(version, json!(77), true)).await.unwrap();
    assert_eq!(tried.pointer("/spec/trafficPolicy/connectionPool/tcp/maxConnections"), Some(&json!(77)));
    assert_eq!(limit_of(&connection).await, before);

    let wrong = json_of(&connection, patch(version, json!("many"), true)).await.unwrap_err();
    assert_eq!(wrong.code.name, failure::REJECTED.name, "{wrong}");

    json_of(&connection, patch(version, json!(78), false)).await.unwrap();
    assert_eq!(limit_of(&connection).await, json!(78));
    let late = json_of(&connection, patch(version, json!(79), false)).await.unwrap_err();
    assert_eq!(late.code.name, failure::CONFLICT.name, "{late}");
    assert_eq!(limit_of(&connection).await, json!(78));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_may_look_and_is_told_what_is_missing() {
    let lab = breaker().await;
    let connection = open(&lab, Some("lab-breaker-viewer")).await;
    let object = json_of(&connection, Call::Get { object: rule() }).await.unwrap();
    let failure =
        json_of(&connection, patch(&object["metadata"]["resourceVersion"], json!(77), true)).await.unwrap_err();
    assert_eq!(failure.code.name, failure::FORBIDDEN.name);
    assert!(
        failure
            .hint
            .as_deref()
            .is_some_and(|hint| hint.contains("resources: [\"destinationrules\"], verbs: [\"patch\"]")),
        "{failure:?}"
    );
    let review = |verb: &str| Call::AccessReview {
        verb: verb.into(),
        group: "networking.istio.io".into(),
        resource: "destinationrules".into(),
        namespace: Some("summit".into()),
        name: None,
    };
    assert_eq!(json_of(&connection, review("get")).await.unwrap(), json!(true));
    assert_eq!(json_of(&connection, review("patch")).await.unwrap(), json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_is_tried_and_nothing_is_kept() {
    let lab = breaker().await;
    let connection = open(&lab, None).await;
    let pods = || ResourceKind::namespaced("", "v1", "Pod", "pods");
    let attempt = |containers: serde_json::Value| Call::TryCreate {
        kind: pods(),
        namespace: Some("summit".into()),
        object: json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "trial-"}, "spec": {"containers": containers}}),
    };
    let before = lab.store().list("", "pods", Some("summit")).len();
    let well = attempt(json!([{"name": "a", "image": "registry.example/a"}]));
    assert!(matches!(connection.call(&well).await, Ok(Reply::Json(_))));
    assert_eq!(lab.store().list("", "pods", Some("summit")).len(), before);
    let failure = connection.call(&attempt(json!([]))).await.unwrap_err();
    assert_eq!(failure.code.name, failure::REJECTED.name, "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_apart() {
    let lab = breaker().await;
    let connection = open(&lab, None).await;
    let object = Call::Get { object: ObjectRef { name: "graph-cord".into(), ..rule() } };
    assert_eq!(
        json_of(&connection, object).await.unwrap_err().message,
        "DestinationRule summit/graph-cord does not exist"
    );
    let kind = Call::Get {
        object: ObjectRef::new(ResourceKind::namespaced("example.org", "v1", "Nothing", "nothings"), "summit", "a"),
    };
    assert!(json_of(&connection, kind).await.unwrap_err().message.contains("serves no such kind"));
    assert_eq!(
        json_of(&connection, Call::ResolveKind { name: "dr".into() }).await.unwrap(),
        serde_json::to_value(rule().kind).unwrap()
    );
    assert_eq!(admin(&connection, "no-such-pod", "/ready").await.unwrap_err().code.name, failure::NOT_FOUND.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_proxy_is_asked_over_its_own_stream() {
    let lab = breaker().await;
    let connection = open(&lab, None).await;
    let pods = proxies(&connection).await;
    assert!(!pods.is_empty());
    for _ in 0..2 {
        for answer in
            join_all(pods.iter().map(|pod| admin(&connection, pod, "/config_dump?mask=dynamic_active_clusters"))).await
        {
            let (status, body) = answer.unwrap();
            assert_eq!(status, 200);
            assert!(serde_json::from_str::<Value>(&body).unwrap()["configs"].is_array());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_is_found_and_answers_in_the_time_of_the_lab() {
    let lab = breaker().await;
    let connection = open(&lab, None).await;
    let query = r#"sum(increase(istio_requests_total{response_flags="UO"}[30s]))"#;
    let data = json_of(&connection, Call::Query { query: query.into(), at: None }).await.unwrap();
    assert_eq!(data["resultType"], "vector");
    let refused: f64 = data["result"][0]["value"][1].as_str().unwrap().parse().unwrap();
    assert!(refused > 0.0, "{data}");
    let Reply::Time(end) = connection.call(&Call::Now).await.unwrap() else { panic!() };
    let range = Call::QueryRange {
        query: query.into(),
        start: end - jiff::SignedDuration::from_secs(60),
        end,
        step: Duration::from_secs(15),
    };
    assert_eq!(json_of(&connection, range).await.unwrap()["resultType"], "matrix");
    let wrong = json_of(&connection, Call::Query { query: "sum(".into(), at: None }).await.unwrap_err();
    assert_eq!(wrong.code.name, failure::SCRIPT.name);
}
