//! Queries to Prometheus: at its configured address, or by port-forward to a pod behind its Service.

mod envelope;
mod matchers;
mod service;

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};

use super::config::PrometheusConfig;
use super::kubernetes::Query;
use super::port_forward::{Forwards, Outgoing, PodPort};
use super::retry::{Tries, asked_wait};
use super::server::Server;
use super::unanswered::root;
use crate::failure::{BAD_ANSWER, CONFIG, Failure, NOT_FOUND, UNREACHABLE};
use crate::value::Span;

/// A request target up to this length goes by `GET`, which read-only proxies prefer; a longer one by `POST`,
/// because servers and proxies limit the length of a target.
const LONGEST_GET: usize = 2000;

/// When a query is evaluated.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// Once; `None` is Prometheus' own present.
    At(Option<Timestamp>),
    /// From, to, and at which distance.
    Range(Timestamp, Timestamp, Duration),
}

/// The Prometheus of one context.
pub(super) struct Prometheus {
    config: PrometheusConfig,
    client: OnceCell<reqwest::Client>,
    found: Mutex<Option<PodPort>>,
}

/// An answer of whatever status.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    /// Who answered, for messages.
    place: String,
}

impl Prometheus {
    /// As configured. Nothing is sent before the first query.
    pub(super) fn new(config: PrometheusConfig) -> Self {
        Prometheus { config, client: OnceCell::new(), found: Mutex::default() }
    }

    /// Evaluates a query. The answer is the `data` of Prometheus' envelope.
    pub(super) async fn query(
        &self,
        server: &Server,
        forwards: &Forwards,
        query: &str,
        when: When,
    ) -> Result<Value, Failure> {
        let query = matchers::fixed(query, &self.config.matchers)?;
        let mut parameters = Query::default();
        parameters.add("query", Some(&query));
        let path = match when {
            When::At(at) => {
                parameters.add("time", at.map(seconds).as_deref());
                "/api/v1/query"
            }
            When::Range(start, end, step) => {
                parameters.add("start", Some(&seconds(start)));
                parameters.add("end", Some(&seconds(end)));
                parameters.add("step", Some(&step.as_secs_f64().to_string()));
                "/api/v1/query_range"
            }
        };
        parameters.add("lookback_delta", self.config.max_staleness.map(|age| Span(age).to_string()).as_deref());
        // Thanos answers from the stores that it can reach unless told otherwise; a proof must not stand on a part. Prometheus ignores it.
        parameters.add("partial_response", Some("false"));

        let mut tries = Tries::of_a_read();
        loop {
            let answer = self.send(server, forwards, path, &parameters).await?;
            let result = envelope::data(answer.status, &answer.body, &query, &answer.place);
            let passing = matches!(answer.status.as_u16(), 429 | 502 | 503 | 504);
            let wait = passing.then(|| tries.next(asked_wait(&answer.headers))).flatten();
            match (result, wait) {
                (Err(_), Some(wait)) => server.clock().sleep(wait).await,
                (Err(failure), None) => {
                    return Err(Failure { message: format!("{}{}", failure.message, tries.said()), ..failure });
                }
                (Ok(data), _) => return Ok(data),
            }
        }
    }

    async fn send(
        &self,
        server: &Server,
        forwards: &Forwards,
        path: &str,
        parameters: &Query,
    ) -> Result<Answer, Failure> {
        let headers = self.headers().await?;
        match &self.config.url {
            Some(url) => self.send_to(server, url, path, parameters, headers).await,
            None => self.forward(server, forwards, path, parameters, headers).await,
        }
    }

