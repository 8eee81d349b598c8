//! The configuration file: what meshbook has to know about a context that its kubeconfig does not say.
//!
//! ```toml
//! [context."prod-eu1"]
//! protected = true
//! curl_image = "registry.example/curl:8.12.1"
//!
//! [context."prod-eu1".prometheus]
//! url = "https://mimir.example/prometheus"
//! tenant = "mesh"
//! bearer_token_file = "/run/secrets/mimir"
//! matchers = { cluster = "eu1" }
//!
//! [tools]
//! istioctl = "/opt/istio-1.31.0/bin/istioctl"
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::failure::{CONFIG, Failure, nearest};
use crate::value::Span;

/// The whole file. A context that it does not name has the defaults.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    #[serde(default)]
    context: BTreeMap<String, ContextConfig>,
    /// Where programs are that render objects, by their names; one that is not named is looked for on `$PATH`.
    #[serde(default)]
    tools: BTreeMap<String, PathBuf>,
}

/// What is configured for one kubeconfig context.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContextConfig {
    /// Whether a person has to confirm by name before anything is changed here.
    pub protected: bool,
    /// Where its Prometheus is; `None` looks for a Service.
    pub prometheus: Option<PrometheusConfig>,
    /// Where its Jaeger is; `None` looks for a Service.
    pub jaeger: Option<SourceConfig>,
    /// Where its Grafana is, if not in the cluster.
    pub grafana: Option<SourceConfig>,
    /// Where its Kiali is, if not in the cluster.
    pub kiali: Option<SourceConfig>,
    /// The account at PagerDuty whose people are paged.
    pub pagerduty: Option<PagerDutyConfig>,
    /// The webhook of a channel that is told.
    pub slack: Option<SlackConfig>,
    /// Image of the throw-away pods that make requests, where the usual one cannot be pulled: curl 7.84 or newer.
    pub curl_image: Option<String>,
    /// How long to wait for answers.
    pub timeouts: Timeouts,
    /// How much of the cluster a run may use.
    pub budget: BudgetConfig,
}

/// A service of PagerDuty.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDutyConfig {
    /// File with the integration key of the service (Events API v2). It is read for each event.
    pub routing_key_file: PathBuf,
    /// Another address than that of PagerDuty's service region in the US.
    #[serde(default = "events_in_the_us", deserialize_with = "address")]
    pub url: reqwest::Url,
}

fn events_in_the_us() -> reqwest::Url {
    reqwest::Url::parse("https://events.pagerduty.com").expect("it is an address")
}

/// An incoming webhook.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    /// File with its address, which is a secret. It is read for each message.
    pub webhook_file: PathBuf,
}

/// How long to wait for an answer before its source counts as unreachable.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// For a TCP connection to the API server or to Prometheus.
    #[serde(deserialize_with = "span")]
    pub connect: Duration,
    /// For the whole answer of the API server.
    #[serde(deserialize_with = "span")]
    pub api: Duration,
    /// For each read from a pod's port: opening it, the head of the answer, each piece of its body.
    #[serde(deserialize_with = "span")]
    pub pod: Duration,
    /// For the whole answer of Prometheus.
    #[serde(deserialize_with = "span")]
    pub prometheus: Duration,
    /// For a credential plugin, which may have to ask a person to log in.
    #[serde(deserialize_with = "span")]
    pub login: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Timeouts {
            connect: seconds(5),
            api: seconds(30),
            pod: seconds(10),
            prometheus: seconds(30),
            login: seconds(60),
        }
    }
}

/// How much of the cluster a run may use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetConfig {
    /// Reads in one run; `None` leaves it to the run.
    pub reads: Option<u64>,
    /// Reads under way at once; `None` leaves it to the run.
    pub in_flight: Option<usize>,
    /// Port-forwards open at once.
    #[serde(deserialize_with = "positive")]
    pub forwards: usize,
    /// The largest answer that is accepted, in MiB.
    #[serde(deserialize_with = "positive")]
    pub answer_mib: usize,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        BudgetConfig { reads: None, in_flight: None, forwards: 32, answer_mib: 64 }
    }
}

