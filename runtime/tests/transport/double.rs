//! Stand-ins for what a connection talks to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, Request, Response};
use axum::response::IntoResponse;
use futures::future::{BoxFuture, FutureExt};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use meshbook_runtime::effect::{Call, Reply};
use meshbook_runtime::failure::Failure;
use meshbook_runtime::transport::{Clock, ConfigFile, Connection, Options, Transport};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpListener;

/// A clock on which no wait takes time, and which notes them.
#[derive(Default)]
pub struct Skipping {
    slept: Mutex<Vec<Duration>>,
}

impl Skipping {
    pub fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }
}

impl Clock for Skipping {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_767_603_600).unwrap()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        self.slept.lock().unwrap().push(duration);
        async {}.boxed()
    }
}

/// One request as a stand-in received it.
#[derive(Clone, Debug)]
pub struct Received {
    /// `GET /path?query`.
    pub line: String,
    pub headers: HeaderMap,
    pub body: String,
}

type Answer = dyn Fn(&Received, usize) -> Response<Body> + Send + Sync;

/// An API server (or Prometheus) that answers as a closure says, and forwards to pods.
#[derive(Clone)]
pub struct Double {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    pub pods: Arc<Pods>,
}

impl Double {
    /// Answers each request by `answer`, which also gets the number of requests before it.
    pub async fn start(answer: impl Fn(&Received, usize) -> Response<Body> + Send + Sync + 'static) -> Double {
        Self::start_with(Pods::default(), answer).await
    }

    pub async fn start_with(
        pods: Pods,
        answer: impl Fn(&Received, usize) -> Response<Body> + Send + Sync + 'static,
    ) -> Double {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let double = Double { address: listener.local_addr().unwrap(), received: Arc::default(), pods: Arc::new(pods) };
        let router = double.router(Arc::new(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        double
    }

    pub fn router(&self, answer: Arc<Answer>) -> Router {
        let double = self.clone();
        Router::new().fallback(move |request: Request<Body>| {
            let (double, answer) = (double.clone(), Arc::clone(&answer));
            async move { double.answer(request, &*answer).await }
        })
    }

    async fn answer(self, request: Request<Body>, answer: &Answer) -> Response<Body> {
        let (mut head, body) = request.into_parts();
        let line = format!("{} {}", head.method, head.uri);
        let before = {
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let received = Received {
                line: line.clone(),
                headers: head.headers.clone(),
                body: String::from_utf8(body.into()).unwrap(),
            };
            let mut all = self.received.lock().unwrap();
            all.push(received);
            all.len() - 1
        };
        if let Some((name, port)) = forwarded(&line) {
            if self.pods.token.is_some_and(|token| head.headers["authorization"] != format!("Bearer {token}")) {
                return status(401, "Unauthorized", "Unauthorized");
            }
            if let Some(refusal) = self.pods.refusal.get(&name) {
                return status(
                    *refusal,
                    "Forbidden",
                    &format!(
                        "pods \"{name}\" is forbidden: User \"u\" cannot create resource \"pods/portforward\" in API group \"\" in the namespace \"summit\""
                    ),
                );
            }
            let Some(behaviour) = self.pods.of(&name) else {
                return not_found("pods", &name);
            };
            let upgrade = WebSocketUpgrade::from_request_parts(&mut head, &())
                .await
                .unwrap()
                .protocols(["v5.channel.k8s.io", "v4.channel.k8s.io"]);
            let pods = Arc::clone(&self.pods);
            return upgrade
                .on_upgrade(move |socket| async move { pods.forward(socket, port, behaviour).await })
                .into_response();
        }
        let received = self.received.lock().unwrap()[before].clone();
        answer(&received, before)
    }

    pub fn lines(&self) -> Vec<String> {
        self.received().into_iter().map(|received| received.line).collect()
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub async fn connect(&self) -> Connection {
        connect(&self.url(), "").await
    }

    pub async fn connect_with(&self, config: &str) -> Connection {
        connect(&self.url(), config).await
    }
}

fn forwarded(line: &str) -> Option<(String, u16)> {
    let rest = line.strip_prefix("GET /api/v1/namespaces/")?;
    let (path, query) = rest.split_once('?')?;
    let name = path.strip_suffix("/portforward")?.rsplit('/').next()?;
    Some((name.to_owned(), query.split("ports=").nth(1)?.parse().unwrap()))
}

pub fn kubeconfig(server: &str, user: &str, cluster: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\nclusters:\n- name: c\n  cluster: {{server: '{server}'{cluster}}}\nusers:\n- name: u\n  user: {user}\ncontexts:\n- name: test\n  context: {{cluster: c, user: u, namespace: summit}}\n"
    )
}

/// `config` is the part of the configuration file for this context, without its heading.
pub async fn connect(server: &str, config: &str) -> Connection {
    connect_by(kubeconfig(server, "{token: t}", ""), config, Arc::new(Skipping::default())).await.unwrap()
}

pub async fn connect_by(kubeconfig: String, config: &str, clock: Arc<dyn Clock>) -> Result<Connection, Failure> {
    let config = ConfigFile::parse(&format!("[context.test]\n{config}"), "config.toml".as_ref()).unwrap();
    Connection::open(Options { kubeconfig_text: Some(kubeconfig), config, clock, ..Options::default() }).await
}

pub async fn json_of(connection: &Connection, call: Call) -> Result<Value, Failure> {
    match connection.call(&call).await? {
        Reply::Json(value) => Ok(value),
        other => panic!("{other:?}"),
    }
}

pub fn json_answer(status: u16, value: &Value) -> Response<Body> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(value.to_string()))
        .unwrap()
}

