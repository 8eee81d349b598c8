//! Streams into pods: port-forward in the WebSocket channel form, and the pod proxy.
//!
//! The form: subprotocol `v4.channel.k8s.io` or `v5.channel.k8s.io`; each binary message begins with a channel
//! number; each port has two channels, one for data and one for errors; the first message of each carries the port,
//! little-endian. As with a real server, the end of the pod's side of a stream is never signalled.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use futures::stream::SplitSink;
use futures::{SinkExt, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, UPGRADE};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, WriteHalf};
use tokio::sync::mpsc;
use tower::ServiceExt;

use super::Api;
use super::read;
use super::request::{Query, Target};
use super::status::Failure;

/// How much of a stream is in flight.
const BUFFER: usize = 64 * 1024;

/// Envoy's admin port, which only listens inside the pod.
const ADMIN: u16 = 15000;

pub(crate) async fn port_forward(
    api: &Arc<Api>,
    target: &Target,
    query: &Query,
    parts: &mut Parts,
) -> Result<Response<Body>, Failure> {
    let pod = read::find(&api.store, target)?;
    if !parts.headers.contains_key(UPGRADE) {
        return Err(Failure::bad_request("Upgrade request required"));
    }
    if pod["status"]["phase"] != "Running" {
        return Err(Failure::bad_request(format!(
            "unable to forward port because pod is not running. Current status={}",
            pod["status"]["phase"].as_str().unwrap_or("Pending")
        )));
    }
    let ports: Result<Vec<u16>, _> = query.all("ports").flat_map(|list| list.split(',')).map(str::parse).collect();
    let ports = ports.ok().filter(|p| !p.is_empty() && !p.contains(&0) && p.len() < 128).ok_or_else(|| {
        Failure::bad_request("query parameter \"ports\" must be a list of numbers between 1 and 65535")
    })?;
    let upgrade = WebSocketUpgrade::from_request_parts(parts, &())
        .await
        .map_err(|rejection| Failure::bad_request(rejection.body_text()))?
        .protocols(["v5.channel.k8s.io", "v4.channel.k8s.io"]);
    if upgrade.selected_protocol().is_none() {
        return Err(Failure::bad_request(
            "the lab forwards ports in the form of v4.channel.k8s.io and v5.channel.k8s.io; kubectl port-forward needs SPDY, which it does not speak",
        ));
    }
    let (api, target) = (api.clone(), target.clone());
    Ok(upgrade.on_upgrade(move |socket| forward(api, target, ports, socket)))
}

pub(super) fn message(channel: u8, content: &[u8]) -> Message {
    let mut bytes = Vec::with_capacity(content.len() + 1);
    bytes.push(channel);
    bytes.extend_from_slice(content);
    Message::Binary(bytes.into())
}

async fn forward(api: Arc<Api>, target: Target, ports: Vec<u16>, socket: WebSocket) {
    let (sink, mut incoming) = socket.split();
    let (outgoing, queue) = mpsc::channel::<Message>(64);
    let writer = tokio::spawn(write_out(sink, queue));
    let mut streams: HashMap<u8, WriteHalf<DuplexStream>> = HashMap::new();
    let mut tasks = tokio::task::JoinSet::new();
    for (index, port) in ports.iter().enumerate() {
        let Ok(channel) = u8::try_from(2 * index) else { break };
        for channel in [channel, channel + 1] {
            if outgoing.send(message(channel, &port.to_le_bytes())).await.is_err() {
                return;
            }
        }
        let Some(router) = api.pods.port(target.namespace(), target.name(), *port) else {
            let text = format!(
                "an error occurred forwarding {port} -> {port}: error forwarding port {port} to pod {}, uid : failed to connect to localhost:{port} inside namespace: dial tcp4 127.0.0.1:{port}: connect: connection refused",
                target.name()
            );
            if outgoing.send(message(channel + 1, text.as_bytes())).await.is_err() {
                return;
            }
            continue;
        };
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        let (mut reads, writes) = tokio::io::split(ours);
        streams.insert(channel, writes);
        tasks.spawn(async move {
            let service = TowerToHyperService::new(router);
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a forwarded connection ended");
            }
        });
        let outgoing = outgoing.clone();
        tasks.spawn(async move {
            let mut buffer = vec![0; BUFFER];
            while let Ok(count @ 1..) = reads.read(&mut buffer).await {
                if outgoing.send(message(channel, &buffer[..count])).await.is_err() {
                    return;
                }
            }
        });
    }
    while let Some(Ok(received)) = incoming.next().await {
        match received {
            Message::Binary(bytes) => {
                let Some((channel, content)) = bytes.split_first() else { continue };
                if let Some(stream) = streams.get_mut(channel)
                    && stream.write_all(content).await.is_err()
                {
                    streams.remove(channel);
                }
            }
            Message::Close(_) => break,
            _ => {}
        }
    }
    tasks.abort_all();
    drop(outgoing);
    writer.abort();
}

async fn write_out(mut sink: SplitSink<WebSocket, Message>, mut queue: mpsc::Receiver<Message>) {
    while let Some(message) = queue.recv().await {
        if sink.send(message).await.is_err() {
            return;
        }
    }
}

/// `pods/NAME:PORT/proxy/PATH`: a request to the pod's address, which does not reach what listens on its loopback.
pub(crate) async fn proxy(api: &Api, target: &Target, parts: Parts, body: Body) -> Result<Response<Body>, Failure> {
    let name = target.name();
    let (name, port) = name.split_once(':').unwrap_or((name, ""));
    let name = name.to_owned();
    let pod =
        api.store.get("", "pods", target.namespace(), &name).ok_or_else(|| Failure::not_found(&target.kind, &name))?;
    let port = if port.is_empty() { first_port(&pod) } else { port.parse().ok() }
        .ok_or_else(|| Failure::bad_request(format!("invalid pod request {:?}", target.name())))?;
    if port == ADMIN {
        let text = "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure";
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
        return Ok(response);
    }
    let address = pod["status"]["podIP"].as_str().unwrap_or_default();
    let router = api.pods.port(target.namespace(), &name, port).ok_or_else(|| {
        Failure::unavailable(format!(
            "error trying to reach service: dial tcp {address}:{port}: connect: connection refused"
        ))
    })?;
    let query = parts.uri.query().map(|q| format!("?{q}")).unwrap_or_default();
    let uri: Uri = format!("/{}{query}", target.rest)
        .parse()
        .map_err(|_| Failure::bad_request(format!("{:?} is no path", target.rest)))?;
    let mut request = Request::new(body);
    *request.method_mut() = parts.method;
    *request.uri_mut() = uri;
    *request.headers_mut() = parts.headers;
    let response = router.oneshot(request).await;
    let response = match response {
        Ok(response) => response,
        Err(never) => match never {},
    };
    Ok(response)
}

fn first_port(pod: &serde_json::Value) -> Option<u16> {
    pod["spec"]["containers"][0]["ports"][0]["containerPort"].as_u64().and_then(|p| u16::try_from(p).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;

    #[test]
    fn messages_begin_with_their_channel() {
        let Message::Binary(bytes) = message(3, b"ab") else { panic!("channels are binary") };
        assert_eq!(bytes, Bytes::from_static(b"\x03ab"));
    }
}
