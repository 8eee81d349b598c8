//! Calls to the API server.

use std::sync::Arc;
use std::time::Duration;

use meshbook_runtime::effect::{Call, ObjectRef, Reply, ResourceKind};
use meshbook_runtime::failure::{self, Failure};
use meshbook_runtime::transport::{Connection, KnownKind, Options, Transport};
use serde_json::{Value, json};

use crate::double::{
    Double, Skipping, closed_port, connect, connect_by, json_answer, json_of, kubeconfig, not_found, raw, status,
    text_answer,
};

fn rule() -> ObjectRef {
    ObjectRef::new(
        ResourceKind::namespaced("networking.istio.io", "v1", "DestinationRule", "destinationrules"),
        "summit",
        "graph-core",
    )
}

fn pods() -> ResourceKind {
    ResourceKind::namespaced("", "v1", "Pod", "pods")
}

fn get() -> Call {
    Call::Get { object: rule() }
}

fn list() -> Call {
    Call::List { kind: pods(), namespace: Some("summit".into()), labels: None, fields: None }
}

fn patch(dry_run: bool) -> Call {
    Call::Patch { object: rule(), patch: json!({"metadata": {"resourceVersion": "7"}, "spec": {"host": "a"}}), dry_run }
}

fn object() -> Value {
    json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "graph-core"}, "spec": {"host": "graph-core"}})
}

async fn failure_of(connection: &Connection, call: Call) -> Failure {
    connection.call(&call).await.unwrap_err()
}

#[tokio::test]
async fn one_read_in_a_fresh_process_is_one_request_and_loses_nothing() {
    let whole = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ä", "zeta": 1, "alpha": 2}, "large": u64::MAX, "small": -1.5e-7, "null": null, "empty": {}});
    let answer = whole.clone();
    let server = Double::start(move |_, _| json_answer(200, &answer)).await;
    let connection = server.connect().await;
    let read = json_of(&connection, get()).await.unwrap();
    assert_eq!(read.to_string(), whole.to_string());
    assert_eq!(server.lines(), ["GET /apis/networking.istio.io/v1/namespaces/summit/destinationrules/graph-core"]);
    assert_eq!(server.received()[0].headers["authorization"], "Bearer t");
    assert_eq!(connection.place(), ("test".to_owned(), server.url()));
    assert_eq!(connection.namespace(), "summit");
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let server = Double::start(|received, _| {
        let (names, next) =
            if received.line.contains("continue=p2") { (["c"].as_slice(), "") } else { (["a", "b"].as_slice(), "p2") };
        let items: Vec<Value> = names.iter().map(|name| json!({"metadata": {"name": name}})).collect();
        json_answer(
            200,
            &json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": next}, "items": items}),
        )
    })
    .await;
    let call = Call::List {
        kind: pods(),
        namespace: None,
        labels: Some("app in (front,back)".into()),
        fields: Some("spec.nodeName=n1".into()),
    };
    let items = json_of(&server.connect().await, call).await.unwrap();
    let names: Vec<&str> =
        items.as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(items[2], json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "c"}}));
    let first =
        "GET /api/v1/pods?labelSelector=app%20in%20%28front%2Cback%29&fieldSelector=spec.nodeName%3Dn1&limit=500";
    assert_eq!(server.lines(), [first.to_owned(), format!("{first}&continue=p2")]);
}

#[tokio::test]
async fn a_list_whose_pages_expire_is_begun_again_and_at_last_read_at_once() {
    let server = Double::start(|received, _| {
        if received.line.contains("continue=") {
            return status(410, "Expired", "the provided continue parameter is too old");
        }
        let next = if received.line.contains("limit=") { "p2" } else { "" };
        json_answer(200, &json!({"metadata": {"continue": next}, "items": [{"metadata": {"name": "a"}}]}))
    })
    .await;
    let items = json_of(&server.connect().await, list()).await.unwrap();
    assert_eq!(items.as_array().unwrap().len(), 1);
    let whole = "GET /api/v1/namespaces/summit/pods";
    assert_eq!(server.lines().last().unwrap(), whole);
    assert_eq!(server.lines().len(), 5);
}

