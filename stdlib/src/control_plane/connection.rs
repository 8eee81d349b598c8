//! What each proxy itself says of its connection to istiod, and what the istiods say of each proxy.
//!
//! Envoy exports the statistics of its cluster `xds-grpc` by default. That connection leads to the agent beside it, which
//! closes it while it reaches no istiod: `upstream_cx_active` is 0 then, and `upstream_cx_total` grows with each attempt.
//! The agent's own counters are `istio_agent_istiod_connection_failures` and `…_terminations`; they exist from the first
//! failure on.

use std::sync::Arc;

use meshbook_runtime::effect::Effect;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::envoy::{admin, counter};
use crate::text::{count, some};

/// One proxy.
#[derive(Clone, Debug)]
pub struct Connection {
    /// `POD.NAMESPACE`.
    pub proxy: String,
    /// Its revision.
    pub revision: String,
    /// The istiod that knows it.
    pub istiod: Option<String>,
    /// What Envoy says, where no istiod knows it.
    pub own: Option<Result<Own, String>>,
    /// Failed attempts that its agent counted, and the address that it connects to, where it was asked.
    pub agent: Option<(f64, String)>,
    /// Types of configuration that were sent and not acknowledged for longer than half a minute.
    pub behind: Vec<String>,
}

/// What Envoy says of its connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Own {
    /// Open connections.
    pub active: f64,
    /// Connections since it started.
    pub total: f64,
}

impl Connection {
    /// Whether neither an istiod nor the proxy itself knows of a connection.
    pub fn is_lost(&self) -> bool {
        self.istiod.is_none() && self.own.as_ref().is_some_and(|own| own.as_ref().is_ok_and(|own| own.active == 0.0))
    }

    /// Whether nothing is known of it.
    pub fn is_silent(&self) -> bool {
        self.istiod.is_none() && self.own.as_ref().is_none_or(Result::is_err)
    }
}

/// The statistics of the connection.
pub fn statistics(namespace: &str, pod: &str) -> Effect {
    Effect::page(
        namespace,
        pod,
        admin::PORT,
        "statistics of its connection to istiod",
        "/stats?format=json&filter=xds-grpc%3B%3F%5C.upstream_cx_(active%7Ctotal)%24",
    )
}

/// The agent's own metrics.
pub fn agent(namespace: &str, pod: &str) -> Effect {
    Effect::page(namespace, pod, 15020, "metrics of its agent", "/metrics")
}

/// The part of the configuration in which the address of istiod stands.
pub fn bootstrap(namespace: &str, pod: &str) -> Effect {
    Effect::page(namespace, pod, admin::PORT, "bootstrap", "/config_dump?mask=bootstrap")
}

/// Reads the statistics.
///
/// # Errors
/// A sentence that says what is wrong with the page.
pub fn parse(page: &str) -> Result<Own, String> {
    let page: Value = serde_json::from_str(page).map_err(|error| format!("its /stats page is not JSON: {error}"))?;
    let all = page.get("stats").and_then(Value::as_array).ok_or("its /stats page has no `stats`")?;
    let find = |last: &str| {
        let one = all.iter().find(|one| {
            one.get("name").and_then(Value::as_str).is_some_and(|name| {
                name.strip_prefix("cluster.xds-grpc").is_some_and(|rest| rest.trim_start_matches([';', '.']) == last)
            })
        });
        one.and_then(|one| one.get("value")).and_then(counter)
    };
    match (find("upstream_cx_active"), find("upstream_cx_total")) {
        (Some(active), Some(total)) => Ok(Own { active, total }),
        _ => Err("it exports no statistics of cluster xds-grpc".into()),
    }
}

/// `discoveryAddress` in the bootstrap.
pub fn discovery_address(page: &str) -> Option<String> {
    let page: Value = serde_json::from_str(page).ok()?;
    let mut configs = page.get("configs")?.as_array()?.iter();
    let address =
        configs.find_map(|config| config.pointer("/bootstrap/node/metadata/PROXY_CONFIG/discoveryAddress"))?;
    address.as_str().map(str::to_owned)
}

/// The proxies of the mesh, as nouns are: a cheap identity.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    all: Result<Vec<Connection>, Missing>,
}

impl Connections {
    /// What was seen.
    pub fn new(all: Result<Vec<Connection>, Missing>) -> Self {
        Connections(Arc::new(Inner { all }))
    }

    /// All of them.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn seen(&self) -> Result<&[Connection], Failure> {
        self.0.all.as_deref().map_err(|missing| missing.failure("the connections of the proxies"))
    }

    /// Why nothing is known, if so: they could not be listed, or there are some and nobody has answered.
    pub fn missing(&self) -> Option<Missing> {
        match &self.0.all {
            Err(missing) => Some(missing.clone()),
            Ok(all) if !all.is_empty() && all.iter().all(Connection::is_silent) => {
                Some(Missing::Unreachable("no istiod and no proxy answered".into()))
            }
            Ok(_) => None,
        }
    }

    /// Whether every proxy that answered is connected to an istiod.
    ///
    /// # Errors
    /// As [`Connections::seen`]; `NO_DATA` if no proxy answered although there are some.
    pub fn are_connected(&self) -> Result<bool, Failure> {
        match self.missing() {
            Some(missing) => Err(missing.failure("the connections of the proxies")),
            None => Ok(!self.seen()?.iter().any(Connection::is_lost)),
        }
    }
}

impl Noun for Connections {
    const NAME: &'static str = "Connections";
    const DOC: &'static str = "The proxies of the mesh and their connections to istiod: by which istiod each is known, and what those that none knows say themselves. May be missing.";

