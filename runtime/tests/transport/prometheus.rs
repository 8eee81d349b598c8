//! Queries to Prometheus.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use jiff::Timestamp;
use meshbook_runtime::effect::Call;
use meshbook_runtime::failure;
use meshbook_runtime::transport::Connection;
use serde_json::{Value, json};

use crate::double::{
    Behaviour, Double, Pods, Received, closed_port, connect, json_answer, json_of, raw, status, text_answer,
};

fn query(text: &str) -> Call {
    Call::Query { query: text.into(), at: None }
}

fn vector() -> Value {
    json!({"resultType": "vector", "result": [{"metric": {}, "value": [1_767_603_600.25, "3"]}]})
}

fn success() -> Value {
    json!({"status": "success", "data": vector()})
}

async fn prometheus(answer: impl Fn(&Received, usize) -> Response<Body> + Send + Sync + 'static) -> (Double, String) {
    let server = Double::start(answer).await;
    let config = format!("prometheus.url = '{}/base/'\n", server.url());
    (server, config)
}

async fn at(config: &str) -> Connection {
    connect("http://127.0.0.1:1", config).await
}

#[tokio::test]
async fn a_query_carries_tenant_credentials_matchers_and_age() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "first\n").unwrap();
    let (server, config) = prometheus(|_, _| json_answer(200, &success())).await;
    let config = format!(
        "{config}prometheus.tenant = 'mesh'\nprometheus.matchers = {{ cluster = 'eu1' }}\nprometheus.max_staleness = '1m30s'\nprometheus.bearer_token_file = '{}'",
        token.display()
    );
    let connection = at(&config).await;
    assert_eq!(json_of(&connection, query("up")).await.unwrap(), vector());
    std::fs::write(&token, "second\n").unwrap();
    let start = Timestamp::from_second(1_767_603_600).unwrap();
    let end = Timestamp::from_millisecond(1_767_603_660_500).unwrap();
    json_of(&connection, Call::QueryRange { query: "up".into(), start, end, step: Duration::from_millis(1500) })
        .await
        .unwrap();
    let received = server.received();
    let selector = "query=up%7Bcluster%3D%22eu1%22%7D";
    assert_eq!(
        received[0].line,
        format!("GET /base/api/v1/query?{selector}&lookback_delta=1m30s&partial_response=false")
    );
    assert_eq!(
        received[1].line,
        format!(
            "GET /base/api/v1/query_range?{selector}&start=1767603600.000&end=1767603660.500&step=1.5&lookback_delta=1m30s&partial_response=false"
        )
    );
    assert_eq!(received[0].headers["x-scope-orgid"], "mesh");
    assert_eq!(
        (&received[0].headers["authorization"], &received[1].headers["authorization"]),
        (&"Bearer first".parse().unwrap(), &"Bearer second".parse().unwrap())
    );
}

#[tokio::test]
async fn basic_credentials_are_read_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    let (server, config) = prometheus(|_, _| json_answer(200, &success())).await;
    let connection =
        at(&format!("{config}prometheus.basic_auth = {{ username = 'me', password_file = '{}' }}", password.display()))
            .await;
    let failure = json_of(&connection, query("up")).await.unwrap_err();
    assert_eq!(failure.code.name, failure::CONFIG.name);
    std::fs::write(&password, "secret\n").unwrap();
    json_of(&connection, query("up")).await.unwrap();
    assert_eq!(server.received()[0].headers["authorization"], "Basic bWU6c2VjcmV0");
}

#[tokio::test]
async fn a_long_query_goes_by_post() {
    let (server, config) = prometheus(|_, _| json_answer(200, &success())).await;
    let long = format!("up{{pod=~\"{}\"}}", "front-1|".repeat(300));
    json_of(&at(&config).await, query(&long)).await.unwrap();
    let received = &server.received()[0];
    assert_eq!(received.line, "POST /base/api/v1/query");
    assert_eq!(received.headers["content-type"], "application/x-www-form-urlencoded");
    assert!(received.body.starts_with("query=up%7Bpod%3D~%22front-1%7C"), "{}", received.body);
}

