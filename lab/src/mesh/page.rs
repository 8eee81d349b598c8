//! HTTP pages of the mesh's pods: which server listens on which port, and the faults that keep it from answering.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;

use super::istiod::config::workload_name;
use super::kubernetes::PodKey;
use super::prometheus::api::Reply;
use super::{Mesh, envoy, istiod, jaeger, prometheus};
use crate::world::objects::ROOT_NAMESPACE;
use crate::world::spec::{PrometheusFault, ProxyFaultKind};

/// The answer of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Page {
    /// 200 with Envoy's plain text.
    pub fn text(body: impl Into<String>) -> Page {
        Page { status: 200, content_type: "text/plain; charset=UTF-8", body: body.into() }
    }

    /// 200 with JSON.
    pub fn json(body: impl Into<String>) -> Page {
        Page { status: 200, content_type: "application/json", body: body.into() }
    }

    /// The same body under another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Page {
        self.status = status;
        self
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type))], self.body).into_response()
    }
}

/// A request for a page.
pub struct Ask<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path, decoded.
    pub path: &'a str,
    /// Query parameters, decoded; a form's fields are among them.
    pub query: Vec<(String, String)>,
}

impl Ask<'_> {
    /// A query parameter's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a parameter.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// Which server listens there.
#[derive(Clone, Copy, PartialEq)]
enum Listener {
    EnvoyAdmin,
    Agent,
    Readiness,
    EnvoyPrometheus,
    Istiod,
    Prometheus,
    Jaeger,
    /// On this port.
    Application(u16),
}

/// The server on a pod's port; `None` is connection refused.
pub fn router(mesh: &Mesh, key: PodKey, port: u16) -> Option<axum::Router> {
    let listener = listener(mesh, &key, port)?;
    let mesh = mesh.clone();
    let handler = move |request: Request| {
        let (mesh, key) = (mesh.clone(), key.clone());
        async move { answer(&mesh, &key, listener, request).await }
    };
    Some(axum::Router::new().fallback(handler))
}

fn listener(mesh: &Mesh, key: &PodKey, port: u16) -> Option<Listener> {
    let state = mesh.state();
    let pod = state.pods.get(key)?;
    if let Some(proxy) = state.proxies.get(key) {
        if proxy.fault == Some(ProxyFaultKind::Unreachable) || proxy.life.is_down {
            return None;
        }
        match port {
            15000 => return Some(Listener::EnvoyAdmin),
            15020 => return Some(Listener::Agent),
            15021 => return Some(Listener::Readiness),
            15090 => return Some(Listener::EnvoyPrometheus),
            _ => {}
        }
    }
    if istiod::plane::is_istiod(pod) {
        return (matches!(port, 15014 | 8080) && istiod::plane::answers(&state, key)).then_some(Listener::Istiod);
    }
    match (key.0.as_str(), workload_name(pod), port) {
        (ROOT_NAMESPACE, "prometheus", 9090) if state.spec.faults.prometheus != PrometheusFault::Down => {
            Some(Listener::Prometheus)
        }
        (_, "jaeger", 16686) => Some(Listener::Jaeger),
        _ => {
            let ports = pod["spec"]["containers"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|container| container["ports"].as_array().into_iter().flatten());
            let listens = ports
                .filter_map(|declared| declared["containerPort"].as_u64())
                .any(|declared| declared == u64::from(port));
            let down = state.traffic.servers.iter().any(|server| server.pod == *key && server.down);
            (listens && !down && key.0 != ROOT_NAMESPACE).then_some(Listener::Application(port))
        }
    }
}