    /// To the configured address.
    async fn send_to(
        &self,
        server: &Server,
        url: &reqwest::Url,
        path: &str,
        parameters: &Query,
        headers: HeaderMap,
    ) -> Result<Answer, Failure> {
        let client = self.client.get_or_try_init(|| client(&self.config, server)).await?;
        let place = url.as_str().trim_end_matches('/').to_owned();
        let whole = format!("{place}{path}{parameters}");
        let mut tries = Tries::of_a_read();
        loop {
            let request = if whole.len() <= LONGEST_GET {
                client.get(&whole)
            } else {
                client
                    .post(format!("{place}{path}"))
                    .header(header::CONTENT_TYPE, FORM)
                    .body(parameters.form().to_owned())
            };
            let sent = async {
                let response: http::Response<reqwest::Body> =
                    request.headers(headers.clone()).send().await.map_err(|error| lost(&place, &error))?.into();
                let (head, body) = response.into_parts();
                let body = Limited::new(body, server.limit()).collect().await.map_err(|error| {
                    if error.is::<LengthLimitError>() {
                        too_large(&place, server.limit())
                    } else {
                        (
                            Failure::new(
                                &UNREACHABLE,
                                format!("the answer of Prometheus at {place} broke off: {}", root(&*error)),
                            ),
                            true,
                        )
                    }
                })?;
                Ok::<Answer, (Failure, bool)>(Answer {
                    status: head.status,
                    headers: head.headers,
                    body: body.to_bytes().into(),
                    place: place.clone(),
                })
            };
            let limit = server.timeouts().prometheus;
            let (failure, passing) = match tokio::time::timeout(limit, sent).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(lost)) => lost,
                Err(_) => (
                    Failure::new(
                        &UNREACHABLE,
                        format!("Prometheus at {place} did not answer within {} s", limit.as_secs_f64()),
                    )
                    .hint("is the query too costly? `timeouts.prometheus` in the configuration file sets the limit"),
                    false,
                ),
            };
            match tries.next(None).filter(|_| passing) {
                Some(wait) => server.clock().sleep(wait).await,
                None => return Err(Failure { message: format!("{}{}", failure.message, tries.said()), ..failure }),
            }
        }
    }

    /// To a pod behind its Service. A pod that is gone is looked for once more.
    async fn forward(
        &self,
        server: &Server,
        forwards: &Forwards,
        path: &str,
        parameters: &Query,
        mut headers: HeaderMap,
    ) -> Result<Answer, Failure> {
        let target = format!("{path}{parameters}");
        let outgoing = if target.len() <= LONGEST_GET {
            Outgoing { method: Method::GET, path: target, headers, body: Vec::new(), repeatable: true }
        } else {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FORM));
            Outgoing {
                method: Method::POST,
                path: path.to_owned(),
                headers,
                body: parameters.form().into(),
                repeatable: true,
            }
        };
        let (at, fresh) = self.find(server, None).await?;
        let mut answered = (forwards.request(server, &at, &outgoing).await, at);
        if let (Err(failure), at) = &answered
            && !fresh
            && (std::ptr::eq(failure.code, &UNREACHABLE) || std::ptr::eq(failure.code, &NOT_FOUND))
        {
            let (again, _) = self.find(server, Some(at)).await?;
            answered = (forwards.request(server, &again, &outgoing).await, again);
        }
        let (answer, at) = answered;
        let answer =
            answer.map_err(|failure| Failure { message: format!("Prometheus: {}", failure.message), ..failure })?;
        Ok(Answer {
            status: answer.status,
            headers: answer.headers,
            body: answer.body,
            place: format!("Pod {}/{}", at.namespace, at.pod),
        })
    }

    /// The pod to ask, and whether it was looked for just now. `gone` is one that no longer answers.
    async fn find(&self, server: &Server, gone: Option<&PodPort>) -> Result<(PodPort, bool), Failure> {
        let mut found = self.found.lock().await;
        match &*found {
            Some(at) if Some(at) != gone => Ok((at.clone(), false)),
            _ => {
                let at = service::find(server, self.config.service.as_ref()).await?;
                *found = Some(at.clone());
                Ok((at, true))
            }
        }
    }

    /// Tenant and credentials.
    async fn headers(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = &self.config.tenant {
            headers.insert(name.clone(), value.clone());
        }
        let authorization = if let Some(path) = &self.config.bearer_token_file {
            Some(format!("Bearer {}", secret(path)?))
        } else if let Some(basic) = &self.config.basic_auth {
            Some(format!("Basic {}", STANDARD.encode(format!("{}:{}", basic.username, secret(&basic.password_file)?))))
        } else {
            None
        };
        if let Some(text) = authorization {
            let mut value = HeaderValue::try_from(text).map_err(|_| {
                Failure::new(&CONFIG, "the credentials for Prometheus have characters that no header can carry")
            })?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(headers)
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

async fn client(config: &PrometheusConfig, server: &Server) -> Result<reqwest::Client, Failure> {
    super::login::install_crypto();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(server.timeouts().connect)
        // A redirection is nearly always to a page to log in; following it would only hide that.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("meshbook/", env!("CARGO_PKG_VERSION")));
    if config.url.as_ref().and_then(|url| url.host_str()).is_some_and(super::kubeconfig::is_this_machine) {
        builder = builder.no_proxy();
    }
    if let Some(path) = &config.ca_file {
        let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
        let authorities = reqwest::Certificate::from_pem_bundle(&bytes).map_err(|error| {
            Failure::new(
                &CONFIG,
                format!("`ca_file` {} has no certificate in PEM form: {}", path.display(), root(&error)),
            )
        })?;
        builder = builder.tls_certs_only(authorities);
    }
    builder
        .build()
        .map_err(|error| Failure::new(&CONFIG, format!("no connection to Prometheus can be made: {}", root(&error))))
}

fn lost(place: &str, error: &reqwest::Error) -> (Failure, bool) {
    let cause = root(error);
    let failure = Failure::new(&UNREACHABLE, format!("Prometheus at {place} is unreachable: {cause}"));
    if cause.contains("certificate") {
        return (
            failure.hint("give the certificate authority of this address as `ca_file` in the configuration file"),
            false,
        );
    }
    (failure.hint("check `prometheus.url` in the configuration file, and the network"), true)
}

fn too_large(place: &str, limit: usize) -> (Failure, bool) {
    let failure =
        Failure::new(&BAD_ANSWER, format!("the answer of Prometheus at {place} is larger than {} MiB", limit >> 20));
    (failure.hint("aggregate more in the query"), false)
}

/// A secret from a file, without the line's end.
fn secret(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map(|text| text.trim().to_owned()).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(&CONFIG, format!("{} cannot be read: {error}", path.display()))
        .hint("the configuration file names it for Prometheus")
}

/// A time as Prometheus takes it: seconds since 1970 with their fraction.
fn seconds(at: Timestamp) -> String {
    let milliseconds = at.as_millisecond();
    format!(
        "{}{}.{:03}",
        if milliseconds < 0 { "-" } else { "" },
        milliseconds.unsigned_abs() / 1000,
        milliseconds.unsigned_abs() % 1000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_with_milliseconds() {
        let time = |milliseconds| seconds(Timestamp::from_millisecond(milliseconds).expect("a time in range"));
        assert_eq!(
            (time(1_767_603_600_250).as_str(), time(5).as_str(), time(-1_500).as_str()),
            ("1767603600.250", "0.005", "-1.500")
        );
    }
}
