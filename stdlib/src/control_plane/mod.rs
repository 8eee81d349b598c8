//! The control plane: all istiods of every revision, what leads to them, what calls them, and what their proxies say.

mod api_server;
pub mod cause;
pub mod configz;
pub mod connection;
pub mod cure;
pub mod diagnose;
pub mod gather;
pub mod istiod;
pub mod metrics;
pub mod pages;
pub mod pem;
pub mod policy;
pub mod selector;
pub mod service;
pub mod syncz;
pub mod webhook;
pub mod webhooks;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::proxy::pod::PodFacts;
use crate::text::{count, figure};
use connection::Connection;
use istiod::Istiod;
use selector::Labels;
use service::Service;
use webhook::Webhook;

/// The control plane, as it was when it was asked for.
#[derive(Clone, Debug)]
pub struct ControlPlane(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: String,
    seen: Result<Seen, Missing>,
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub now: Timestamp,
    /// Every istiod.
    pub istiods: Vec<Istiod>,
    /// Their Services.
    pub services: Vec<Service>,
    /// The webhooks that call them.
    pub webhooks: Vec<Webhook>,
    /// The proxies.
    pub connections: Vec<Connection>,
    /// NetworkPolicies of their namespace.
    pub policies: Vec<Value>,
    /// MutatingWebhookConfigurations, as they were read.
    pub mutating: Vec<Value>,
    /// Labels of each namespace.
    pub namespaces: BTreeMap<String, Labels>,
    /// All pods.
    pub pods: Vec<PodFacts>,
    /// Whom the NetworkPolicies keep from istiod.
    pub shut_off: ShutOff,
    /// The root certificate that istiod distributes, PEM.
    pub root_certificate: Option<String>,
    /// What 99 of 100 requests to the API server take at most, in seconds.
    pub api_latency: Option<f64>,
    /// Lines of the istiods' logs of the last minutes that say that the API server did not answer in time.
    pub late: usize,
    /// What could not be seen.
    pub notes: Vec<String>,
}

/// Whom the NetworkPolicies keep from istiod.
#[derive(Clone, Debug, Default)]
pub struct ShutOff {
    /// Proxies, as `POD.NAMESPACE`.
    pub proxies: Vec<String>,
    /// Whether the API server is kept from the webhooks.
    pub webhooks: bool,
    /// The policies that select istiod.
    pub policies: Vec<String>,
}

impl ControlPlane {
    /// What was seen.
    pub fn new(root: String, seen: Result<Seen, Missing>) -> Self {
        ControlPlane(Arc::new(Inner { root, seen }))
    }

    /// The namespace of istiod.
    pub fn root(&self) -> &str {
        &self.0.root
    }

    /// What was seen.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn seen(&self) -> Result<&Seen, Failure> {
        self.0.seen.as_ref().map_err(|missing| missing.failure("the control plane"))
    }

    /// Why nothing was seen, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.seen.as_ref().err()
    }

    /// As it was seen, for those that go on without a failure.
    pub fn outcome(&self) -> Result<&Seen, Missing> {
        self.0.seen.as_ref().map_err(Clone::clone)
    }
}

impl Noun for ControlPlane {
    const NAME: &'static str = "ControlPlane";
    const DOC: &'static str = "Istio's control plane as it was when it was asked for: every istiod of every revision, the Services that lead to them, the webhooks that call them, the NetworkPolicies in between, and the proxies. May be missing.";