#[tokio::test]
async fn a_list_that_turns_in_a_circle_ends() {
    let server = Double::start(|_, _| json_answer(200, &json!({"metadata": {"continue": "again"}, "items": []}))).await;
    assert_eq!(failure_of(&server.connect().await, list()).await.code.name, failure::BAD_ANSWER.name);
    assert_eq!(server.lines().len(), 2);
}

#[tokio::test]
async fn a_server_that_is_too_busy_is_obeyed() {
    let server = Double::start(|_, before| {
        if before > 0 {
            return json_answer(200, &object());
        }
        let mut busy = status(429, "TooManyRequests", "too many requests, please try again later");
        busy.headers_mut().insert("retry-after", "7".parse().unwrap());
        busy
    })
    .await;
    let clock = Arc::new(Skipping::default());
    let connection =
        connect_by(kubeconfig(&server.url(), "{token: t}", ""), "", Arc::clone(&clock) as _).await.unwrap();
    json_of(&connection, get()).await.unwrap();
    let slept = clock.slept();
    assert_eq!(slept.len(), 1);
    assert!(slept[0] >= Duration::from_secs(7) && slept[0] <= Duration::from_millis(10_500), "{slept:?}");
}

#[tokio::test]
async fn reads_are_tried_four_times_and_writes_once() {
    let server =
        Double::start(|_, _| status(503, "ServiceUnavailable", "the server is currently unable to handle the request"))
            .await;
    let connection = server.connect().await;
    let failure = failure_of(&connection, get()).await;
    assert_eq!(failure.code.name, failure::UNREACHABLE.name);
    assert!(failure.message.ends_with("after 4 tries"), "{failure}");
    assert_eq!(server.lines().len(), 4);
    let failure = failure_of(&connection, patch(false)).await;
    assert_eq!((failure.code.name, failure.unchanged), (failure::UNREACHABLE.name, None));
    assert_eq!(server.lines().len(), 5);
    failure_of(&connection, patch(true)).await;
    assert_eq!(server.lines().len(), 9);
}

