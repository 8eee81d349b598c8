//! Requests of runbooks to the ports of pods: Envoy's admin pages, istiod's debug pages, an agent's health.

use http::{HeaderMap, Method};

use super::port_forward::{Forwards, Outgoing, PodPort};
use super::server::Server;
use super::status::printable;
use crate::effect::{PodRequest, Reply};
use crate::failure::{Failure, TYPE};

/// Carries out one request. An answer of any status is an answer: what a 503 means, the caller knows.
pub(super) async fn request(server: &Server, forwards: &Forwards, request: &PodRequest) -> Result<Reply, Failure> {
    let method = match request.method.as_str() {
        "GET" => Method::GET,
        "POST" => Method::POST,
        other => {
            return Err(Failure::new(
                &TYPE,
                format!("a pod's port is asked by GET or POST, not by `{}`", printable(other)),
            ));
        }
    };
    // What begins otherwise would be another form of request target (RFC 9112 §3.2), such as a whole address.
    if !request.path.starts_with('/') || request.path.contains(|c: char| c.is_control() || c == ' ') {
        return Err(Failure::new(&TYPE, format!("`{}` is not a path and query", printable(&request.path))));
    }
    for name in [&request.namespace, &request.pod] {
        if !is_name(name) {
            return Err(Failure::new(&TYPE, format!("`{}` is not the name of a pod or namespace", printable(name))));
        }
    }
    let repeatable = method == Method::GET;
    let outgoing = Outgoing {
        method,
        path: request.path.clone(),
        headers: HeaderMap::new(),
        body: request.body.clone().into_bytes(),
        repeatable,
    };
    let at = PodPort { namespace: request.namespace.clone(), pod: request.pod.clone(), port: request.port };
    let answer = forwards.request(server, &at, &outgoing).await?;
    let body =
        String::from_utf8(answer.body).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok(Reply::Http { status: answer.status.as_u16(), body })
}

/// Whether Kubernetes takes this as the name of a pod or namespace (RFC 1123 subdomain). Checked here because the
/// client puts it into the path of the port-forward as it is.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
        && text.split('.').all(|part| !part.is_empty())
}
