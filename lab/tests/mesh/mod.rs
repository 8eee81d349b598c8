//! How the tests ask a pod of the lab's mesh for a page: through the same routers that port-forward serves.
#![allow(clippy::unwrap_used, dead_code, reason = "a failed unwrap fails the test; not every test asks everything")]

use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use meshbook_lab::api::Pods;
use meshbook_lab::{LabClock, Mesh, Store, World};
use serde_json::Value;
use tower::ServiceExt;

/// A mesh without an API server, in virtual time.
pub struct Bench {
    pub mesh: Mesh,
    pub store: Store,
}

impl Bench {
    pub fn new(world: World) -> Bench {
        let clock = LabClock::default();
        let store = Store::new(clock.clone());
        let mesh = Mesh::start(world.spec(), store.clone(), clock);
        Bench { mesh, store }
    }

    pub fn named(name: &str) -> Bench {
        Bench::new(World::named(name).unwrap())
    }

    pub fn advance(&self, seconds: u64) {
        self.mesh.advance(Duration::from_secs(seconds));
    }

    /// Pod names of a workload.
    pub fn pods(&self, namespace: &str, app: &str) -> Vec<String> {
        let all = self.store.list("", "pods", Some(namespace));
        all.iter()
            .filter(|pod| pod["metadata"]["labels"]["app"] == app)
            .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    }

    pub async fn ask(&self, method: &str, namespace: &str, pod: &str, port: u16, path: &str) -> (StatusCode, String) {
        let router = self.mesh.port(namespace, pod, port).unwrap_or_else(|| panic!("{namespace}/{pod}:{port} refuses"));
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    pub async fn get(&self, namespace: &str, pod: &str, port: u16, path: &str) -> String {
        let (status, body) = self.ask("GET", namespace, pod, port, path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    pub async fn json(&self, namespace: &str, pod: &str, port: u16, path: &str) -> Value {
        let body = self.get(namespace, pod, port, path).await;
        serde_json::from_str(&body).unwrap_or_else(|e| panic!("{path}: {e}: {body}"))
    }

    /// A statistic of a proxy; `None` if it is not exported.
    pub async fn stat(&self, pod: &str, name: &str) -> Option<u64> {
        let page = self.json("summit", pod, 15000, "/stats?format=json").await;
        page["stats"]
            .as_array()
            .unwrap()
            .iter()
            .find(|stat| stat["name"] == name)
            .and_then(|stat| stat["value"].as_u64())
    }

    /// The values of an instant query, with their labels.
    pub async fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let pod = &self.pods("istio-system", "prometheus")[0];
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = self.json("istio-system", pod, 9090, &format!("/api/v1/query?query={escaped}")).await;
        let result = answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{query}: {answer}"));
        result.iter().map(|one| (one["metric"].clone(), one["value"][1].as_str().unwrap().parse().unwrap())).collect()
    }

    /// The sum of an instant query's values.
    pub async fn sum(&self, query: &str) -> f64 {
        self.query(query).await.iter().map(|(_, value)| value).sum()
    }

    pub fn set_limits(&self, limit: u64) {
        let rule = self.store.get("networking.istio.io", "destinationrules", "summit", "graph-core").unwrap();
        let mut rule = (*rule).clone();
        rule["spec"]["trafficPolicy"]["connectionPool"] = serde_json::json!({
            "tcp": {"maxConnections": limit}, "http": {"http1MaxPendingRequests": limit, "http2MaxRequests": limit},
        });
        self.store.put(rule, "test");
    }
}
