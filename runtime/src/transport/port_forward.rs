//! Streams to the ports of pods, through the API server, and HTTP/1.1 over them.
//!
//! A stream takes several round trips to open, so one is kept warm for each pod and port. The form of port-forward
//! that carries it (WebSocket channels) never signals the end of the remote stream: answers are read by HTTP's own
//! framing, and every read has a time limit.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, Fuse, FutureExt};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::Portforwarder;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::retry::Tries;
use super::server::Server;
use super::status::{self, Asked, printable};
use super::unanswered::{Unanswered, root};
use crate::failure::{BAD_ANSWER, Failure, INTERNAL, UNREACHABLE};

/// How long a refusal may come after the stream that it explains has ended.
const LATE_REFUSAL: Duration = Duration::from_millis(200);

/// A pod's port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PodPort {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) port: u16,
}

impl fmt::Display for PodPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} of Pod {}/{}", self.port, self.namespace, self.pod)
    }
}

/// An HTTP request to a pod's port.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Whether it may be sent again when a warm stream turns out to be dead.
    pub(super) repeatable: bool,
}

/// The answer to it, whatever its status.
#[derive(Debug)]
pub(super) struct Incame {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The streams of one connection to a cluster, as many as its budget allows.
pub(super) struct Forwards {
    places: Arc<Semaphore>,
    /// Told whenever a stream falls idle, so that who waits for a place can close it.
    idle: Notify,
    slots: Mutex<HashMap<PodPort, Arc<Slot>>>,
    uses: AtomicU64,
}

/// Where the stream to one pod's port is kept while nobody uses it. Whoever uses it holds the lock.
#[derive(Default)]
struct Slot {
    used: AtomicU64,
    warm: tokio::sync::Mutex<Option<Stream>>,
}

/// An open stream.
struct Stream {
    sender: SendRequest<Full<Bytes>>,
    /// Ends with the text in which the kubelet says why the port cannot be used.
    refusal: Fuse<BoxFuture<'static, Option<String>>>,
    forwarder: Portforwarder,
    driver: JoinHandle<()>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.driver.abort();
        self.forwarder.abort();
    }
}

/// Why a request over a stream failed.
struct Broken {
    failure: Failure,
    /// The stream was dead rather than the answer bad.
    dead: bool,
    /// The request never left.
    unsent: bool,
}

impl Forwards {
    /// At most `most` streams at once.
    pub(super) fn new(most: usize) -> Self {
        Forwards {
            places: Arc::new(Semaphore::new(most)),
            idle: Notify::new(),
            slots: Mutex::default(),
            uses: AtomicU64::new(0),
        }
    }

    /// Sends a request over the warm stream, or a new one.
    pub(super) async fn request(&self, server: &Server, at: &PodPort, request: &Outgoing) -> Result<Incame, Failure> {
        let slot = self.slot(at);
        let answer = self.request_by(&slot, server, at, request).await;
        self.idle.notify_one();
        answer
    }

    async fn request_by(
        &self,
        slot: &Slot,
        server: &Server,
        at: &PodPort,
        request: &Outgoing,
    ) -> Result<Incame, Failure> {
        let mut warm = slot.warm.lock().await;
        slot.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        // The stream is out of its slot while it is used: a caller that gives up midway drops it with its half-read answer.
        if let Some(mut stream) = warm.take() {
            match stream.request(server, at, request).await {
                Ok((answer, keep)) => {
                    *warm = keep.then_some(stream);
                    return Ok(answer);
                }
                Err(broken) if broken.dead && (broken.unsent || request.repeatable) => {
                    tracing::debug!(%at, failure = %broken.failure, "the warm stream is dead; opening a new one");
                }
                Err(broken) => return Err(broken.failure),
            }
        }
        let mut stream = self.open(server, at).await?;
        match stream.request(server, at, request).await {
            Ok((answer, keep)) => {
                *warm = keep.then_some(stream);
                Ok(answer)
            }
            Err(broken) => Err(broken.failure),
        }
    }