#[tokio::test]
async fn a_patch_is_a_strict_merge_patch_under_our_name() {
    let server = Double::start(|_, _| json_answer(200, &object())).await;
    let connection = server.connect().await;
    json_of(&connection, patch(true)).await.unwrap();
    let scale = ObjectRef {
        subresource: Some("scale".into()),
        ..ObjectRef::new(ResourceKind::namespaced("apps", "v1", "Deployment", "deployments"), "summit", "front")
    };
    json_of(&connection, Call::Patch { object: scale, patch: json!({"spec": {"replicas": 3}}), dry_run: false })
        .await
        .unwrap();
    let base = "PATCH /apis/networking.istio.io/v1/namespaces/summit/destinationrules/graph-core?fieldManager=meshbook&fieldValidation=Strict";
    let lines = server.lines();
    assert_eq!(lines[0], format!("{base}&dryRun=All"));
    assert_eq!(
        lines[1],
        "PATCH /apis/apps/v1/namespaces/summit/deployments/front/scale?fieldManager=meshbook&fieldValidation=Strict"
    );
    let received = &server.received()[0];
    assert_eq!(received.headers["content-type"], "application/merge-patch+json");
    assert_eq!(received.body, r#"{"metadata":{"resourceVersion":"7"},"spec":{"host":"a"}}"#);
}

#[tokio::test]
async fn refusals_have_their_code_and_are_not_repeated() {
    let webhook = "admission webhook \"validation.istio.io\" denied the request: configuration is invalid: HTTP route, redirect or direct_response is required";
    for (code, reason, message, name) in [
        (400, "BadRequest", webhook, failure::REJECTED.name),
        (
            409,
            "Conflict",
            "the object has been modified; please apply your changes to the latest version",
            failure::CONFLICT.name,
        ),
        (422, "Invalid", "spec.host: Required value", failure::REJECTED.name),
        (
            403,
            "Forbidden",
            "User \"u\" cannot patch resource \"destinationrules\" in API group \"networking.istio.io\" in the namespace \"summit\"",
            failure::FORBIDDEN.name,
        ),
        (401, "Unauthorized", "Unauthorized", failure::UNAUTHORIZED.name),
    ] {
        let server = Double::start(move |_, _| status(code, reason, message)).await;
        let failure = failure_of(&server.connect().await, patch(false)).await;
        assert_eq!(failure.code.name, name);
        assert!(failure.message.contains(message), "{failure}");
        assert_eq!(failure.unchanged.as_deref(), Some("DestinationRule summit/graph-core is as it was"));
        assert_eq!(server.lines().len(), 1);
    }
}

#[tokio::test]
async fn a_wrong_selector_is_the_fault_of_the_script() {
    let server =
        Double::start(|_, _| status(400, "BadRequest", "unable to parse requirement: found '=', expected: identifier"))
            .await;
    assert_eq!(failure_of(&server.connect().await, list()).await.code.name, failure::SCRIPT.name);
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let server = Double::start(|_, _| not_found("destinationrules", "graph-core")).await;
    let failure = failure_of(&server.connect().await, get()).await;
    assert_eq!(
        (failure.code.name, failure.message.as_str()),
        (failure::NOT_FOUND.name, "DestinationRule summit/graph-core does not exist")
    );
    let server = Double::start(|_, _| text_answer(404, "404 page not found\n")).await;
    assert!(failure_of(&server.connect().await, get()).await.message.contains("serves no such kind"));
}

#[tokio::test]
async fn nobody_listens() {
    let address = closed_port().await;
    let connection = connect(&format!("http://{address}"), "").await;
    let failure = failure_of(&connection, get()).await;
    assert_eq!(failure.code.name, failure::UNREACHABLE.name);
    assert!(
        failure.message.contains(&address.to_string())
            && failure.message.contains("refused")
            && failure.message.ends_with("after 4 tries"),
        "{failure}"
    );
    let failure = failure_of(&connection, patch(false)).await;
    assert!(failure.unchanged.is_some(), "a patch that was never sent changed nothing");
}

#[tokio::test]
async fn a_server_that_hangs_is_left_after_the_time_limit() {
    let connection = connect(&raw(Vec::new(), false).await, "timeouts = { api = '200ms' }").await;
    let failure = failure_of(&connection, get()).await;
    assert_eq!(failure.code.name, failure::UNREACHABLE.name);
    assert!(failure.message.contains("did not answer within 0.2 s"), "{failure}");
}

#[tokio::test]
async fn a_body_that_hangs_is_left_after_the_time_limit() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"kind\":".to_vec();
    let connection = connect(&raw(half, false).await, "timeouts = { api = '200ms' }").await;
    assert!(failure_of(&connection, get()).await.message.contains("did not answer within 0.2 s"));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"kind\":".to_vec();
    let failure = failure_of(&connect(&raw(half, true).await, "").await, get()).await;
    assert_eq!(failure.code.name, failure::UNREACHABLE.name);
    assert!(failure.message.ends_with("after 4 tries"), "{failure}");
}

#[tokio::test]
async fn what_is_no_kubernetes_is_told() {
    let server = Double::start(|_, _| text_answer(200, "<html>welcome</html>")).await;
    let failure = failure_of(&server.connect().await, get()).await;
    assert_eq!(failure.code.name, failure::BAD_ANSWER.name);
    assert!(failure.message.contains("<html>welcome</html>"), "{failure}");
    for answer in [json!({"hello": 1}), json!([]), json!({"items": 3}), Value::Null] {
        let server = Double::start(move |_, _| json_answer(200, &answer)).await;
        let connection = server.connect().await;
        for call in [get(), list(), patch(false)] {
            assert_eq!(failure_of(&connection, call).await.code.name, failure::BAD_ANSWER.name);
        }
    }
    let garbage = connect(&raw(b"\x15\x03\x01\x00\x02\x02\x50".to_vec(), true).await, "").await;
    assert_eq!(failure_of(&garbage, get()).await.code.name, failure::UNREACHABLE.name);
}

