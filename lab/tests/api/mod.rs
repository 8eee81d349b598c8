//! A lab API server for tests, a plain HTTPS client for it, and kubectl.
#![allow(dead_code, reason = "each test file uses its part of this")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

pub mod kubectl;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::routing::get;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use meshbook_lab::api::{Faults, Pods, Server};
use meshbook_lab::clock::LabClock;
use meshbook_lab::store::Store;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Pods with an Envoy admin page on 15000, an echo of the path on 8080, and two lines of log.
pub struct FixedPods {
    pub lines: Vec<(Timestamp, String)>,
}

impl Pods for FixedPods {
    fn port(&self, _namespace: &str, pod: &str, port: u16) -> Option<Router> {
        let pod = pod.to_owned();
        match port {
            15000 => Some(
                Router::new()
                    .route("/ready", get(|| async { "LIVE\n" }))
                    .route("/big", get(|| async { "x".repeat(300_000) })),
            ),
            8080 => Some(Router::new().fallback(move |uri: http::Uri| async move { format!("{pod} {uri}") })),
            _ => None,
        }
    }

    fn logs(&self, _: &str, _: &str, _: &str) -> Result<Vec<(Timestamp, String)>, String> {
        Ok(self.lines.clone())
    }
}

/// A running server with everything behind it.
pub struct Cluster {
    pub store: Store,
    pub server: Server,
    pub clock: LabClock,
    tls: Arc<rustls::ClientConfig>,
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

impl Cluster {
    /// A server over these objects, each stored exactly as it is, at that time.
    pub async fn restored(now: Timestamp, objects: Vec<Value>, lines: Vec<(Timestamp, String)>) -> Cluster {
        let clock = LabClock::at(now);
        let store = Store::new(clock.clone());
        for object in objects {
            assert!(store.restore(object.clone()), "the lab does not serve {object}");
        }
        Self::start(store, clock, lines).await
    }

    /// A server over objects that a controller has put.
    pub async fn with(objects: &[Value]) -> Cluster {
        let clock = LabClock::default();
        let store = Store::new(clock.clone());
        for object in objects {
            store.put(object.clone(), "world");
        }
        let now = clock.now();
        let line = |n: u32| (now, format!("line {n}"));
        Self::start(store, clock, vec![line(1), line(2), line(3)]).await
    }

    async fn start(store: Store, clock: LabClock, lines: Vec<(Timestamp, String)>) -> Cluster {
        let pods = Arc::new(FixedPods { lines });
        let server = Server::start(store.clone(), clock.clone(), pods, Faults::default()).await.unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(server.certificate_authority().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Cluster { store, server, clock, tls: Arc::new(tls) }
    }

    /// Calls the server as the administrator.
    pub async fn call(&self, method: Method, path: &str, media_type: &str, body: impl Into<String>) -> Answer {
        self.call_with(method, path, &[("content-type", media_type), ("accept", "application/json")], body).await
    }

    /// Calls the server with headers of one's own; without `authorization` as the administrator.
    pub async fn call_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<String>,
    ) -> Answer {
        let stream = TcpStream::connect(self.server.address()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(self.tls.clone()).connect(name, stream).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", format!("Bearer {}", self.server.admin_token()));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.into()))).unwrap();
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        connection.abort();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// How long a read takes on a kept connection, the median of so many.
    pub async fn median_of_reads(&self, path: &str, count: usize) -> std::time::Duration {
        let stream = TcpStream::connect(self.server.address()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(self.tls.clone()).connect(name, stream).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let token = format!("Bearer {}", self.server.admin_token());
            let request = Request::get(path).header("host", "localhost").header("authorization", token);
            sender.ready().await.unwrap();
            let begun = std::time::Instant::now();
            let answer = sender.send_request(request.body(Full::new(Bytes::new())).unwrap()).await.unwrap();
            assert_eq!(answer.status(), 200);
            answer.into_body().collect().await.unwrap();
            times.push(begun.elapsed());
        }
        times.sort();
        times[count / 2]
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, "application/json", "").await
    }

    pub async fn merge(&self, path: &str, patch: Value) -> Answer {
        self.call(Method::PATCH, path, "application/merge-patch+json", patch.to_string()).await
    }

    pub async fn apply(&self, path: &str, configuration: Value) -> Answer {
        self.call(Method::PATCH, path, "application/apply-patch+yaml", configuration.to_string()).await
    }
}

pub const RULE: &str = "/apis/networking.istio.io/v1/namespaces/summit/destinationrules/graph-core";
pub const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/summit/deployments/graph-core";

/// A namespace with one workload, its service and its rule.
pub fn summit() -> Vec<Value> {
    let labels = json!({"app": "graph-core", "version": "v1"});
    let containers = json!([
        {"name": "app", "image": "registry.example/graph-core:1.2", "ports": [{"containerPort": 8080}]},
        {"name": "istio-proxy", "image": "registry.example/proxyv2:1.31"}
    ]);
    let ready = |name: &str| json!({"name": name, "ready": true, "restartCount": 0, "image": "i", "imageID": "", "state": {"running": {"startedAt": "2026-01-05T09:00:00Z"}}});
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "summit", "labels": {"istio-injection": "enabled"}}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "summit"}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "graph-core", "namespace": "summit"},
               "spec": {"selector": {"app": "graph-core"}, "ports": [{"name": "http", "port": 8080}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "graph-core", "namespace": "summit"},
               "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "graph-core"}},
                        "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}}},
               "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
                          "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": "ok"}]}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "graph-core-1", "namespace": "summit", "labels": labels},
               "spec": {"nodeName": "node-1", "containers": containers},
               "status": {"phase": "Running", "podIP": "10.244.0.3", "hostIP": "10.0.0.1",
                          "conditions": [{"type": "Ready", "status": "True"}],
                          "containerStatuses": [ready("app"), ready("istio-proxy")]}}),
        json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "graph-core", "namespace": "summit"},
               "spec": {"host": "graph-core.summit.svc.cluster.local",
                        "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 1}, "http": {"http1MaxPendingRequests": 1}}}}}),
    ]
}