/// Where a context's Prometheus is, and how it is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "WrittenPrometheus")]
pub struct PrometheusConfig {
    /// Where it is.
    pub source: SourceConfig,
    /// Labels that every selector of every query must match, for example `cluster="eu1"`.
    pub matchers: BTreeMap<String, String>,
    /// How old the newest sample of a series may be (`lookback_delta`); `None` is Prometheus' own setting.
    pub max_staleness: Option<Duration>,
}

/// Where a source of telemetry is, and with what it is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "WrittenSource")]
pub struct SourceConfig {
    /// Its address, with the path before `/api` if there is one.
    pub url: Option<reqwest::Url>,
    /// Instead of an address: the Service to which to forward, namespace and name.
    pub service: Option<(String, String)>,
    /// Header that names the tenant.
    pub tenant: Option<(HeaderName, HeaderValue)>,
    /// File that holds a bearer token. It is read for each query, because such tokens are rotated.
    pub bearer_token_file: Option<PathBuf>,
    /// User, and the file that holds the password.
    pub basic_auth: Option<BasicAuth>,
    /// Certificate authority of the address, PEM.
    pub ca_file: Option<PathBuf>,
}

/// A user, and the file that holds the password.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// User.
    pub username: String,
    /// File with the password.
    pub password_file: PathBuf,
}

/// [`PrometheusConfig`] as it stands in the file, before what has to hold between its keys was looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPrometheus {
    url: Option<String>,
    service: Option<String>,
    tenant: Option<String>,
    tenant_header: Option<String>,
    bearer_token_file: Option<PathBuf>,
    basic_auth: Option<BasicAuth>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    matchers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "optional_span")]
    max_staleness: Option<Duration>,
}

impl TryFrom<WrittenPrometheus> for PrometheusConfig {
    type Error = String;

    fn try_from(written: WrittenPrometheus) -> Result<Self, String> {
        for label in written.matchers.keys() {
            if !is_label(label) {
                return Err(format!("`{label}` is not a label's name"));
            }
        }
        Ok(PrometheusConfig {
            source: SourceConfig::try_from(WrittenSource {
                url: written.url,
                service: written.service,
                tenant: written.tenant,
                tenant_header: written.tenant_header,
                bearer_token_file: written.bearer_token_file,
                basic_auth: written.basic_auth,
                ca_file: written.ca_file,
            })?,
            matchers: written.matchers,
            max_staleness: written.max_staleness,
        })
    }
}

/// [`SourceConfig`] as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSource {
    url: Option<String>,
    service: Option<String>,
    tenant: Option<String>,
    tenant_header: Option<String>,
    bearer_token_file: Option<PathBuf>,
    basic_auth: Option<BasicAuth>,
    ca_file: Option<PathBuf>,
}

impl TryFrom<WrittenSource> for SourceConfig {
    type Error = String;

    fn try_from(written: WrittenSource) -> Result<Self, String> {
        if written.url.is_some() && written.service.is_some() {
            return Err("`url` and `service` exclude each other".into());
        }
        if written.bearer_token_file.is_some() && written.basic_auth.is_some() {
            return Err("`bearer_token_file` and `basic_auth` exclude each other".into());
        }
        if written.ca_file.is_some() && written.url.is_none() {
            return Err("`ca_file` needs a `url`".into());
        }
        let url = written.url.map(|text| http_url(&text)).transpose()?;
        let service = written.service.map(|text| namespace_and_name(&text)).transpose()?;
        let tenant = match (written.tenant, written.tenant_header) {
            (None, None) => None,
            (None, Some(_)) => return Err("`tenant_header` needs a `tenant`".into()),
            (Some(tenant), header) => {
                let header = header.unwrap_or_else(|| "X-Scope-OrgID".into());
                let name = HeaderName::try_from(&header).map_err(|_| format!("`{header}` is not a header's name"))?;
                let value =
                    HeaderValue::try_from(&tenant).map_err(|_| format!("`{tenant}` cannot stand in a header"))?;
                Some((name, value))
            }
        };
        Ok(SourceConfig {
            url,
            service,
            tenant,
            bearer_token_file: written.bearer_token_file,
            basic_auth: written.basic_auth,
            ca_file: written.ca_file,
        })
    }
}