#[tokio::test]
async fn an_answer_may_not_be_boundless() {
    let large = json!({"kind": "Pod", "metadata": {}, "data": "x".repeat(2 << 20)});
    let server = Double::start(move |_, _| json_answer(200, &large)).await;
    let failure = failure_of(&server.connect_with("budget = { answer_mib = 1 }").await, get()).await;
    assert_eq!(failure.code.name, failure::BAD_ANSWER.name);
    assert!(failure.message.contains("larger than 1 MiB"), "{failure}");
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn logs_may_be_in_any_encoding() {
    let server =
        Double::start(|_, _| axum::http::Response::new(axum::body::Body::from(b"503 UO \xff\xfe\n".to_vec()))).await;
    let call = Call::Logs {
        namespace: "summit".into(),
        pod: "front-1".into(),
        container: "istio-proxy".into(),
        since_seconds: Some(60),
        limit_bytes: 1000,
        tail_lines: None,
        timestamps: false,
        previous: false,
    };
    assert_eq!(server.connect().await.call(&call).await.unwrap(), Reply::Text("503 UO \u{fffd}\u{fffd}\n".into()));
    assert_eq!(
        server.lines(),
        ["GET /api/v1/namespaces/summit/pods/front-1/log?container=istio-proxy&sinceSeconds=60&limitBytes=1000"]
    );
}

#[tokio::test]
async fn a_part_of_a_log_is_asked_for() {
    let server = Double::start(|_, _| axum::http::Response::new(axum::body::Body::empty())).await;
    let call = Call::Logs {
        namespace: "summit".into(),
        pod: "front-1".into(),
        container: "app".into(),
        since_seconds: None,
        limit_bytes: 1000,
        tail_lines: Some(20),
        timestamps: true,
        previous: true,
    };
    server.connect().await.call(&call).await.unwrap();
    assert_eq!(
        server.lines(),
        [
            "GET /api/v1/namespaces/summit/pods/front-1/log?container=app&limitBytes=1000&tailLines=20&timestamps=true&previous=true"
        ]
    );
}

#[tokio::test]
async fn an_apply_is_sent_once_and_forced_only_when_asked() {
    let server = Double::start(|_, _| json_answer(200, &object())).await;
    let connection = server.connect().await;
    for (force, dry_run) in [(false, true), (true, false)] {
        let call = Call::Apply { object: rule(), configuration: object(), force, dry_run };
        json_of(&connection, call).await.unwrap();
    }
    let place = "PATCH /apis/networking.istio.io/v1/namespaces/summit/destinationrules/graph-core?fieldManager=meshbook&fieldValidation=Strict";
    assert_eq!(server.lines(), [format!("{place}&dryRun=All&force=false"), format!("{place}&force=true")]);
    assert_eq!(server.received()[0].headers["content-type"], "application/apply-patch+yaml");
    assert_eq!(serde_json::from_str::<Value>(&server.received()[0].body).unwrap(), object());

    let busy = Double::start(|_, _| status(503, "ServiceUnavailable", "try again")).await;
    let call = Call::Apply { object: rule(), configuration: object(), force: false, dry_run: false };
    failure_of(&busy.connect().await, call).await;
    assert_eq!(busy.lines().len(), 1);
}

#[tokio::test]
async fn fields_of_others_are_named_with_what_to_do() {
    let message = "Apply failed with 1 conflict: conflict with \"kubectl\" using apps/v1: .spec.replicas";
    let server = Double::start(move |_, _| status(409, "Conflict", message)).await;
    let call = Call::Apply { object: rule(), configuration: object(), force: false, dry_run: true };
    let failure = failure_of(&server.connect().await, call).await;
    assert_eq!(failure.code.name, failure::CONFLICT.name);
    assert!(failure.message.ends_with(message), "{failure}");
    assert!(failure.hint.is_some_and(|hint| hint.contains("never taken by force")));
    assert_eq!(failure.unchanged.as_deref(), Some("DestinationRule summit/graph-core is as it was"));
}

#[tokio::test]
async fn an_access_review_names_subresource_and_object() {
    let server = Double::start(|_, _| {
        json_answer(201, &json!({"kind": "SelfSubjectAccessReview", "status": {"allowed": true}}))
    })
    .await;
    let call = Call::AccessReview {
        verb: "patch".into(),
        group: "apps".into(),
        resource: "deployments/scale".into(),
        namespace: Some("summit".into()),
        name: Some("front".into()),
    };
    assert_eq!(json_of(&server.connect().await, call).await.unwrap(), json!(true));
    let sent: Value = serde_json::from_str(&server.received()[0].body).unwrap();
    assert_eq!(
        sent["spec"]["resourceAttributes"],
        json!({"verb": "patch", "group": "apps", "resource": "deployments", "subresource": "scale", "namespace": "summit", "name": "front"})
    );
}

#[tokio::test]
async fn known_kinds_need_no_request_and_others_one_discovery() {
    let server = Double::start(|received, _| {
        let group = json!({"metadata": {"name": "networking.istio.io"}, "versions": [{"version": "v1", "resources": [
            {"resource": "virtualservices", "responseKind": {"kind": "VirtualService"}, "scope": "Namespaced", "shortNames": ["vs"]}]}]});
        let items = if received.line.ends_with("/apis") { json!([group]) } else { json!([]) };
        json_answer(200, &json!({"kind": "APIGroupDiscoveryList", "items": items}))
    })
    .await;
    let known = ResourceKind::namespaced("networking.istio.io", "v1", "DestinationRule", "destinationrules");
    let options = Options {
        kubeconfig_text: Some(kubeconfig(&server.url(), "{}", "")),
        kinds: vec![KnownKind::new(known, &["dr"])],
        ..Options::default()
    };
    let connection = Connection::open(options).await.unwrap();
    let resolve = |name: &str| json_of(&connection, Call::ResolveKind { name: name.into() }).map_kind();
    for (name, kind) in
        [("deploy", "Deployment"), ("Pod", "Pod"), ("dr", "DestinationRule"), ("HPA", "HorizontalPodAutoscaler")]
    {
        assert_eq!(resolve(name).await.unwrap(), kind);
    }
    assert_eq!(server.lines(), Vec::<String>::new());
    assert_eq!(resolve("vs").await.unwrap(), "VirtualService");
    assert_eq!(resolve("virtualservice.networking.istio.io").await.unwrap(), "VirtualService");
    let failure = resolve("virtualservise").await.unwrap_err();
    assert_eq!(
        (failure.code.name, failure.hint.as_deref()),
        (failure::NOT_FOUND.name, Some("did you mean `virtualservices`?"))
    );
    let mut lines = server.lines();
    lines.sort();
    assert_eq!(lines, ["GET /api", "GET /apis"]);
}

trait MapKind {
    async fn map_kind(self) -> Result<String, Failure>;
}

impl<F: Future<Output = Result<Value, Failure>>> MapKind for F {
    async fn map_kind(self) -> Result<String, Failure> {
        self.await.map(|kind| kind["kind"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn the_clock_is_the_one_that_was_given() {
    let clock = Arc::new(Skipping::default());
    let connection = connect_by(kubeconfig("http://127.0.0.1:1", "{}", ""), "", Arc::clone(&clock) as _).await.unwrap();
    let Reply::Time(now) = connection.call(&Call::Now).await.unwrap() else { panic!() };
    assert_eq!(now.as_second(), 1_767_603_600);
    assert_eq!(connection.call(&Call::Sleep { duration: Duration::from_secs(600) }).await.unwrap(), Reply::Done);
    assert_eq!(clock.slept(), [Duration::from_secs(600)]);
}
