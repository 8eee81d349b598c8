//! Requests to the ports of pods.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use futures::future::join_all;
use meshbook_runtime::effect::{Call, PodRequest, Reply};
use meshbook_runtime::failure::{self, Failure};
use meshbook_runtime::transport::{Connection, Transport};

use crate::double::{Behaviour, Double, Pods, text_answer};

fn ask(pod: &str, method: &str, path: &str) -> Call {
    Call::Pod(PodRequest {
        namespace: "summit".into(),
        pod: pod.into(),
        port: 15000,
        method: method.into(),
        path: path.into(),
        body: String::new(),
    })
}

async fn get(connection: &Connection, pod: &str, path: &str) -> Result<(u16, String), Failure> {
    match connection.call(&ask(pod, "GET", path)).await? {
        Reply::Http { status, body } => Ok((status, body)),
        other => panic!("{other:?}"),
    }
}

/// A pod that answers with the path it was asked for, and counts.
fn echo() -> (Router, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let router = Router::new().fallback(move |request: Request<Body>| {
        seen.fetch_add(1, Ordering::SeqCst);
        async move { format!("{} {}", request.method(), request.uri()) }
    });
    (router, count)
}

async fn server(pods: Pods) -> Double {
    Double::start_with(pods, |received, _| panic!("{}", received.line)).await
}

#[tokio::test]
async fn one_stream_serves_many_requests() {
    let (router, _) = echo();
    let server = server(Pods::default().with("front-1", Behaviour::Serves(router))).await;
    let connection = server.connect().await;
    for path in ["/config_dump?resource=dynamic_active_clusters", "/stats?filter=%5Ecluster", "/ready"] {
        assert_eq!(get(&connection, "front-1", path).await.unwrap(), (200, format!("GET {path}")));
    }
    let post = connection.call(&ask("front-1", "POST", "/logging?level=debug")).await.unwrap();
    assert_eq!(post, Reply::Http { status: 200, body: "POST /logging?level=debug".into() });
    assert_eq!(server.pods.opened.load(Ordering::SeqCst), 1);
    assert_eq!(server.lines(), ["GET /api/v1/namespaces/summit/pods/front-1/portforward?&ports=15000"]);
}

#[tokio::test]
async fn an_answer_of_any_status_is_an_answer() {
    let router = Router::new().fallback(|| async { text_answer(503, "DRAINING\n") });
    let server = server(Pods::default().with("front-1", Behaviour::Serves(router))).await;
    assert_eq!(get(&server.connect().await, "front-1", "/ready").await.unwrap(), (503, "DRAINING\n".into()));
}

