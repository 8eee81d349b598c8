//! The API server: one client, its credentials, and one road for every request: time limit, size limit, retry.

use std::error::Error;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{AuthError, Body, ClientBuilder, ConfigExt};
use kube::{Client, Config};
use tower::util::ServiceExt as _;
use tower::{BoxError, ServiceBuilder};

use super::clock::Clock;
use super::config::Timeouts;
use super::retry::{Tries, asked_wait};
use super::status::{self, Asked, excerpt, printable};
use crate::failure::{BAD_ANSWER, CONFIG, Failure, INTERNAL, UNAUTHORIZED, UNREACHABLE};

/// The API server of the chosen context.
pub(super) struct Server {
    /// `https://10.0.0.1:6443`, for messages.
    address: String,
    config: Config,
    client: Mutex<Login>,
    timeouts: Timeouts,
    limit: usize,
    clock: Arc<dyn Clock>,
}

/// A client and how often its credentials were renewed.
#[derive(Clone)]
struct Login {
    client: Client,
    generation: u64,
}

/// A request to the API server. It can be sent more than once.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    pub(super) accept: &'static str,
    /// Content type and body.
    pub(super) body: Option<(&'static str, Vec<u8>)>,
    pub(super) asked: Asked,
    /// Whether it may be sent again when there was no answer.
    pub(super) repeatable: bool,
}

impl Question {
    /// A `GET` for JSON.
    pub(super) fn get(path: String, asked: Asked) -> Self {
        Question { method: Method::GET, path, accept: "application/json", body: None, asked, repeatable: true }
    }
}

/// An answer of whatever status.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// A question that was not answered as hoped.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) failure: Failure,
    /// The status of the answer, if there was one.
    pub(super) status: Option<StatusCode>,
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        refused.failure
    }
}

/// A request that got no answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) failure: Failure,
    /// Whether trying again may help.
    pub(super) passing: bool,
}

impl Server {
    /// Makes the client. Nothing is sent yet, but a credential plugin may run.
    pub(super) async fn new(config: Config, timeouts: Timeouts, limit: usize, clock: Arc<dyn Clock>) -> Result<Server, Failure> {
        install_crypto();
        let mut config = config;
        config.default_retry = false;
        config.connect_timeout = Some(timeouts.connect);
        // Certificates of the system are of no use to an address without TLS, and reading them takes milliseconds.
        if config.cluster_url.scheme_str() == Some("http") && config.root_cert.is_none() {
            config.root_cert = Some(Vec::new());
        }
        let address = address(&config);
        let client = log_in(config.clone(), timeouts.login, &address).await?;
        Ok(Server { address, config, client: Mutex::new(Login { client, generation: 0 }), timeouts, limit, clock })
    }

    /// The address, for messages.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The largest answer that is accepted, in bytes.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// How long to wait for answers.
    pub(super) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// The clock by which waits between tries pass.
    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The client, for port-forwards.
    pub(super) fn client(&self) -> Client {
        self.login().client
    }