    fn slot(&self, at: &PodPort) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(at.clone()).or_default())
    }

    /// Waits for a place among the open streams; the idle stream that was used longest ago makes room.
    async fn place(&self) -> Result<OwnedSemaphorePermit, Failure> {
        loop {
            let idle = self.idle.notified();
            tokio::pin!(idle);
            // From here on no notification is missed, so a stream that falls idle after the search below is found by the next one.
            idle.as_mut().enable();
            if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
                return Ok(place);
            }
            if self.close_oldest() {
                continue;
            }
            tokio::select! {
                place = Arc::clone(&self.places).acquire_owned() => {
                    return place.map_err(|_| Failure::new(&INTERNAL, "the port-forwards were closed"));
                }
                () = idle => {}
            }
        }
    }

    fn close_oldest(&self) -> bool {
        let mut slots: Vec<Arc<Slot>> =
            self.slots.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        slots.sort_by_cached_key(|slot| slot.used.load(Ordering::Relaxed));
        slots.iter().any(|slot| slot.warm.try_lock().is_ok_and(|mut warm| warm.take().is_some()))
    }

    async fn open(&self, server: &Server, at: &PodPort) -> Result<Stream, Failure> {
        let asked = Asked::to("forward to", at);
        let place = self.place().await?;
        let limit = server.timeouts().pod;
        let mut tries = Tries::of_a_read();
        let mut renewed = false;
        let mut forwarder = loop {
            let login = server.login();
            let pods: Api<Pod> = Api::namespaced(login.client.clone(), &at.namespace);
            let opened = timeout(limit, pods.portforward(&at.pod, &[at.port])).await;
            let Unanswered { failure, passing } = match opened {
                Ok(Ok(forwarder)) => break forwarder,
                Ok(Err(kube::Error::Api(said)))
                    if said.code == 401 && !std::mem::replace(&mut renewed, true) && server.renew(&login).await? =>
                {
                    continue;
                }
                Ok(Err(error)) => not_opened(server, &asked, at, &error),
                Err(_) => return Err(silent(at, "the port-forward was not opened", limit)),
            };
            match tries.next(None).filter(|_| passing) {
                Some(wait) => server.clock().sleep(wait).await,
                None => return Err(failure),
            }
        };
        let (Some(io), Some(refusal)) = (forwarder.take_stream(at.port), forwarder.take_error(at.port)) else {
            return Err(Failure::new(&INTERNAL, format!("the port-forward has no stream for {at}")));
        };
        let shaken = timeout(limit, http1::handshake(TokioIo::new(io))).await;
        let (sender, connection) = match shaken {
            Ok(Ok(parts)) => parts,
            Ok(Err(error)) => {
                return Err(Failure::new(&UNREACHABLE, format!("cannot forward to {at}: {}", root(&error))));
            }
            Err(_) => return Err(silent(at, "the stream was not ready", limit)),
        };
        let driver = tokio::spawn(async move {
            // Its error reaches the request that it cuts off.
            let _ = connection.await;
        });
        Ok(Stream { sender, refusal: refusal.boxed().fuse(), forwarder, driver, _place: place })
    }
}

