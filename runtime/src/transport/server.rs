//! The API server: one client, its credentials, and one road for every request: time limit, size limit, retry.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::client::Body;
use kube::{Client, Config};

use super::clock::Clock;
use super::config::Timeouts;
use super::login::{install_crypto, log_in};
use super::retry::{Tries, asked_wait};
use super::status::{self, Asked, printable};
use super::unanswered::{Unanswered, root};
use crate::failure::{BAD_ANSWER, Failure, INTERNAL, UNREACHABLE};

/// The API server of the chosen context.
pub(super) struct Server {
    /// `https://10.0.0.1:6443`, for messages.
    address: String,
    config: Config,
    client: Mutex<Login>,
    renewing: tokio::sync::Mutex<()>,
    timeouts: Timeouts,
    limit: usize,
    clock: Arc<dyn Clock>,
}

/// A client and how often its credentials were renewed.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) client: Client,
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

impl Server {
    /// Makes the client. Nothing is sent yet, but a credential plugin may run.
    pub(super) async fn new(
        config: Config,
        timeouts: Timeouts,
        limit: usize,
        clock: Arc<dyn Clock>,
    ) -> Result<Server, Failure> {
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
        Ok(Server {
            address,
            config,
            client: Mutex::new(Login { client, generation: 0 }),
            renewing: tokio::sync::Mutex::default(),
            timeouts,
            limit,
            clock,
        })
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

    /// The client as it is now; port-forwards use it too.
    pub(super) fn login(&self) -> Login {
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
                Ok(answer) => {
                    // An unauthenticated request had no effect, so even a write may be sent again, with new credentials.
                    if answer.status == StatusCode::UNAUTHORIZED && !std::mem::replace(&mut renewed, true) {
                        let status = Some(answer.status);
                        if self.renew(&login).await.map_err(|failure| Refused { failure, status })? {
                            continue;
                        }
                    }
                    let failure = status::failure(answer.status, &answer.body, &question.asked, &self.address);
                    let passing =
                        matches!(answer.status.as_u16(), 429 | 500 | 502 | 503 | 504) && failure.unchanged.is_none();
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
        let mut request = Request::builder()
            .method(question.method.clone())
            .uri(&question.path)
            .header(header::ACCEPT, question.accept);
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
            let body = Limited::new(body, self.limit)
                .collect()
                .await
                .map_err(|error| self.unread(&question.asked, &*error))?;
            Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes().into() })
        };
        match tokio::time::timeout(self.timeouts.api, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(Unanswered { failure: self.silent(&question.asked, self.timeouts.api), passing: false }),
        }
    }

    fn silent(&self, asked: &Asked, waited: Duration) -> Failure {
        Failure::new(
            &UNREACHABLE,
            format!(
                "cannot {} {}: {} did not answer within {} s",
                asked.verb,
                asked.target,
                self.address,
                waited.as_secs_f64()
            ),
        )
        .hint("is the API server overloaded, or the network slow? `timeouts` in the configuration file sets the limit")
    }

    /// What it means that a request could not be sent, or its answer not be received.
    pub(super) fn unanswered(&self, asked: &Asked, error: &kube::Error) -> Unanswered {
        super::unanswered::from(error, asked, &self.address)
    }

    fn unread(&self, asked: &Asked, error: &(dyn Error + 'static)) -> Unanswered {
        if error.is::<LengthLimitError>() {
            let failure = Failure::new(
                &BAD_ANSWER,
                format!("cannot {} {}: the answer is larger than {} MiB", asked.verb, asked.target, self.limit >> 20),
            );
            return Unanswered {
                failure: failure.hint("ask for less, or raise `budget.answer_mib` in the configuration file"),
                passing: false,
            };
        }
        let failure = Failure::new(
            &UNREACHABLE,
            format!(
                "cannot {} {}: the answer of {} broke off: {}",
                asked.verb,
                asked.target,
                self.address,
                root(error)
            ),
        );
        Unanswered { failure, passing: true }
    }

    /// Gets new credentials in place of this login's: from a plugin, or from a file that is rotated. `false` if the
    /// context has neither.
    pub(super) async fn renew(&self, login: &Login) -> Result<bool, Failure> {
        let user = &self.config.auth_info;
        if user.exec.is_none() && user.token_file.is_none() {
            return Ok(false);
        }
        // Many requests are turned away at once when a token is revoked; the first one renews it for all.
        let _alone = self.renewing.lock().await;
        if self.login().generation == login.generation {
            let client = log_in(self.config.clone(), self.timeouts.login, &self.address).await?;
            *self.client.lock().unwrap_or_else(PoisonError::into_inner) =
                Login { client, generation: login.generation + 1 };
        }
        Ok(true)
    }
}

fn address(config: &Config) -> String {
    config.cluster_url.to_string().trim_end_matches('/').to_owned()
}