    fn login(&self) -> Login {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks, and tries again where that is allowed and may help.
    pub(super) async fn ask(&self, question: &Question) -> Result<Vec<u8>, Refused> {
        let mut tries = if question.repeatable { Tries::of_a_read() } else { Tries::of_a_write() };
        let mut renewed = false;
        loop {
            let login = self.login();
            let (failure, status, wait) = match self.once(&login.client, question).await {
                Ok(answer) if answer.status.is_success() => {
                    for warning in answer.headers.get_all(header::WARNING) {
                        tracing::warn!(path = question.path, warning = %printable(&String::from_utf8_lossy(warning.as_bytes())), "the API server warns");
                    }
                    return Ok(answer.body);
                }
                // An unauthenticated request had no effect, so even a write may be sent again, with new credentials.
                Ok(answer) if answer.status == StatusCode::UNAUTHORIZED && !renewed && self.can_renew() => {
                    self.renew(login.generation).await.map_err(|failure| Refused { failure, status: Some(answer.status) })?;
                    renewed = true;
                    continue;
                }
                Ok(answer) => {
                    let failure = status::failure(answer.status, &answer.body, &question.asked, &self.address);
                    let passing = matches!(answer.status.as_u16(), 429 | 500 | 502 | 503 | 504) && failure.unchanged.is_none();
                    (failure, Some(answer.status), passing.then(|| tries.next(asked_wait(&answer.headers))).flatten())
                }
                Err(unanswered) => (unanswered.failure, None, unanswered.passing.then(|| tries.next(None)).flatten()),
            };
            let Some(wait) = wait else {
                let failure = Failure { message: format!("{}{}", failure.message, tries.said()), ..failure };
                return Err(Refused { failure, status });
            };
            tracing::debug!(path = question.path, ?wait, failure = %failure, "trying again");
            self.clock.sleep(wait).await;
        }
    }

    async fn once(&self, client: &Client, question: &Question) -> Result<Answer, Unanswered> {
        let mut request = Request::builder().method(question.method.clone()).uri(&question.path).header(header::ACCEPT, question.accept);
        let body = match &question.body {
            Some((content_type, bytes)) => {
                request = request.header(header::CONTENT_TYPE, *content_type);
                Body::from(bytes.clone())
            }
            None => Body::empty(),
        };
        let request = request.body(body).map_err(|error| Unanswered {
            failure: Failure::new(&INTERNAL, format!("`{}` is not a path: {error}", printable(&question.path))),
            passing: false,
        })?;
        let answer = async {
            let response = client.send(request).await.map_err(|error| self.unanswered(&question.asked, &error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, self.limit).collect().await.map_err(|error| self.unread(&question.asked, &*error))?;
            Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes().into() })
        };
        match tokio::time::timeout(self.timeouts.api, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(Unanswered { failure: self.silent(&question.asked, self.timeouts.api), passing: false }),
        }
    }

    fn silent(&self, asked: &Asked, waited: Duration) -> Failure {
        Failure::new(&UNREACHABLE, format!("cannot {} {}: {} did not answer within {} s", asked.verb, asked.target, self.address, waited.as_secs_f64()))
            .hint("is the API server overloaded, or the network slow? `timeouts` in the configuration file sets the limit")
    }

    /// What it means that a request could not be sent, or its answer not be received.
    pub(super) fn unanswered(&self, asked: &Asked, error: &kube::Error) -> Unanswered {
        no_answer(error, asked, &self.address)
    }