impl Stream {
    /// One request and its answer, and whether the stream may be used again.
    async fn request(&mut self, server: &Server, at: &PodPort, request: &Outgoing) -> Result<(Incame, bool), Broken> {
        let limit = server.timeouts().pod;
        let unusable = |failure| Broken { failure, dead: false, unsent: false };
        let mut message = Request::builder()
            .method(request.method.clone())
            .uri(&request.path)
            .header(header::HOST, format!("localhost:{}", at.port));
        if let Some(headers) = message.headers_mut() {
            headers.extend(request.headers.clone());
        }
        let message = message.body(Full::new(Bytes::from(request.body.clone()))).map_err(|error| {
            unusable(Failure::new(&INTERNAL, format!("`{}` is not a path: {error}", printable(&request.path))))
        })?;
        let what = format!("{} {}", request.method, request.path);

        let sent = async {
            if let Err(error) = self.sender.ready().await {
                return Err((error, true));
            }
            self.sender.try_send_request(message).await.map_err(|mut error| {
                let unsent = error.take_message().is_some();
                (error.into_error(), unsent)
            })
        };
        let response = tokio::select! {
            biased;
            sent = timeout(limit, sent) => match sent {
                Ok(Ok(response)) => response,
                Ok(Err((error, unsent))) => {
                    // A kubelet that is refused by the pod's port says so on another channel than the one that it closes.
                    let refusal = timeout(LATE_REFUSAL, &mut self.refusal).await.ok().flatten();
                    let dead = !error.is_parse();
                    return Err(Broken { failure: cut_off(at, &what, &error, refusal), dead, unsent });
                }
                Err(_) => return Err(unusable(silent(at, &what, limit))),
            },
            Some(refusal) = &mut self.refusal => return Err(Broken { failure: refused(at, &refusal), dead: true, unsent: false }),
        };
        let (head, body) = response.into_parts();
        let closes =
            head.headers.get(header::CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        let body = self.body(server, at, &what, body).await?;
        Ok((Incame { status: head.status, headers: head.headers, body }, !closes && !self.sender.is_closed()))
    }

    async fn body(&mut self, server: &Server, at: &PodPort, what: &str, mut body: Incoming) -> Result<Vec<u8>, Broken> {
        let limit = server.timeouts().pod;
        let mut bytes = Vec::new();
        loop {
            let frame = tokio::select! {
                biased;
                frame = timeout(limit, body.frame()) => frame,
                Some(refusal) = &mut self.refusal => return Err(Broken { failure: refused(at, &refusal), dead: true, unsent: false }),
            };
            match frame {
                Ok(None) => return Ok(bytes),
                Ok(Some(Ok(frame))) => {
                    let data = frame.data_ref().map_or(&[][..], |data| data.as_ref());
                    if bytes.len() + data.len() > server.limit() {
                        let failure = Failure::new(
                            &BAD_ANSWER,
                            format!("{at}: the answer to {what} is larger than {} MiB", server.limit() >> 20),
                        )
                        .hint("ask for less, or raise `budget.answer_mib` in the configuration file");
                        return Err(Broken { failure, dead: false, unsent: false });
                    }
                    bytes.extend_from_slice(data);
                }
                Ok(Some(Err(error))) => {
                    return Err(Broken { failure: cut_off(at, what, &error, None), dead: true, unsent: false });
                }
                Err(_) => return Err(Broken { failure: silent(at, what, limit), dead: false, unsent: false }),
            }
        }
    }
}

fn silent(at: &PodPort, what: &str, limit: Duration) -> Failure {
    Failure::new(&UNREACHABLE, format!("{at} did not answer within {} s ({what})", limit.as_secs_f64()))
        .hint("is the process behind this port overloaded or stopped? `timeouts.pod` in the configuration file sets the limit")
}

fn refused(at: &PodPort, text: &str) -> Failure {
    Failure::new(&UNREACHABLE, format!("{at} cannot be reached: {}", printable(text)))
        .hint("is the container that serves this port running and ready?")
}

fn cut_off(at: &PodPort, what: &str, error: &hyper::Error, refusal: Option<String>) -> Failure {
    match refusal {
        Some(text) => refused(at, &text),
        None if error.is_parse() => {
            Failure::new(&BAD_ANSWER, format!("{at} did not answer {what} in HTTP: {}", root(error)))
                .hint("does this port serve HTTP, without TLS?")
        }
        None => Failure::new(
            &UNREACHABLE,
            format!("{at}: the stream ended before the answer to {what} was complete: {}", root(error)),
        )
        .hint("is the pod terminating or restarting?"),
    }
}

fn not_opened(server: &Server, asked: &Asked, at: &PodPort, error: &kube::Error) -> Unanswered {
    match error {
        kube::Error::Api(said) => {
            let code = StatusCode::from_u16(said.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let body = serde_json::json!({"kind": "Status", "message": said.message, "reason": said.reason, "details": {"name": at.pod}});
            let failure = status::failure(code, body.to_string().as_bytes(), asked, server.address());
            let failure = if code == StatusCode::NOT_FOUND {
                Failure {
                    message: format!("Pod {}/{} does not exist", at.namespace, at.pod),
                    hint: Some("pods get new names when they restart; look it up again".into()),
                    ..failure
                }
            } else {
                failure
            };
            // The kubelet answers 500 for a pod that does not run, and waiting seldom changes that: only the API server's own limits pass.
            Unanswered { failure, passing: matches!(code.as_u16(), 429 | 503 | 504) }
        }
        kube::Error::UpgradeConnection(cause) => Unanswered {
            failure: Failure::new(
                &BAD_ANSWER,
                format!("cannot forward to {at}: {} does not open a WebSocket: {cause}", server.address()),
            )
            .hint("does a proxy in front of the API server let WebSockets through?"),
            passing: false,
        },
        error => server.unanswered(asked, error),
    }
}
