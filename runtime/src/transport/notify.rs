//! Telling people: PagerDuty's Events API v2 (<https://developer.pagerduty.com/docs/events-api-v2/overview/>), and incoming
//! webhooks that take what Slack's take (<https://api.slack.com/messaging/webhooks>).
//!
//! A message whose answer is lost, or that is to be sent later, is sent again: at least once.

use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::config::{ContextConfig, PagerDutyConfig, SlackConfig};
use super::retry::{Tries, asked_wait};
use super::server::Server;
use super::source::{self, secret};
use super::status::excerpt;
use super::unanswered::root;
use crate::effect::{Channel, Notice, Reply};
use crate::failure::{Failure, NOT_TOLD};

/// The accounts of one context.
pub(super) struct Accounts {
    pagerduty: Option<PagerDutyConfig>,
    slack: Option<SlackConfig>,
    client: OnceCell<reqwest::Client>,
}

/// What came of one try: the failure, whether another may help, and the wait that was asked for.
struct Untold {
    why: String,
    passing: bool,
    headers: HeaderMap,
}

impl Accounts {
    /// As configured. Nothing is sent before the first message.
    pub(super) fn new(config: &ContextConfig) -> Self {
        Accounts { pagerduty: config.pagerduty.clone(), slack: config.slack.clone(), client: OnceCell::new() }
    }

    /// Sends a message.
    pub(super) async fn tell(&self, server: &Server, notice: &Notice) -> Result<Reply, Failure> {
        let channel = notice.channel;
        let (address, document) = self.letter(notice)?;
        let client = self.client.get_or_try_init(|| async { client(&address, server) }).await?;
        let mut tries = Tries::of_a_read();
        loop {
            let sent = send(client, &address, &document);
            let Err(untold) = sent.await else { return Ok(Reply::Done) };
            let wait = tries.next(asked_wait(&untold.headers)).filter(|_| untold.passing);
            match wait {
                Some(wait) => server.clock().sleep(wait).await,
                None => {
                    return Err(Failure::new(&NOT_TOLD, format!("{channel} {}{}", untold.why, tries.said())).hint(
                        format!(
                            "tell them by hand; `{}` in the configuration file names the account",
                            section(channel)
                        ),
                    ));
                }
            }
        }
    }

    /// Where a message goes, and what is sent. The address of a webhook is a secret, and is never told.
    fn letter(&self, notice: &Notice) -> Result<(reqwest::Url, Value), Failure> {
        let channel = notice.channel;
        let absent = || {
            Failure::new(&NOT_TOLD, format!("{channel} was not told: no account is configured for this context"))
                .hint(format!("`[context.\"NAME\".{}]` in the configuration file names one", section(channel)))
        };
        let unusable = |failure: Failure| Failure { code: &NOT_TOLD, ..failure };
        match channel {
            Channel::PagerDuty => {
                let account = self.pagerduty.as_ref().ok_or_else(absent)?;
                let key = secret("PagerDuty", &account.routing_key_file).map_err(unusable)?;
                let mut document = notice.message.clone();
                document["routing_key"] = Value::String(key);
                let mut address = account.url.clone();
                address.set_path(&format!("{}/v2/enqueue", address.path().trim_end_matches('/')));
                Ok((address, document))
            }
            Channel::Slack => {
                let account = self.slack.as_ref().ok_or_else(absent)?;
                let address = secret("Slack", &account.webhook_file).map_err(unusable)?;
                let address = reqwest::Url::parse(&address).map_err(|_| {
                    Failure::new(&NOT_TOLD, format!("{} holds no address", account.webhook_file.display()))
                        .hint("it must hold the webhook's address alone, for example https://hooks.example/services/…")
                })?;
                Ok((address, notice.message.clone()))
            }
        }
    }
}

async fn send(client: &reqwest::Client, address: &reqwest::Url, document: &Value) -> Result<(), Untold> {
    let unreachable = |error: reqwest::Error| Untold {
        why: format!("did not answer: {}", root(&error.without_url())),
        passing: true,
        headers: HeaderMap::new(),
    };
    let answer = client
        .post(address.clone())
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(document.to_string())
        .send()
        .await
        .map_err(unreachable)?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    if status.is_success() {
        return Ok(());
    }
    let body = answer.bytes().await.map_err(unreachable)?;
    let passing = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
    Err(Untold { why: format!("refused the message ({status}): {}", excerpt(&body)), passing, headers })
}

fn client(address: &reqwest::Url, server: &Server) -> Result<reqwest::Client, Failure> {
    let builder = source::to(Some(address), server).timeout(server.timeouts().prometheus);
    builder.build().map_err(|error| Failure::new(&NOT_TOLD, format!("no connection can be made: {}", root(&error))))
}

/// The section of the configuration file.
fn section(channel: Channel) -> &'static str {
    match channel {
        Channel::PagerDuty => "pagerduty",
        Channel::Slack => "slack",
    }
}