pub fn text_answer(status: u16, text: &'static str) -> Response<Body> {
    Response::builder().status(status).body(Body::from(text)).unwrap()
}

pub fn status(code: u16, reason: &str, message: &str) -> Response<Body> {
    json_answer(
        code,
        &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code}),
    )
}

pub fn not_found(plural: &str, name: &str) -> Response<Body> {
    let message = format!("{plural} \"{name}\" not found");
    json_answer(
        404,
        &json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": "NotFound", "details": {"name": name, "kind": plural}, "code": 404}),
    )
}

/// A server that reads a request and answers these bytes, whatever they are; then it closes, or never does.
pub async fn raw(bytes: Vec<u8>, closes: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(&bytes).await;
                if !closes {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    format!("http://{address}")
}

/// What a pod's port does.
#[derive(Clone)]
pub enum Behaviour {
    /// Serves HTTP. The stream's end is never signalled, as with a real kubelet.
    Serves(Router),
    /// Serves this many requests; then the connection to the API server breaks without a word.
    Dies(Router, usize),
    /// Answers these bytes to the first request, and is silent from then on.
    Says(Vec<u8>),
    /// Nobody listens on the port: the kubelet says so on the error channel.
    Refuses,
}

/// The pods behind an API server, and how many streams to them were and are open.
#[derive(Default)]
pub struct Pods {
    behaviours: Mutex<Vec<(String, Behaviour)>>,
    refusal: std::collections::HashMap<String, u16>,
    token: Option<&'static str>,
    pub opened: AtomicUsize,
    pub open: AtomicUsize,
    pub most: AtomicUsize,
}

impl Pods {
    pub fn with(self, name: &str, behaviour: Behaviour) -> Self {
        self.set(name, Some(behaviour));
        self
    }

    /// Only who brings this token may forward.
    pub fn guarded_by(mut self, token: &'static str) -> Self {
        self.token = Some(token);
        self
    }

    pub fn forbidding(mut self, name: &str) -> Self {
        self.refusal.insert(name.into(), 403);
        self
    }

    pub fn set(&self, name: &str, behaviour: Option<Behaviour>) {
        let mut all = self.behaviours.lock().unwrap();
        all.retain(|(known, _)| known != name);
        all.extend(behaviour.map(|behaviour| (name.to_owned(), behaviour)));
    }

    fn of(&self, name: &str) -> Option<Behaviour> {
        self.behaviours.lock().unwrap().iter().find(|(known, _)| known == name).map(|(_, behaviour)| behaviour.clone())
    }

    async fn forward(&self, mut socket: WebSocket, port: u16, behaviour: Behaviour) {
        self.opened.fetch_add(1, Ordering::SeqCst);
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(open, Ordering::SeqCst);
        for channel in [0, 1] {
            let [low, high] = port.to_le_bytes();
            socket.send(Message::Binary(Bytes::from(vec![channel, low, high]))).await.unwrap();
        }
        match behaviour {
            Behaviour::Serves(router) => relay(socket, serve(router), usize::MAX).await,
            Behaviour::Dies(router, requests) => relay(socket, serve(router), requests).await,
            Behaviour::Says(bytes) => {
                while let Some(Ok(Message::Binary(_))) = socket.recv().await {
                    let mut frame = vec![0];
                    frame.extend_from_slice(&bytes);
                    let _ = socket.send(Message::Binary(frame.into())).await;
                }
            }
            Behaviour::Refuses => {
                let _ = socket.recv().await;
                let text = format!(
                    "\u{1}error forwarding port {port} to pod: dial tcp4 127.0.0.1:{port}: connect: connection refused"
                );
                let _ = socket.send(Message::Binary(Bytes::from(text.into_bytes()))).await;
                while socket.recv().await.is_some_and(|message| message.is_ok()) {}
            }
        }
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

fn serve(router: Router) -> DuplexStream {
    let (near, far) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let _ = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(far), TowerToHyperService::new(router))
            .await;
    });
    near
}

/// Carries bytes both ways until the client ends it, or `requests` were received.
async fn relay(mut socket: WebSocket, mut stream: DuplexStream, requests: usize) {
    let mut seen = 0;
    let mut buffer = vec![0; 1 << 15];
    let mut ended = false;
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    seen += 1;
                    if seen > requests {
                        return;
                    }
                    let _ = stream.write_all(&bytes[1..]).await;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_))) => {}
                _ => return,
            },
            read = stream.read(&mut buffer), if !ended => match read {
                Ok(0) | Err(_) => ended = true,
                Ok(count) => {
                    let mut frame = vec![0];
                    frame.extend_from_slice(&buffer[..count]);
                    if socket.send(Message::Binary(frame.into())).await.is_err() {
                        return;
                    }
                }
            },
        }
    }
}

/// A port on which nobody listens.
pub async fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}
