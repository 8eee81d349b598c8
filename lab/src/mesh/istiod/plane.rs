//! Which proxy is connected to which istiod, and what each of them saw of it.
//!
//! A proxy keeps its connection until its istiod is gone or may no longer be reached; then it tries again, with the
//! waits of Envoy's back-off, until an istiod of its revision answers behind that revision's Service. The configuration
//! that it has stays in force all the while.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::config::Snapshot;
use crate::mesh::State;
use crate::mesh::kubernetes::network_policy::{self, Peer};
use crate::mesh::kubernetes::{PodKey, is_ready, key_of};
use crate::mesh::seed;
use crate::store::{Object, Store};
use crate::world::installation::istiod_name;
use crate::world::objects::ROOT_NAMESPACE;

/// The port that proxies connect to.
const XDS: u16 = 15012;
/// The port of metrics and debug pages.
const MONITORING: u16 = 15014;
/// The first wait after a lost connection, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// A proxy's connection, seen from its side.
#[derive(Clone, Debug)]
pub struct Link {
    /// The istiod that it is connected to.
    pub istiod: Option<PodKey>,
    /// Since when it is, or is not.
    pub since: Timestamp,
    /// Connections that it had before this state.
    pub before: u64,
    /// Failed attempts before this state.
    pub failed: u64,
    /// When its next attempt will succeed.
    due: Option<Timestamp>,
}

impl Link {
    /// Attempts that failed up to a moment, all outages together.
    pub fn failures(&self, now: Timestamp) -> u64 {
        self.failed + if self.istiod.is_none() { attempts(self.since, now) } else { 0 }
    }

    /// Streams that the proxy opened up to a moment: Envoy reaches its agent even when the agent reaches nobody.
    pub fn opened(&self, now: Timestamp) -> u64 {
        self.before + self.failures(now) + u64::from(self.istiod.is_some())
    }
}

/// How many attempts lie between the loss of a connection and a moment.
fn attempts(since: Timestamp, now: Timestamp) -> u64 {
    let mut at = since + BACK_OFF.0;
    let mut wait = BACK_OFF.0;
    let mut count = 0;
    while at <= now {
        count += 1;
        wait = (wait * 2).min(BACK_OFF.1);
        at += wait;
    }
    count
}

/// When the first attempt after a moment happens.
fn next_attempt(since: Timestamp, now: Timestamp) -> Timestamp {
    let mut at = since + BACK_OFF.0;
    let mut wait = BACK_OFF.0;
    while at <= now {
        wait = (wait * 2).min(BACK_OFF.1);
        at += wait;
    }
    at
}

/// The control plane's connections.
#[derive(Default)]
pub struct Plane {
    /// By proxy.
    pub links: BTreeMap<PodKey, Link>,
    /// istiods that learn nothing any more, with what they last knew and since when.
    pub stale: BTreeMap<PodKey, (Arc<Snapshot>, Timestamp)>,
    /// How many times each istiod pushed to a proxy.
    pub pushes: BTreeMap<PodKey, u64>,
}

impl Plane {
    /// When the next connection comes about.
    pub fn next_event(&self) -> Option<Timestamp> {
        self.links.values().filter_map(|link| link.due).min()
    }

    /// The istiod of a proxy.
    pub fn istiod_of(&self, proxy: &PodKey) -> Option<&PodKey> {
        self.links.get(proxy)?.istiod.as_ref()
    }

    /// The proxies of an istiod.
    pub fn proxies_of<'a>(&'a self, istiod: &'a PodKey) -> impl Iterator<Item = &'a PodKey> {
        self.links.iter().filter(move |(_, link)| link.istiod.as_ref() == Some(istiod)).map(|(key, _)| key)
    }
}

/// The revision that injected a pod.
pub fn revision_of(pod: &Value) -> &str {
    pod["metadata"]["annotations"]["istio.io/rev"].as_str().unwrap_or("default")
}

/// Whether a pod is an istiod.
pub fn is_istiod(pod: &Value) -> bool {
    pod["metadata"]["namespace"] == ROOT_NAMESPACE && pod["metadata"]["labels"]["app"] == "istiod"
}