#[tokio::test]
async fn the_end_of_an_answer_is_known_by_its_framing_where_the_stream_never_ends() {
    let router = Router::new().fallback(|| async {
        Response::builder().header("connection", "close").body(Body::from("x".repeat(300_000))).unwrap()
    });
    let server = server(Pods::default().with("front-1", Behaviour::Serves(router))).await;
    let connection = server.connect().await;
    for _ in 0..2 {
        assert_eq!(get(&connection, "front-1", "/").await.unwrap().1.len(), 300_000);
    }
    // The answer said that the stream may not be used again.
    assert_eq!(server.pods.opened.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_warm_stream_that_died_is_opened_anew_for_a_read() {
    let (router, _) = echo();
    let server = server(Pods::default().with("front-1", Behaviour::Dies(router, 1))).await;
    let connection = server.connect().await;
    for path in ["/1", "/2", "/3"] {
        assert_eq!(get(&connection, "front-1", path).await.unwrap().1, format!("GET {path}"));
    }
    assert_eq!(server.pods.opened.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_write_that_may_have_arrived_is_not_repeated() {
    let (router, count) = echo();
    let server = server(Pods::default().with("front-1", Behaviour::Dies(router, 1))).await;
    let connection = server.connect().await;
    get(&connection, "front-1", "/1").await.unwrap();
    let failure = connection.call(&ask("front-1", "POST", "/logging?level=debug")).await.unwrap_err();
    assert_eq!(failure.code.name, failure::UNREACHABLE.name);
    assert_eq!((server.pods.opened.load(Ordering::SeqCst), count.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn a_port_that_hangs_is_named_with_the_time() {
    let server = server(Pods::default().with("front-1", Behaviour::Says(Vec::new()))).await;
    let connection = server.connect_with("timeouts = { pod = '200ms' }").await;
    let failure = get(&connection, "front-1", "/config_dump").await.unwrap_err();
    assert_eq!(failure.code.name, failure::UNREACHABLE.name);
    assert_eq!(failure.message, "port 15000 of Pod summit/front-1 did not answer within 0.2 s (GET /config_dump)");
}

#[tokio::test]
async fn a_body_that_hangs_is_named_with_the_time() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec();
    let server = server(Pods::default().with("front-1", Behaviour::Says(half))).await;
    let failure = get(&server.connect_with("timeouts = { pod = '200ms' }").await, "front-1", "/").await.unwrap_err();
    assert!(failure.message.contains("did not answer within 0.2 s"), "{failure}");
}

#[tokio::test]
async fn garbage_is_a_bad_answer() {
    let server =
        server(Pods::default().with("front-1", Behaviour::Says(b"\x15\x03\x03\x00\x02\x02\x46 not HTTP".to_vec())))
            .await;
    let failure = get(&server.connect().await, "front-1", "/").await.unwrap_err();
    assert_eq!(failure.code.name, failure::BAD_ANSWER.name);
    assert!(failure.message.contains("did not answer GET / in HTTP"), "{failure}");
}

#[tokio::test]
async fn an_answer_may_not_be_boundless() {
    let router = Router::new().fallback(|| async { "x".repeat(2 << 20) });
    let server = server(Pods::default().with("front-1", Behaviour::Serves(router))).await;
    let failure = get(&server.connect_with("budget = { answer_mib = 1 }").await, "front-1", "/").await.unwrap_err();
    assert_eq!(failure.code.name, failure::BAD_ANSWER.name);
    assert!(failure.message.contains("larger than 1 MiB"), "{failure}");
}

#[tokio::test]
async fn a_port_on_which_nobody_listens_says_so() {
    let server = server(Pods::default().with("front-1", Behaviour::Refuses)).await;
    let failure = get(&server.connect().await, "front-1", "/").await.unwrap_err();
    assert_eq!(failure.code.name, failure::UNREACHABLE.name);
    assert!(failure.message.contains("connection refused"), "{failure}");
}

#[tokio::test]
async fn a_pod_that_is_gone_or_forbidden_is_told_apart() {
    let server = server(Pods::default().forbidding("secret-1")).await;
    let connection = server.connect().await;
    let gone = get(&connection, "front-1", "/").await.unwrap_err();
    assert_eq!((gone.code.name, gone.message.as_str()), (failure::NOT_FOUND.name, "Pod summit/front-1 does not exist"));
    let forbidden = get(&connection, "secret-1", "/").await.unwrap_err();
    assert_eq!(forbidden.code.name, failure::FORBIDDEN.name);
    assert_eq!(
        forbidden.hint.as_deref(),
        Some(
            "a Role in namespace summit has to grant {apiGroups: [\"\"], resources: [\"pods/portforward\"], verbs: [\"create\"]}"
        )
    );
}

#[tokio::test]
async fn a_name_cannot_lead_to_another_path() {
    let server = server(Pods::default()).await;
    let connection = server.connect().await;
    for (pod, path) in [
        ("../../secrets/a", "/"),
        ("a?b", "/"),
        ("", "/"),
        ("front-1", "http://elsewhere/"),
        ("front-1", "/a b"),
        ("front-1", "/\r\nx: y"),
    ] {
        assert_eq!(get(&connection, pod, path).await.unwrap_err().code.name, failure::TYPE.name, "{pod} {path}");
    }
    assert_eq!(connection.call(&ask("front-1", "DELETE", "/")).await.unwrap_err().code.name, failure::TYPE.name);
    assert_eq!(server.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn only_so_many_streams_are_open_at_once() {
    let (router, count) = echo();
    let names: Vec<String> = (0..40).map(|number| format!("front-{number}")).collect();
    let pods = names.iter().fold(Pods::default(), |pods, name| pods.with(name, Behaviour::Serves(router.clone())));
    let server = server(pods).await;
    let connection = server.connect_with("budget = { forwards = 3 }").await;
    for _ in 0..2 {
        let answers = join_all(names.iter().map(|name| get(&connection, name, "/ready"))).await;
        assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|(status, _)| *status == 200)), "{answers:?}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 80);
    // The stand-in notices that a stream was closed a moment after its place was given away.
    let most = server.pods.most.load(Ordering::SeqCst);
    assert!(most <= 6, "{most} streams were open at once");
}

#[tokio::test]
async fn a_request_that_was_given_up_leaves_nothing_to_the_next() {
    let router = Router::new()
        .route("/slow", axum::routing::get(|| async { tokio::time::sleep(Duration::from_secs(60)).await }))
        .fallback(|request: Request<Body>| async move { request.uri().to_string() });
    let server = server(Pods::default().with("front-1", Behaviour::Serves(router))).await;
    let connection = server.connect().await;
    let given_up = tokio::time::timeout(Duration::from_millis(100), get(&connection, "front-1", "/slow")).await;
    assert!(given_up.is_err());
    assert_eq!(get(&connection, "front-1", "/quick").await.unwrap().1, "/quick");
    assert_eq!(server.pods.opened.load(Ordering::SeqCst), 2);
}