#[tokio::test]
async fn a_wrong_query_is_the_fault_of_the_script() {
    let (server, config) = prometheus(|_, _| json_answer(400, &json!({"status": "error", "errorType": "bad_data", "error": "1:4: parse error: unclosed left parenthesis"}))).await;
    let failure = json_of(&at(&config).await, query("sum(")).await.unwrap_err();
    assert_eq!(failure.code.name, failure::SCRIPT.name);
    assert!(failure.message.contains("`sum(`") && failure.message.contains("unclosed left parenthesis"), "{failure}");
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn what_passes_is_waited_for() {
    let (server, config) =
        prometheus(
            |_, before| if before < 2 { text_answer(503, "Service Unavailable") } else { json_answer(200, &success()) },
        )
        .await;
    assert_eq!(json_of(&at(&config).await, query("up")).await.unwrap(), vector());
    assert_eq!(server.lines().len(), 3);
}

#[tokio::test]
async fn a_prometheus_that_is_down_is_unreachable() {
    let url = format!("http://{}", closed_port().await);
    let failure = json_of(&at(&format!("prometheus.url = '{url}'")).await, query("up")).await.unwrap_err();
    assert_eq!(failure.code.name, failure::UNREACHABLE.name);
    assert!(
        failure.message.starts_with(&format!("Prometheus at {url} is unreachable: "))
            && failure.message.ends_with("after 4 tries"),
        "{failure}"
    );
    let (_, config) = prometheus(|_, _| text_answer(503, "Service Unavailable")).await;
    let failure = json_of(&at(&config).await, query("up")).await.unwrap_err();
    assert_eq!(failure.code.name, failure::UNREACHABLE.name);
    assert!(failure.message.starts_with("Prometheus at "), "{failure}");
}

#[tokio::test]
async fn a_prometheus_that_hangs_breaks_off_or_talks_nonsense_is_told() {
    let limits = "timeouts = { prometheus = '200ms' }\nbudget = { answer_mib = 1 }\n";
    for (bytes, closes, part, name) in [
        (Vec::new(), false, "did not answer within 0.2 s", failure::UNREACHABLE.name),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec(), true, "broke off", failure::UNREACHABLE.name),
        (b"\x15\x03\x03\x00\x02".to_vec(), true, "is unreachable", failure::UNREACHABLE.name),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_vec(),
            true,
            "not Prometheus' API: hello",
            failure::BAD_ANSWER.name,
        ),
        (
            b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n".to_vec(),
            true,
            "log in",
            failure::BAD_ANSWER.name,
        ),
    ] {
        let url = raw(bytes, closes).await;
        let failure = json_of(&at(&format!("{limits}prometheus.url = '{url}'")).await, query("up")).await.unwrap_err();
        assert_eq!(failure.code.name, name, "{failure}");
        assert!(failure.message.contains(part), "{part}: {failure}");
    }
    let large = json!({"status": "success", "data": {"result": "x".repeat(2 << 20)}});
    let (_, config) = prometheus(move |_, _| json_answer(200, &large)).await;
    let failure = json_of(&at(&format!("{limits}{config}")).await, query("up")).await.unwrap_err();
    assert!(failure.message.contains("larger than 1 MiB"), "{failure}");
}

fn service(namespace: &str, name: &str) -> Value {
    json!({"metadata": {"namespace": namespace, "name": name}, "spec": {"ports": [{"name": "http", "port": 80, "targetPort": "web"}]}})
}

fn slices(pod: &str) -> Value {
    json!({"items": [{"metadata": {"namespace": "monitoring"}, "ports": [{"name": "http", "port": 9090}],
        "endpoints": [{"conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": pod, "namespace": "monitoring"}}]}]})
}

fn pod() -> Behaviour {
    Behaviour::Serves(Router::new().fallback(|request: Request<Body>| async move {
        assert!(request.uri().path() == "/api/v1/query", "{}", request.uri());
        json_answer(200, &success())
    }))
}