    fn unread(&self, asked: &Asked, error: &(dyn Error + 'static)) -> Unanswered {
        if error.is::<LengthLimitError>() {
            let failure = Failure::new(&BAD_ANSWER, format!("cannot {} {}: the answer is larger than {} MiB", asked.verb, asked.target, self.limit >> 20));
            return Unanswered { failure: failure.hint("ask for less, or raise `budget.answer_mib` in the configuration file"), passing: false };
        }
        let failure = Failure::new(&UNREACHABLE, format!("cannot {} {}: the answer of {} broke off: {}", asked.verb, asked.target, self.address, root(error)));
        Unanswered { failure, passing: true }
    }

    /// Whether new credentials can be had: from a plugin, or from a file that is rotated.
    fn can_renew(&self) -> bool {
        self.config.auth_info.exec.is_some() || self.config.auth_info.token_file.is_some()
    }

    async fn renew(&self, generation: u64) -> Result<(), Failure> {
        if self.login().generation != generation {
            return Ok(());
        }
        let client = log_in(self.config.clone(), self.timeouts.login, &self.address).await?;
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Login { client, generation: generation + 1 };
        Ok(())
    }
}

/// The one provider of cryptography for rustls in this process.
pub(super) fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It fails only where somebody else has installed one, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

fn address(config: &Config) -> String {
    config.cluster_url.to_string().trim_end_matches('/').to_owned()
}

/// Runs the credential plugin, if there is one, off the threads that serve requests, and makes the client.
async fn log_in(config: Config, limit: Duration, address: &str) -> Result<Client, Failure> {
    let plugin = config.auth_info.exec.as_ref().and_then(|exec| exec.command.clone());
    let made = match &plugin {
        None => client(config),
        Some(name) => {
            let runtime = tokio::runtime::Handle::current();
            let made = tokio::task::spawn_blocking(move || {
                // hyper and the buffer before it want a runtime to spawn on.
                let _entered = runtime.enter();
                client(config)
            });
            match tokio::time::timeout(limit, made).await {
                Ok(Ok(made)) => made,
                Ok(Err(error)) => return Err(Failure::new(&INTERNAL, format!("the credential plugin `{name}` could not be waited for: {error}"))),
                Err(_) => {
                    return Err(Failure::new(&UNAUTHORIZED, format!("the credential plugin `{name}` did not end within {} s", limit.as_secs_f64()))
                        .hint("run it by hand to see what it waits for"));
                }
            }
        }
    };
    made.map_err(|error| {
        let asked = Asked::to("log in at", address);
        no_answer(&error, &asked, address).failure
    })
}

/// The client: like kube's own, but with `TCP_NODELAY`. Port-forwarded requests are small frames each way, and
/// Nagle's algorithm would hold them back until the other side's delayed acknowledgement, some 40 ms.
fn client(config: Config) -> Result<Client, kube::Error> {
    if config.proxy_url.is_some() {
        return Ok(ClientBuilder::try_from(config)?.build());
    }
    let auth = config.auth_layer()?;
    let mut tls = config.clone();
    if auth.is_some() {
        // A plugin that gave a token gives no client certificate, and need not be run a second time to learn that.
        tls.auth_info.exec = None;
    }
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(config.connect_timeout);
    let connector = tls.rustls_https_connector_with_connector(connector)?;
    let transport: legacy::Client<_, Body> = legacy::Client::builder(TokioExecutor::new()).build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(auth)
        .layer(config.extra_headers_layer()?)
        .service(transport.map_err(BoxError::from));
    Ok(Client::new(service, config.default_namespace))
}

/// Sorts the errors that come instead of an answer.
fn no_answer(error: &kube::Error, asked: &Asked, server: &str) -> Unanswered {
    let sentence = |what: &str| format!("cannot {} {}: {what}", asked.verb, asked.target);
    let lasting = |failure: Failure| Unanswered { failure, passing: false };
    for cause in causes(error) {
        if let Some(login) = cause.downcast_ref::<AuthError>() {
            return lasting(no_credentials(login, &sentence));
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            let failure = Failure::new(&UNREACHABLE, sentence(&format!("no trusted connection to {server}: {tls}")));
            return lasting(match tls {
                rustls::Error::InvalidCertificate(_) => {
                    failure.hint("the server's certificate does not fit the `certificate-authority-data` of this context: is this the right cluster, and the kubeconfig current?")
                }
                _ => failure,
            });
        }
    }
    let cause = root(error);
    match error {
        kube::Error::ProxyProtocolDisabled { .. } | kube::Error::ProxyProtocolUnsupported { .. } | kube::Error::RustlsTls(_) | kube::Error::InferKubeconfig(_) => {
            lasting(Failure::new(&CONFIG, sentence(&cause)))
        }
        _ => {
            let unsent = causes(error).any(|cause| cause.downcast_ref::<legacy::Error>().is_some_and(legacy::Error::is_connect));
            let failure = Failure::new(&UNREACHABLE, sentence(&format!("{server} is unreachable: {cause}")))
                .hint("is the address of this context right, and the network (VPN) up?");
            let failure = if unsent && asked.writes { failure.unchanged(format!("{} is as it was", asked.target)) } else { failure };
            Unanswered { failure, passing: true }
        }
    }
}

fn no_credentials(error: &AuthError, sentence: &dyn Fn(&str) -> String) -> Failure {
    match error {
        AuthError::AuthExecStart(cause) => Failure::new(&CONFIG, sentence(&format!("the credential plugin of this context cannot be started: {cause}")))
            .hint("install it, or correct `exec.command` in the kubeconfig"),
        AuthError::AuthExecRun { cmd, out } => {
            let stderr = excerpt(&out.stderr);
            let stderr = if stderr.is_empty() { String::new() } else { format!(": {stderr}") };
            let plugin = printable(cmd.split_whitespace().next().unwrap_or(cmd));
            Failure::new(&UNAUTHORIZED, sentence(&format!("the credential plugin {plugin} failed ({}){stderr}", out.status)))
                .hint("log in again, or run the plugin by hand to see what it wants")
        }
        other => Failure::new(&UNAUTHORIZED, sentence(&format!("the credentials of this context cannot be used: {}", printable(&other.to_string())))),
    }
}

/// The chain of an error's causes, from the error itself. What an `io::Error` wraps is a cause too, which
/// `source` passes over.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next: Option<&'a (dyn Error + 'static)> = Some(error);
    // A chain could be a circle; sixteen is far beyond any real one.
    std::iter::from_fn(move || {
        let error = next?;
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
        Some(error)
    })
    .take(16)
}

/// The last cause in words, which is the one that says something: `Connection refused (os error 111)`.
pub(super) fn root(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map_or(String::new(), |cause| printable(&cause.to_string()))
}