    fn text(&self) -> String {
        match &self.0.seen {
            Err(missing) => format!("the control plane cannot be seen: {missing}"),
            Ok(seen) => {
                let ready = seen.istiods.iter().filter(|istiod| istiod.ready).count();
                let connected = seen.connections.iter().filter(|one| !one.is_lost() && !one.is_silent()).count();
                format!(
                    "{ready} of {} ready, {connected} of {} connected",
                    count(seen.istiods.len(), "istiod", "istiods"),
                    count(seen.connections.len(), "proxy", "proxies")
                )
            }
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(
            self.text(),
            &["ISTIOD", "REVISION", "VERSION", "STATE", "RESTARTS", "PROXIES", "LAST PUSH", "ANSWERS"],
        );
        let Ok(seen) = &self.0.seen else {
            table.columns.clear();
            return table;
        };
        for istiod in &seen.istiods {
            let says = istiod.answer();
            let answers = match &istiod.says {
                Some(Ok(_)) => "yes".to_owned(),
                Some(Err(why)) => crate::text::first_line(why),
                None => "not asked: it does not run".into(),
            };
            let push = istiod.pushed().map_or("-".to_owned(), |at| ago(seen.now, at));
            table.row([
                istiod.pod.clone(),
                istiod.revision.clone(),
                says.map_or("-".to_owned(), |says| says.version.clone()),
                istiod.state(),
                istiod.restarts.to_string(),
                says.map_or("-".to_owned(), |says| says.proxies.len().to_string()),
                push,
                answers,
            ]);
        }
        if table.rows.is_empty() {
            table.columns.clear();
        }
        for service in &seen.services {
            let selector: Vec<_> = service.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
            table.note(format!(
                "Service {}/{} selects {}: {}",
                self.0.root,
                service.name,
                selector.join(","),
                count(service.ready, "ready endpoint", "ready endpoints")
            ));
        }
        if !seen.shut_off.policies.is_empty() {
            table.note(format!("NetworkPolicies that select istiod: {}", seen.shut_off.policies.join(", ")));
        }
        if let Some(latency) = seen.api_latency {
            table.note(format!(
                "API server: 99 of 100 GETs within {} s (Prometheus: apiserver_request_duration_seconds)",
                figure(latency)
            ));
        }
        table.notes.extend(seen.notes.iter().cloned());
        table
    }

    fn json(&self) -> Value {
        match &self.0.seen {
            Err(missing) => json!({ "missing": missing.to_string() }),
            Ok(seen) => json!({
                "namespace": self.0.root,
                "istiods": seen.istiods.iter().map(|one| json!({
                    "pod": one.pod, "revision": one.revision, "state": one.state(), "ready": one.ready, "restarts": one.restarts, "last_end": one.ended,
                    "version": one.answer().map(|says| says.version.as_str()),
                    "proxies": one.answer().map(|says| says.proxies.len()),
                    "pushes": one.answer().and_then(|says| says.pushes),
                    "rejects": one.answer().and_then(|says| says.rejects),
                    "convergence_seconds": one.answer().and_then(|says| says.convergence),
                    "stale": one.stale,
                })).collect::<Vec<_>>(),
                "services": seen.services.iter().map(|one| json!({ "name": one.name, "revision": one.revision, "selector": one.selector, "ready": one.ready })).collect::<Vec<_>>(),
                "policies": seen.shut_off.policies,
                "api_server_p99_seconds": seen.api_latency,
                "notes": seen.notes,
            }),
        }
    }
}

/// How long ago something was, in words.
pub(crate) fn ago(now: Timestamp, at: Timestamp) -> String {
    match std::time::Duration::try_from(now.duration_since(at)).unwrap_or_default().as_secs() {
        0 => "just now".into(),
        seconds => format!("{} ago", meshbook_runtime::value::Span(std::time::Duration::from_secs(seconds))),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A control plane of which nothing but the given was seen.
    pub(crate) fn seen(istiods: Vec<Istiod>) -> Seen {
        Seen {
            now: Timestamp::from_second(1_800_000_000).expect("a time"),
            istiods,
            services: Vec::new(),
            webhooks: Vec::new(),
            connections: Vec::new(),
            policies: Vec::new(),
            mutating: Vec::new(),
            namespaces: BTreeMap::new(),
            pods: Vec::new(),
            shut_off: ShutOff::default(),
            root_certificate: None,
            api_latency: Some(0.02),
            late: 0,
            notes: Vec::new(),
        }
    }

    #[test]
    fn what_was_a_moment_ago_is_said_in_words() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        assert_eq!(ago(at(100), at(100)), "just now");
        assert_eq!(ago(at(100), at(101)), "just now", "clocks go apart");
        assert_eq!(ago(at(161), at(100)), "1m1s ago");
    }

    #[test]
    fn missing_says_why() {
        let plane = ControlPlane::new(String::new(), Err(Missing::Unreachable("pods may not be listed".into())));
        assert!(plane.text().contains("pods may not be listed") && plane.seen().expect_err("no data").is_no_data());
        assert!(plane.table().columns.is_empty());
    }
}
