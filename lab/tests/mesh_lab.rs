//! A whole lab, asked as a cluster is: through its API server, by port-forward and logs.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, LogParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use meshbook_lab::{Lab, Pace, World};
use serde_json::{Value, json};

async fn client(lab: &Lab) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::from_yaml(&lab.kubeconfig()).unwrap();
    Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()).unwrap()
}

async fn get(pods: &Api<Pod>, pod: &str, port: u16, path: &str) -> Value {
    let mut forward = pods.portforward(pod, &[port]).await.unwrap();
    let stream = hyper_util::rt::TokioIo::new(forward.take_stream(port).unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get(path).header("host", "localhost").body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patch_through_the_api_heals_the_breaker() {
    let lab = Lab::start(World::named("breaker").unwrap(), Pace::Virtual).await.unwrap();
    let client = client(&lab).await;
    let pods: Api<Pod> = Api::namespaced(client.clone(), "summit");
    let fronts = pods.list(&ListParams::default().labels("app=front")).await.unwrap().items;
    assert_eq!(fronts.len(), 3);
    let front = fronts[0].metadata.name.clone().unwrap();
    let name = "cluster.outbound|8080||graph-core.summit.svc.cluster.local;.upstream_rq_pending_overflow";
    let page = "/stats?format=json&filter=graph-core.*upstream_rq_pending_overflow";
    let value = |page: Value| {
        page["stats"].as_array().unwrap().iter().find(|stat| stat["name"] == name).unwrap()["value"].as_u64().unwrap()
    };
    let before = value(get(&pods, &front, 15000, page).await);
    lab.advance(Duration::from_secs(5));
    let tripped = value(get(&pods, &front, 15000, page).await);
    assert!(tripped > before + 200, "{before}, {tripped}");
    let log = LogParams { container: Some("istio-proxy".into()), tail_lines: Some(200), ..LogParams::default() };
    assert!(pods.logs(&front, &log).await.unwrap().contains(" 503 UO "));

    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("networking.istio.io", "v1", "DestinationRule"));
    let rules: Api<DynamicObject> = Api::namespaced_with(client.clone(), "summit", &kind);
    let patch = json!({"spec": {"trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 500}, "http": {"http1MaxPendingRequests": 500, "http2MaxRequests": 500}}}}});
    rules.patch("graph-core", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    lab.advance(Duration::from_secs(2));
    let dump = get(
        &pods,
        &front,
        15000,
        "/config_dump?resource=dynamic_active_clusters&name_regex=outbound%5C%7C8080%5C%7C%5C%7Cgraph-core.%2A",
    )
    .await;
    assert_eq!(dump["configs"][0]["cluster"]["circuit_breakers"]["thresholds"][0]["max_requests"], 500);
    let before = value(get(&pods, &front, 15000, page).await);
    lab.advance(Duration::from_secs(60));
    assert_eq!(value(get(&pods, &front, 15000, page).await), before, "nothing is refused any more");

    let system: Api<Pod> = Api::namespaced(client, "istio-system");
    let prometheus =
        system.list(&ListParams::default().labels("app.kubernetes.io/name=prometheus")).await.unwrap().items[0]
            .metadata
            .name
            .clone()
            .unwrap();
    let refused = get(
        &system,
        &prometheus,
        9090,
        "/api/v1/query?query=sum(rate(istio_requests_total%7Bresponse_flags%3D%22UO%22%7D%5B30s%5D))",
    )
    .await;
    assert_eq!(refused["data"]["result"][0]["value"][1], "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_walls_pace_time_moves_by_itself() {
    let lab = Lab::start(World::named("healthy").unwrap(), Pace::Wall { speed: 20.0 }).await.unwrap();
    let before = lab.clock().now();
    tokio::time::sleep(Duration::from_millis(600)).await;
    let passed = lab.clock().now().duration_since(before).as_secs_f64();
    assert!(passed > 4.0, "{passed} s of the lab in 0.6 s");
    assert!(Lab::start(World::named("healthy").unwrap(), Pace::Wall { speed: 0.0 }).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_minutes_pass_quickly() {
    let lab = Lab::start(World::named("breaker").unwrap(), Pace::Virtual).await.unwrap();
    let begin = Instant::now();
    lab.advance(Duration::from_secs(600));
    let took = begin.elapsed();
    // A debug build took 30 ms; the bound leaves room for a busy machine.
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gitops_controller_writes_back_what_it_owns() {
    let lab = Lab::start(World::named("breaker-gitops").unwrap(), Pace::Virtual).await.unwrap();
    let client = client(&lab).await;
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("networking.istio.io", "v1", "DestinationRule"));
    let rules: Api<DynamicObject> = Api::namespaced_with(client, "summit", &kind);
    let limit = async || {
        rules.get("graph-core").await.unwrap().data["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["maxConnections"]
            .clone()
    };
    let patch = json!({"spec": {"trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 500}}}}});
    rules.patch("graph-core", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    lab.advance(Duration::from_secs(9));
    assert_eq!(limit().await, 500);
    lab.advance(Duration::from_secs(2));
    assert_eq!(limit().await, 4);
    let managers = rules.get("graph-core").await.unwrap().metadata.managed_fields.unwrap();
    assert!(managers.iter().any(|entry| entry.manager.as_deref() == Some("argocd-controller")), "{managers:?}");
}