#[tokio::test]
async fn without_an_address_its_service_is_found_and_forwarded_to() {
    let server = Double::start_with(Pods::default().with("prometheus-0", pod()), |received, _| {
        if received.line.contains("/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dprometheus-k8s") {
            json_answer(200, &slices("prometheus-0"))
        } else if received.line.contains("labelSelector=app%3Dprometheus") {
            json_answer(200, &json!({"items": [service("zoo", "prometheus"), service("monitoring", "prometheus-k8s")]}))
        } else {
            json_answer(200, &json!({"items": []}))
        }
    })
    .await;
    let connection = server.connect().await;
    assert_eq!(json_of(&connection, query("up")).await.unwrap(), vector());
    let requests = server.lines().len();
    // By now its place is known and the stream is warm.
    assert_eq!(json_of(&connection, query(&format!("up{{pod=~\"{}\"}}", "a|".repeat(1500)))).await.unwrap(), vector());
    assert_eq!((server.lines().len(), server.pods.opened.load(Ordering::SeqCst)), (requests, 1));
    assert!(
        server
            .lines()
            .contains(&"GET /api/v1/namespaces/monitoring/pods/prometheus-0/portforward?&ports=9090".to_owned())
    );
}

#[tokio::test]
async fn a_pod_that_was_replaced_is_found_again() {
    let server = Double::start_with(Pods::default().with("prometheus-0", Behaviour::Dies(Router::new().fallback(|| async { json_answer(200, &success()) }), 1)), |received, before| {
        if received.line.contains("/endpointslices?") {
            json_answer(200, &slices(if before < 4 { "prometheus-0" } else { "prometheus-1" }))
        } else {
            json_answer(200, &json!({"kind": "Service", "metadata": {"namespace": "monitoring", "name": "mine"}, "spec": {"ports": [{"name": "http", "port": 80}]}}))
        }
    })
    .await;
    let connection = server.connect_with("prometheus.service = 'monitoring/mine'").await;
    json_of(&connection, query("up")).await.unwrap();
    server.pods.set("prometheus-0", None);
    server.pods.set("prometheus-1", Some(pod()));
    assert_eq!(json_of(&connection, query("up")).await.unwrap(), vector());
}

#[tokio::test]
async fn who_may_not_list_everywhere_looks_in_the_usual_places() {
    let server = Double::start_with(Pods::default().with("prometheus-0", pod()), |received, _| {
        let line = &received.line;
        if line.contains("/endpointslices?") {
            json_answer(200, &slices("prometheus-0"))
        } else if line.starts_with("GET /api/v1/namespaces/monitoring/services?labelSelector=app.kubernetes.io%2Fname%3Dprometheus") {
            json_answer(200, &json!({"items": [service("monitoring", "prometheus")]}))
        } else {
            status(403, "Forbidden", "services is forbidden: User \"u\" cannot list resource \"services\" in API group \"\" at the cluster scope")
        }
    })
    .await;
    assert_eq!(json_of(&server.connect().await, query("up")).await.unwrap(), vector());
}

#[tokio::test]
async fn without_any_prometheus_the_failure_says_how_to_configure_one() {
    let server = Double::start(|_, _| json_answer(200, &json!({"items": []}))).await;
    let failure = json_of(&server.connect().await, query("up")).await.unwrap_err();
    assert_eq!(failure.code.name, failure::UNREACHABLE.name);
    assert!(failure.message.starts_with("no Prometheus is configured, and none was found"), "{failure}");
    assert!(failure.hint.unwrap().contains("prometheus]` with `url"));

    let server = Double::start(|_, _| status(403, "Forbidden", "services is forbidden: User \"u\" cannot list resource \"services\" in API group \"\" at the cluster scope")).await;
    let failure = json_of(&server.connect().await, query("up")).await.unwrap_err();
    assert_eq!(failure.code.name, failure::FORBIDDEN.name);
    assert!(failure.message.starts_with("no Prometheus is configured"), "{failure}");

    let server = Double::start(|received, _| {
        let items = if received.line.contains("/endpointslices?") {
            json!([])
        } else {
            json!([service("monitoring", "prometheus")])
        };
        json_answer(200, &json!({"items": items}))
    })
    .await;
    let failure = json_of(&server.connect().await, query("up")).await.unwrap_err();
    assert!(failure.message.contains("no ready pod (Service monitoring/prometheus)"), "{failure}");
}