async fn answer(mesh: &Mesh, key: &PodKey, listener: Listener, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut query: Vec<(String, String)> = parse_query(parts.uri.query().unwrap_or_default());
    let form = parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if form && let Ok(bytes) = to_bytes(body, 1 << 20).await {
        query.extend(parse_query(&String::from_utf8_lossy(&bytes)));
    }
    let path = decode(parts.uri.path(), false);
    let ask = Ask { method: &parts.method, path: &path, query };
    if matches!(listener, Listener::EnvoyAdmin | Listener::Agent | Listener::EnvoyPrometheus) {
        let (fault, latency) = {
            let state = mesh.state();
            (state.proxies.get(key).and_then(|proxy| proxy.fault), state.spec.faults.admin_latency.0)
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match fault {
            Some(ProxyFaultKind::AdminHangs) => {
                // Longer than any client waits.
                tokio::time::sleep(Duration::from_secs(86_400)).await;
            }
            Some(ProxyFaultKind::Admin503) => {
                return Page::text(
                    "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
                )
                .with_status(503)
                .into_response();
            }
            Some(ProxyFaultKind::AdminGarbage) => {
                return (StatusCode::OK, Body::from(vec![0x1f, 0x8b, 0x00, 0xff, b'{', b'"', 0xc3, 0x28]))
                    .into_response();
            }
            _ => {}
        }
    }
    let now = mesh.now();
    if listener != Listener::Prometheus {
        return state_page(mesh, key, listener, &ask, now).into_response();
    }
    let reply = prometheus::api::page(&mesh.state(), &ask);
    let page = match reply {
        Reply::Page(page) => page,
        Reply::Series(database) => {
            let (method, query) = (ask.method.clone(), ask.query);
            let asked = tokio::task::spawn_blocking(move || {
                prometheus::api::asked(&database, &Ask { method: &method, path: &path, query }, now)
            });
            asked.await.unwrap_or_else(|_| Page::text("the query was given up\n").with_status(500))
        }
    };
    page.into_response()
}

/// A page that shows the state of the mesh.
fn state_page(mesh: &Mesh, key: &PodKey, listener: Listener, ask: &Ask, now: Timestamp) -> Page {
    let mut state = mesh.state();
    match listener {
        Listener::EnvoyAdmin => envoy::admin(&mut state, key, ask, now),
        Listener::Agent => envoy::agent(&state, key, ask, now),
        Listener::Readiness => envoy::readiness(&state, key, ask),
        Listener::EnvoyPrometheus => envoy::prometheus(&state, key, ask, now),
        Listener::Istiod => istiod::debug::page(&state, key, ask, now),
        Listener::Jaeger => jaeger::page(&state, ask, now),
        Listener::Application(port) => application(&state, key, port, ask, now),
        Listener::Prometheus => Page::text("ok\n"),
    }
}

/// What an application answers on a port that somebody reaches by port-forward; one that errs always errs here as well.
/// The collector's is its extension `health_check` (`healthcheckextension`: `Server available` or 503).
fn application(state: &super::State, key: &PodKey, port: u16, ask: &Ask, now: Timestamp) -> Page {
    let server = state.traffic.servers.iter().find(|server| server.pod == *key);
    let unwell = server.filter(|server| server.error_rate >= 1.0).map(|server| server.error_code);
    let page = match (port, ask.path) {
        (13133, _) => {
            let says = if unwell.is_some() { "Server not available" } else { "Server available" };
            let began = state.pods.get(key).map(|pod| pod["status"]["startTime"].clone());
            let since: Option<Timestamp> = began.as_ref().and_then(|at| at.as_str()?.parse().ok());
            let uptime = since.map_or(0, |since| now.duration_since(since).as_secs());
            let page = serde_json::json!({"status": says, "upSince": began, "uptime": format!("{uptime}s")});
            Page::json(page.to_string())
        }
        (3000, "/api/health") => Page::json("{\"database\":\"ok\"}"),
        (20001, "/kiali/healthz" | "/healthz") => Page::text(""),
        _ => Page::text("ok\n"),
    };
    match unwell {
        Some(status) => page.with_status(status),
        None => page,
    }
}

/// Splits and decodes a query string or a form.
pub fn parse_query(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key, true), decode(value, true))
        })
        .collect()
}

/// Percent-decoding (RFC 3986); in queries a plus is a space.
fn decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escaped = (bytes[i] == b'%')
            .then(|| bytes.get(i + 1..i + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[i], escaped) {
            (_, Some(byte)) => {
                out.push(byte);
                i += 2;
            }
            (b'+', _) if plus => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        i += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::parse_query;

    #[test]
    fn queries_are_decoded() {
        let pairs = parse_query("a=b%7Cc&usedonly&q=x+y%2Bz&bad=%zz");
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("a", "b|c"), ("usedonly", ""), ("q", "x y+z"), ("bad", "%zz")]);
    }
}