/// Whether an istiod answers on its ports.
pub fn answers(state: &State, key: &PodKey) -> bool {
    !state.istiod.down && state.pods.get(key).is_some_and(|pod| is_istiod(pod) && is_ready(pod))
}

/// What an istiod knows of the cluster.
pub fn knows<'a>(state: &'a State, istiod: &PodKey) -> &'a Arc<Snapshot> {
    state.istiod.plane.stale.get(istiod).map_or(&state.istiod.snapshot, |(snapshot, _)| snapshot)
}

/// The istiods that stand behind the Service of a revision.
pub(super) fn behind(store: &Store, revision: &str) -> Vec<Object> {
    let service = store.get("", "services", ROOT_NAMESPACE, &istiod_name(revision));
    let Some(selector) = service.as_ref().and_then(|service| service["spec"]["selector"].as_object()) else {
        return Vec::new();
    };
    store
        .list("", "pods", Some(ROOT_NAMESPACE))
        .into_iter()
        .filter(|pod| {
            is_ready(pod)
                && pod["metadata"]["deletionTimestamp"].is_null()
                && !selector.is_empty()
                && selector.iter().all(|(key, value)| &pod["metadata"]["labels"][key] == value)
        })
        .collect()
}

impl State {
    /// Ends connections that cannot last, and makes those whose time has come.
    pub(in crate::mesh) fn relink(&mut self, store: &Store, now: Timestamp) {
        let first = self.istiod.plane.links.is_empty() && now == self.began;
        let proxies = &self.proxies;
        self.istiod.plane.links.retain(|key, _| proxies.contains_key(key));
        let mut services: BTreeMap<String, Vec<Object>> = BTreeMap::new();
        let mut arrivals = Vec::new();
        for (key, proxy) in &self.proxies {
            let revision = revision_of(&proxy.pod).to_owned();
            let open = |pod: &Value| network_policy::admits(store, pod, XDS, Peer::Pod(&proxy.pod));
            let link = self.istiod.plane.links.entry(key.clone()).or_insert_with(|| Link {
                istiod: None,
                since: now,
                before: 0,
                failed: 0,
                // A new sidecar connects as it starts.
                due: Some(now),
            });
            if let Some(istiod) = &link.istiod {
                let alive = !self.istiod.down
                    && store.get("", "pods", &istiod.0, &istiod.1).is_some_and(|pod| {
                        is_ready(&pod) && pod["metadata"]["deletionTimestamp"].is_null() && open(&pod)
                    });
                if alive {
                    continue;
                }
                let before = link.before + 1;
                *link = Link { istiod: None, since: now, before, failed: link.failed, due: None };
            }
            let down = self.istiod.down;
            let choice = services
                .entry(revision.clone())
                .or_insert_with(|| if down { Vec::new() } else { behind(store, &revision) });
            let reachable: Vec<&Object> = choice.iter().filter(|pod| open(pod)).collect();
            if reachable.is_empty() {
                link.due = None;
                continue;
            }
            let due = *link.due.get_or_insert_with(|| next_attempt(link.since, now));
            if due > now {
                continue;
            }
            let draw = seed::hash(0, &[&key.0, &key.1, &link.before.to_string()]);
            let index = usize::try_from(draw % reachable.len() as u64).unwrap_or(0);
            let istiod = key_of(reachable[index]);
            let failed = link.failures(now);
            *link = Link { istiod: Some(istiod), since: now, before: link.before, failed, due: None };
            arrivals.push(key.clone());
        }
        let scraper =
            self.pods.values().find(|pod| pod["metadata"]["labels"]["app.kubernetes.io/name"] == "prometheus");
        self.shut_to_prometheus = self
            .pods
            .iter()
            .filter(|(_, pod)| is_istiod(pod))
            .filter(|(_, pod)| {
                !scraper.is_none_or(|from| network_policy::admits(store, pod, MONITORING, Peer::Pod(from)))
            })
            .map(|(key, _)| key.clone())
            .collect();
        // Who has no connection is unknown to every istiod, and gets nothing.
        let links = &self.istiod.plane.links;
        let connected = |key: &PodKey| links.get(key).is_some_and(|link| link.istiod.is_some());
        self.istiod.sent.retain(|key, _| connected(key));
        self.istiod.pending.retain(|key, _| connected(key));
        for key in arrivals {
            self.istiod.connect(&key, now);
            if !first {
                self.istiod.catch_up(&key, now);
            }
        }
    }
}

