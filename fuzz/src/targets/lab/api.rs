//! Requests to the lab's API server: method, path, selectors, media types, every kind of patch, reviews in protobuf.
//! An input is the text of an HTTP request; what it would change is tried only (`dryRun=All`).
//!
//! Beyond "no panic": it answers at once, an error is a `Status` that carries its own code (but for a path that the server
//! does not know, as on a real one), and a dry run changes nothing.

use std::sync::LazyLock;

use crate::cluster::{Cluster, RUNTIME};
use axum::body::{Body, to_bytes};
use futures::FutureExt;
use http::Request;
use serde_json::Value;
use tower::ServiceExt;

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::start("breaker"));

/// See the module.
pub fn run(bytes: &[u8]) {
    let Some(request) = request(bytes) else { return };
    RUNTIME.block_on(async {
        let before = CLUSTER.store.resource_version();
        let what = format!("{} {}", request.method(), request.uri());
        let Ok(response) = CLUSTER.server.router().oneshot(request).await;
        assert_eq!(CLUSTER.store.resource_version(), before, "{what} was a dry run");
        let status = response.status();
        // A watch and a followed log have no end; everything else is there.
        // What a pod answers through the proxy is its own, and an answer to HEAD has no body.
        let own = !what.contains("proxy") && !what.starts_with("HEAD");
        if let (true, Some(body)) =
            (own && status.as_u16() >= 400, to_bytes(response.into_body(), usize::MAX).now_or_never())
        {
            let body = body.expect("the body is in memory");
            if status.as_u16() == 404 && &body[..] == b"404 page not found\n" {
                return;
            }
            let said: Value = serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{what}: {status}: {body:?}"));
            assert_eq!((&said["kind"], &said["code"]), (&"Status".into(), &status.as_u16().into()), "{what}");
        }
    });
}

fn request(bytes: &[u8]) -> Option<Request<Body>> {
    let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap_or(bytes.len());
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    // People write selectors with spaces.
    let target = target.replace(' ', "%20");
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let is_free = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        name != "dryRun" && !name.contains('%')
    };
    let query = query.split('&').filter(is_free);
    let query: Vec<&str> = query.chain(["dryRun=All"]).collect();
    let authorization = format!("Bearer {}", CLUSTER.server.admin_token());
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{path}?{}", query.join("&")))
        .header("Authorization", authorization);
    for (name, value) in
        lines.filter_map(|line| line.split_once(": ")).filter(|(name, _)| !name.eq_ignore_ascii_case("authorization"))
    {
        request = request.header(name, value);
    }
    request.body(Body::from(bytes.get(end + 2..).unwrap_or_default().to_vec())).ok()
}
