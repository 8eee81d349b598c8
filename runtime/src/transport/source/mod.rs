//! A source of telemetry beside the API server, such as Prometheus: at its configured address, or by port-forward to a
//! pod behind its Service.

mod product;
mod service;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{Mutex, OnceCell};

pub(super) use product::{GRAFANA, JAEGER, KIALI, PROMETHEUS};

use product::Product;

use super::config::SourceConfig;
use super::kubernetes::Query;
use super::port_forward::{Forwards, Outgoing, PodPort};
use super::retry::{Tries, asked_wait};
use super::server::Server;
use super::unanswered::root;
use crate::failure::{BAD_ANSWER, CONFIG, Failure, NOT_FOUND, UNREACHABLE};

/// A request target up to this length goes by `GET`, which read-only proxies prefer; a longer one by `POST`,
/// because servers and proxies limit the length of a target.
const LONGEST_GET: usize = 2000;

/// One source of one context.
pub(super) struct Source {
    product: &'static Product,
    config: SourceConfig,
    client: OnceCell<reqwest::Client>,
    found: Mutex<Option<PodPort>>,
}

/// An answer of whatever status.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Who answered, for messages.
    pub(super) place: String,
}

impl Source {
    /// As configured. Nothing is sent before the first question.
    pub(super) fn new(product: &'static Product, config: SourceConfig) -> Self {
        Source { product, config, client: OnceCell::new(), found: Mutex::default() }
    }

    /// Sends a request; a connection that is lost is tried again.
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

    /// Asks until `read` finds an answer in what is sent back, or there is no more reason to hope for one.
    pub(super) async fn ask<T>(
        &self,
        server: &Server,
        forwards: &Forwards,
        path: &str,
        parameters: &Query,
        read: impl Fn(&Answer) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut tries = Tries::of_a_read();
        loop {
            let answer = self.send(server, forwards, path, parameters).await?;
            let passing = matches!(answer.status.as_u16(), 429 | 502 | 503 | 504);
            let wait = passing.then(|| tries.next(asked_wait(&answer.headers))).flatten();
            match (read(&answer), wait) {
                (Err(_), Some(wait)) => server.clock().sleep(wait).await,
                (Err(failure), None) => {
                    return Err(Failure { message: format!("{}{}", failure.message, tries.said()), ..failure });
                }
                (Ok(data), _) => return Ok(data),
            }
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
        let client = self.client.get_or_try_init(|| client(self.product, &self.config, server)).await?;
        let name = self.product.name;
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
                let response: http::Response<reqwest::Body> = request
                    .headers(headers.clone())
                    .send()
                    .await
                    .map_err(|error| lost(self.product, &place, &error))?
                    .into();
                let (head, body) = response.into_parts();
                let body = Limited::new(body, server.limit()).collect().await.map_err(|error| {
                    if error.is::<LengthLimitError>() {
                        too_large(name, &place, server.limit())
                    } else {
                        (
                            Failure::new(
                                &UNREACHABLE,
                                format!("the answer of {name} at {place} broke off: {}", root(&*error)),
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
                        format!("{name} at {place} did not answer within {} s", limit.as_secs_f64()),
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
        let answer = answer
            .map_err(|failure| Failure { message: format!("{}: {}", self.product.name, failure.message), ..failure })?;
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
                let at = service::find(server, self.product, self.config.service.as_ref()).await?;
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
            Some(format!("Bearer {}", secret(self.product.name, path)?))
        } else if let Some(basic) = &self.config.basic_auth {
            Some(format!(
                "Basic {}",
                STANDARD.encode(format!("{}:{}", basic.username, secret(self.product.name, &basic.password_file)?))
            ))
        } else {
            None
        };
        if let Some(text) = authorization {
            let mut value = HeaderValue::try_from(text).map_err(|_| {
                Failure::new(
                    &CONFIG,
                    format!("the credentials for {} have characters that no header can carry", self.product.name),
                )
            })?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(headers)
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

/// What every client has that goes to an address of the configuration file.
pub(super) fn to(address: Option<&reqwest::Url>, server: &Server) -> reqwest::ClientBuilder {
    super::login::install_crypto();
    let builder = reqwest::Client::builder()
        .connect_timeout(server.timeouts().connect)
        // A redirection is nearly always to a page to log in; following it would only hide that.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("meshbook/", env!("CARGO_PKG_VERSION")));
    let is_here = address.and_then(reqwest::Url::host_str).is_some_and(super::kubeconfig::is_this_machine);
    if is_here { builder.no_proxy() } else { builder }
}

async fn client(product: &Product, config: &SourceConfig, server: &Server) -> Result<reqwest::Client, Failure> {
    let mut builder = to(config.url.as_ref(), server);
    if let Some(path) = &config.ca_file {
        let bytes = std::fs::read(path).map_err(|error| unreadable(product.name, path, &error))?;
        let authorities = reqwest::Certificate::from_pem_bundle(&bytes).map_err(|error| {
            Failure::new(
                &CONFIG,
                format!("`ca_file` {} has no certificate in PEM form: {}", path.display(), root(&error)),
            )
        })?;
        builder = builder.tls_certs_only(authorities);
    }
    builder.build().map_err(|error| {
        Failure::new(&CONFIG, format!("no connection to {} can be made: {}", product.name, root(&error)))
    })
}

fn lost(product: &Product, place: &str, error: &reqwest::Error) -> (Failure, bool) {
    let cause = root(error);
    let failure = Failure::new(&UNREACHABLE, format!("{} at {place} is unreachable: {cause}", product.name));
    if cause.contains("certificate") {
        return (
            failure.hint("give the certificate authority of this address as `ca_file` in the configuration file"),
            false,
        );
    }
    (failure.hint(format!("check `{}.url` in the configuration file, and the network", product.section)), true)
}

fn too_large(name: &str, place: &str, limit: usize) -> (Failure, bool) {
    let failure =
        Failure::new(&BAD_ANSWER, format!("the answer of {name} at {place} is larger than {} MiB", limit >> 20));
    (failure.hint("aggregate more in the query"), false)
}

/// A secret from a file, without the line's end.
pub(super) fn secret(name: &str, path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map(|text| text.trim().to_owned()).map_err(|error| unreadable(name, path, &error))
}

fn unreadable(name: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(&CONFIG, format!("{} cannot be read: {error}", path.display()))
        .hint(format!("the configuration file names it for {name}"))
}