    fn text(&self) -> String {
        match &self.0.all {
            Err(missing) => format!("the connections of the proxies have no data: {missing}"),
            Ok(all) if all.is_empty() => "there is no proxy yet".to_owned(),
            Ok(all) => {
                let lost = all.iter().filter(|one| one.is_lost()).count();
                let silent = all.iter().filter(|one| one.is_silent()).count();
                let connected = all.len() - lost - silent;
                let mut text =
                    format!("{} of {} connected to istiod", connected, count(all.len(), "proxy is", "proxies are"));
                if lost > 0 {
                    text.push_str(&format!(", {lost} without a connection"));
                }
                if silent > 0 {
                    text.push_str(&format!(", {silent} did not answer"));
                }
                text
            }
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(self.text(), &["PROXY", "REVISION", "CONNECTED TO", "ATTEMPTS", "ITS AGENT SAYS"]);
        let all = self.0.all.as_deref().unwrap_or_default();
        let lost: Vec<_> = all.iter().filter(|one| one.is_lost()).collect();
        for one in lost.iter().take(SHOWN) {
            let total = one.own.as_ref().and_then(|own| own.as_ref().ok()).map_or(0.0, |own| own.total);
            let agent = one.agent.as_ref().map_or("-".to_owned(), |(failed, address)| {
                format!("{} to {address}", count(as_count(*failed), "failed attempt", "failed attempts"))
            });
            table.row([one.proxy.clone(), one.revision.clone(), "nobody".into(), crate::text::figure(total), agent]);
        }
        if table.rows.is_empty() {
            table.columns.clear();
        }
        if lost.len() > SHOWN {
            table.note(format!("and {} more without a connection", lost.len() - SHOWN));
        }
        if !lost.is_empty() {
            table.note(
                "they keep the configuration that they have, and traffic goes on by it: restarting them would lose it",
            );
        }
        let behind: Vec<_> = all
            .iter()
            .filter(|one| !one.behind.is_empty())
            .map(|one| format!("{} ({})", one.proxy, one.behind.join(", ")))
            .collect();
        if !behind.is_empty() {
            table.note(format!("sent and not acknowledged for half a minute: {}", some(&behind, 5)));
        }
        let silent: Vec<_> = all
            .iter()
            .filter(|one| one.is_silent())
            .map(|one| match &one.own {
                Some(Err(why)) => format!("{}: {}", one.proxy, crate::text::first_line(why)),
                _ => one.proxy.clone(),
            })
            .collect();
        if !silent.is_empty() {
            table.note(format!("did not answer: {}", some(&silent, 5)));
        }
        table
    }

    fn json(&self) -> Value {
        match &self.0.all {
            Err(missing) => json!({ "missing": missing.to_string() }),
            Ok(all) => json!({
                "proxies": all.len(),
                "connected": all.iter().filter(|one| !one.is_lost() && !one.is_silent()).count(),
                "lost": all.iter().filter(|one| one.is_lost()).map(|one| one.proxy.as_str()).collect::<Vec<_>>(),
                "silent": all.iter().filter(|one| one.is_silent()).map(|one| one.proxy.as_str()).collect::<Vec<_>>(),
                "behind": all.iter().filter(|one| !one.behind.is_empty()).map(|one| json!({ "proxy": one.proxy, "types": one.behind })).collect::<Vec<_>>(),
            }),
        }
    }
}

/// How many rows a screen is given.
const SHOWN: usize = 8;

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a counter is whole and not negative")]
fn as_count(value: f64) -> usize {
    value.round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(active: Option<f64>, istiod: Option<&str>) -> Connection {
        let own = active.map(|active| Ok(Own { active, total: 10.0 }));
        Connection {
            proxy: "front-1.summit".into(),
            revision: "default".into(),
            istiod: istiod.map(Into::into),
            own,
            agent: None,
            behind: vec![],
        }
    }

    #[test]
    fn a_page_of_a_connection() {
        let page = r#"{"stats":[{"name":"cluster.xds-grpc;.upstream_cx_active","value":0},{"name":"cluster.xds-grpc;.upstream_cx_total","value":10}]}"#;
        assert_eq!(parse(page), Ok(Own { active: 0.0, total: 10.0 }));
        let older = page.replace("xds-grpc;.", "xds-grpc.");
        assert_eq!(parse(&older), Ok(Own { active: 0.0, total: 10.0 }));
        assert!(parse(r#"{"stats":[]}"#).is_err(), "not exported is not zero");
        let bootstrap = r#"{"configs":[{"bootstrap":{"node":{"metadata":{"PROXY_CONFIG":{"discoveryAddress":"istiod.istio-system.svc:15012"}}}}}]}"#;
        assert_eq!(discovery_address(bootstrap).as_deref(), Some("istiod.istio-system.svc:15012"));
        assert_eq!(discovery_address("{}"), None);
    }

    #[test]
    fn who_is_lost_and_who_is_silent() {
        assert!(one(Some(0.0), None).is_lost() && !one(Some(1.0), None).is_lost());
        assert!(!one(None, Some("istiod-1")).is_lost() && one(None, None).is_silent());
        let all = |list: Vec<Connection>| Connections::new(Ok(list));
        assert!(all(vec![one(Some(1.0), None), one(None, Some("istiod-1"))]).are_connected().expect("data"));
        assert!(!all(vec![one(Some(0.0), None)]).are_connected().expect("data"));
        assert!(all(vec![one(None, None)]).are_connected().expect_err("no data").is_no_data());
        assert!(all(vec![one(None, None)]).missing().is_some() && all(vec![one(Some(0.0), None)]).missing().is_none());
        assert!(all(vec![]).are_connected().expect("no proxy is not connected"));
    }
}