impl ConfigFile {
    /// Reads the file at `path`, or `config.toml` in meshbook's home, which may be absent.
    ///
    /// # Errors
    /// `CONFIG` if a given file is not there, cannot be read, or says something that is not understood.
    pub fn load(path: Option<&Path>, home: &Path) -> Result<ConfigFile, Failure> {
        let place = path.map_or_else(|| home.join("config.toml"), Path::to_owned);
        match std::fs::read_to_string(&place) {
            Ok(text) => ConfigFile::parse(&text, &place),
            Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(ConfigFile::default()),
            Err(error) => Err(Failure::new(
                &CONFIG,
                format!("the configuration file {} cannot be read: {error}", place.display()),
            )
            .hint("name another one, or none to use the defaults")),
        }
    }

    /// Reads the text of a file; `place` is its name in messages.
    ///
    /// # Errors
    /// `CONFIG` with the line and column, and the nearest known name for an unknown key.
    pub fn parse(text: &str, place: &Path) -> Result<ConfigFile, Failure> {
        toml::from_str(text).map_err(|error| {
            let at = error.span().map(|span| position(text, span.start));
            let at = at.map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
            let message = error.message().lines().next().unwrap_or_default();
            let failure = Failure::new(&CONFIG, format!("{}{at}: {message}", place.display()));
            match suggestion(message) {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })
    }

    /// Where programs are that render objects, by their names.
    pub fn tools(&self) -> BTreeMap<String, PathBuf> {
        self.tools.clone()
    }

    /// What is configured for a context; the defaults if nothing is.
    pub fn context(&self, name: &str) -> ContextConfig {
        self.context.get(name).cloned().unwrap_or_default()
    }
}

/// `did you mean …?` for serde's message about an unknown key, which lists the known ones in backticks.
fn suggestion(message: &str) -> Option<String> {
    let mut names = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let wrong = names.next()?;
    let known: Vec<&str> = names.collect();
    Some(match nearest(wrong, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here: {}", known.join(", ")),
    })
}

/// Line and column, both from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

fn http_url(text: &str) -> Result<reqwest::Url, String> {
    let url = reqwest::Url::parse(text).map_err(|error| format!("`{text}` is not an address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{text}` does not begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials do not belong into `url`; use `basic_auth` or `bearer_token_file`".into());
    }
    Ok(url)
}

fn namespace_and_name(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.into(), name.into()))
        }
        _ => Err(format!("`{text}` is not of the form NAMESPACE/SERVICE")),
    }
}

/// Whether Prometheus takes this as a label's name without quotes.
fn is_label(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && text != "__name__"
}

fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<Span>().map(|span| span.0).map_err(D::Error::custom)
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<reqwest::Url, D::Error> {
    http_url(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn optional_span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    span(deserializer).map(Some)
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        0 => Err(D::Error::custom("must be at least 1")),
        number if number > 65_536 => Err(D::Error::custom("must be at most 65536")),
        number => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<ConfigFile, Failure> {
        ConfigFile::parse(text, Path::new("config.toml"))
    }

    #[test]
    fn the_documentation_shows_a_file_that_is_understood() {
        let text = include_str!("../../../docs/configuration.md");
        let shown = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let context = parse(shown).unwrap().context("prod-eu1");
        assert_eq!((context.timeouts, context.budget), (Timeouts::default(), BudgetConfig::default()), "the defaults");
        assert!(context.prometheus.is_some() && context.jaeger.is_some() && context.kiali.is_some());
        assert_eq!(context.pagerduty.unwrap().url.as_str(), "https://events.eu.pagerduty.com/");
        assert!(context.slack.is_some());
    }

    #[test]
    fn reads_what_a_context_may_have() {
        let file = parse(
            r#"
            [context."prod-eu1"]
            protected = true
            curl_image = "registry.example/curl:8.12.1"
            timeouts = { api = "1m30s", pod = "500ms" }
            budget = { reads = 2000, forwards = 8 }
            [context."prod-eu1".prometheus]
            url = "https://mimir.example/prometheus"
            tenant = "mesh"
            bearer_token_file = "/run/token"
            matchers = { cluster = "eu1" }
            max_staleness = "2m"
            [context.stage.prometheus]
            service = "monitoring/prometheus-k8s"
            [context.stage.jaeger]
            url = "https://jaeger.example"
            [context.stage.grafana]
            url = "https://grafana.example"
            [context.stage.kiali]
            service = "istio-system/kiali"
            "#,
        )
        .unwrap();
        let prod = file.context("prod-eu1");
        assert_eq!(prod.curl_image.as_deref(), Some("registry.example/curl:8.12.1"));
        assert!(prod.protected);
        assert_eq!(
            prod.timeouts,
            Timeouts { api: Duration::from_secs(90), pod: Duration::from_millis(500), ..Timeouts::default() }
        );
        assert_eq!((prod.budget.reads, prod.budget.forwards, prod.budget.answer_mib), (Some(2000), 8, 64));
        let prometheus = prod.prometheus.unwrap();
        assert_eq!(prometheus.source.url.unwrap().as_str(), "https://mimir.example/prometheus");
        assert_eq!(prometheus.source.tenant.unwrap().0, "x-scope-orgid");
        assert_eq!(prometheus.matchers["cluster"], "eu1");
        assert_eq!(prometheus.max_staleness, Some(Duration::from_secs(120)));
        assert_eq!(
            file.context("stage").prometheus.unwrap().source.service,
            Some(("monitoring".into(), "prometheus-k8s".into()))
        );
        let stage = file.context("stage");
        assert_eq!(stage.jaeger.unwrap().url.unwrap().as_str(), "https://jaeger.example/");
        assert_eq!(stage.grafana.unwrap().url.unwrap().as_str(), "https://grafana.example/");
        assert_eq!(stage.kiali.unwrap().service, Some(("istio-system".into(), "kiali".into())));
        assert!(!file.context("elsewhere").protected);
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_place_and_the_nearest_name() {
        let failure = parse("[context.prod]\nprotectd = true\n").unwrap_err();
        assert_eq!(failure.code.name, CONFIG.name);
        assert!(failure.message.starts_with("config.toml:2:1: unknown field `protectd`"), "{failure}");
        assert_eq!(failure.hint.as_deref(), Some("did you mean `protected`?"));
        let failure = parse("[context.prod.prometheus]\ntenant_hedaer = 'a'\n").unwrap_err();
        assert!(failure.message.starts_with("config.toml:"), "{failure}");
        assert_eq!(failure.hint.as_deref(), Some("did you mean `tenant_header`?"));
        let failure = parse("[contexts.prod]\n").unwrap_err();
        assert_eq!(failure.hint.as_deref(), Some("did you mean `context`?"));
    }

    #[test]
    fn a_wrong_value_says_what_is_right() {
        for (text, part) in [
            ("[context.a.timeouts]\napi = '30'", "is not a duration"),
            ("[context.a.timeouts]\napi = 30", "expected a string"),
            ("[context.a.budget]\nforwards = 0", "at least 1"),
            ("[context.a.prometheus]\nurl = 'ftp://a'", "http://"),
            ("[context.a.prometheus]\nurl = 'https://me:secret@a'", "basic_auth"),
            ("[context.a.prometheus]\nservice = 'prometheus'", "NAMESPACE/SERVICE"),
            ("[context.a.prometheus]\nurl = 'http://a'\nservice = 'a/b'", "exclude each other"),
            ("[context.a.prometheus]\ntenant_header = 'X-Org'", "needs a `tenant`"),
            ("[context.a.prometheus]\nmatchers = { 'a-b' = '' }", "not a label"),
            ("[context.a", "config.toml:1:"),
        ] {
            let failure = parse(text).unwrap_err();
            assert!(failure.message.contains(part), "{text}: {failure}");
            assert!(failure.message.starts_with("config.toml:"), "{text}: {failure}");
        }
        assert!(!parse("[context.a.prometheus]\nurl = 'https://me:secret@a'").unwrap_err().message.contains("secret"));
    }

    #[test]
    fn a_missing_file_matters_only_if_it_was_named() {
        let home = tempfile::tempdir().unwrap();
        assert!(ConfigFile::load(None, home.path()).is_ok());
        let named = home.path().join("mine.toml");
        let failure = ConfigFile::load(Some(&named), home.path()).unwrap_err();
        assert!(failure.message.contains("mine.toml"), "{failure}");
        std::fs::write(home.path().join("config.toml"), "[context.a]\nprotected = true").unwrap();
        assert!(ConfigFile::load(None, home.path()).unwrap().context("a").protected);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}|(\\[context\\.a(\\.prometheus)?\\]\n[a-z_]{1,8} = ('\\PC{0,9}'|[0-9]{1,20})\n){0,3}") {
            let _ = parse(&text);
        }
    }
}