/// The connection statistics of `cluster.xds-grpc` in Envoy, by the part after the cluster's name. The connection leads
/// to the agent beside it, which closes it while it reaches no istiod.
pub fn statistics(link: &Link, now: Timestamp, name: &str) -> Option<u64> {
    let active = u64::from(link.istiod.is_some());
    let opened = link.opened(now);
    Some(match name {
        "upstream_cx_active" | "upstream_rq_active" | "http2.streams_active" => active,
        "upstream_cx_total"
        | "upstream_cx_http2_total"
        | "upstream_cx_max_requests"
        | "upstream_rq_total"
        | "upstream_rq_pending_total"
        | "http2.nghttp2_upstream_connections"
        | "upstream_rq_200"
        | "upstream_rq_2xx"
        | "upstream_rq_completed"
        | "internal.upstream_rq_200"
        | "internal.upstream_rq_2xx"
        | "internal.upstream_rq_completed" => opened,
        "upstream_cx_destroy" | "upstream_cx_destroy_local" | "upstream_cx_protocol_error" | "upstream_rq_tx_reset" => {
            opened - active
        }
        _ => return None,
    })
}

/// The agent's own figures of its connection to istiod, in Prometheus' text form. They exist from the first failure on.
pub fn agent_metrics(link: &Link, now: Timestamp) -> String {
    let (ended, failed) = (link.opened(now) - u64::from(link.istiod.is_some()), link.failures(now));
    if ended == 0 {
        return String::new();
    }
    let mut out = String::from(
        "# HELP istio_agent_istiod_connection_terminations The total number of connection errors to Istiod\n# TYPE istio_agent_istiod_connection_terminations counter\n",
    );
    out.push_str(&format!("istio_agent_istiod_connection_terminations{{type=\"error\"}} {ended}\n"));
    if failed > 0 {
        out.push_str("# HELP istio_agent_istiod_connection_failures The total number of connection failures to Istiod\n# TYPE istio_agent_istiod_connection_failures counter\n");
        out.push_str(&format!("istio_agent_istiod_connection_failures {failed}\n"));
    }
    out
}

/// The address that a proxy connects to.
pub fn discovery_address(pod: &Value) -> String {
    format!("{}.{ROOT_NAMESPACE}.svc:{XDS}", istiod_name(revision_of(pod)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_back_off_to_half_a_minute() {
        let start = Timestamp::from_second(1_000_000).expect("a time");
        let after = |seconds: f64| attempts(start, start + Duration::from_secs_f64(seconds));
        assert_eq!((after(0.4), after(0.5), after(1.5), after(3.5)), (0, 1, 2, 3));
        // 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, then one every 30 s.
        assert_eq!(after(91.0), 7);
        assert_eq!(after(122.0), 9);
        assert_eq!(next_attempt(start, start + Duration::from_secs(100)), start + Duration::from_secs_f64(121.5));
    }

    #[test]
    fn what_a_lost_connection_counts() {
        let start = Timestamp::from_second(1_000_000).expect("a time");
        let now = start + Duration::from_secs(60);
        let lost = Link { istiod: None, since: start, before: 1, failed: 0, due: None };
        assert_eq!(statistics(&lost, now, "upstream_cx_active"), Some(0));
        assert_eq!(statistics(&lost, now, "upstream_cx_total"), Some(7));
        assert_eq!(statistics(&lost, now, "upstream_cx_destroy"), Some(7));
        assert_eq!(statistics(&lost, now, "membership_total"), None);
        assert!(agent_metrics(&lost, now).contains("istio_agent_istiod_connection_failures 6"));
        let held = Link { istiod: Some(("istio-system".into(), "istiod-1".into())), ..lost };
        assert_eq!(statistics(&held, now, "upstream_cx_active"), Some(1));
    }
}
