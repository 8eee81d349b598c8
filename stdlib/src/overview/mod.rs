//! What the proxies of one workload say of themselves, and what the istiods say of them.

pub mod gather;
pub mod judge;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Span, Table};
use serde_json::{Value, json};

use crate::control_plane::syncz::Synced;
use crate::envoy::dump::Dump;
use crate::envoy::secrets::Certificate;
use crate::envoy::server_info::ServerInfo;
use crate::finding::Finding;
use crate::text::{figure, percent, some};

/// The proxies of one workload, as they were when they were asked for.
#[derive(Clone, Debug)]
pub struct Overview(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    of: String,
    seen: Result<Seen, Missing>,
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub now: Timestamp,
    /// Each proxy.
    pub views: Vec<View>,
    /// Whether the istiods could be asked; why not.
    pub istiods: Result<(), String>,
    /// What is wrong, the gravest first.
    pub problems: Vec<Finding>,
}

/// One proxy. What a page does not tell, it says why.
#[derive(Clone, Debug)]
pub struct View {
    /// Its pod's namespace.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// `/server_info`.
    pub info: Result<ServerInfo, String>,
    /// Clusters, listeners, routes.
    pub dump: Result<Dump, String>,
    /// Hosts of its clusters: those that take requests, all, and clusters in use without one that does.
    pub hosts: Result<Hosts, String>,
    /// Its own certificate.
    pub certificate: Result<Certificate, String>,
    /// Bytes that it holds.
    pub memory: Result<f64, String>,
    /// Bytes that it may hold.
    pub memory_limit: Option<f64>,
    /// The istiod that knows it, and what that one sent.
    pub synced: Option<(String, Synced)>,
}

/// Hosts of a proxy's clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Those that take requests.
    pub healthy: usize,
    /// All.
    pub all: usize,
    /// Clusters through which requests were sent, that have hosts, and of which none takes requests.
    pub dead: Vec<String>,
}

impl View {
    /// Why it tells nothing at all, if so.
    pub fn silent(&self) -> Option<&str> {
        match (&self.info, &self.dump) {
            (Err(why), Err(_)) => Some(why),
            _ => None,
        }
    }

    /// Types that were sent and not acknowledged since this long.
    pub fn behind(&self, now: Timestamp, patience: Duration) -> Vec<String> {
        let Some((_, synced)) = &self.synced else { return Vec::new() };
        let old = |sent: &Option<Timestamp>| {
            sent.is_none_or(|sent| Duration::try_from(now.duration_since(sent)).unwrap_or_default() > patience)
        };
        synced.waiting.iter().filter(|(_, sent)| old(sent)).map(|(kind, _)| kind.clone()).collect()
    }
}

impl Overview {
    /// What was seen of the proxies of something.
    pub fn new(of: String, seen: Result<Seen, Missing>) -> Self {
        Overview(Arc::new(Inner { of, seen }))
    }

    /// What is wrong, the gravest first.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn problems(&self) -> Result<&[Finding], Failure> {
        match &self.0.seen {
            Ok(seen) => Ok(&seen.problems),
            Err(missing) => Err(missing.failure(&format!("the state of the proxies of {}", self.0.of))),
        }
    }

    /// Why nothing is known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.seen.as_ref().err()
    }
}

fn cell<T>(told: &Result<T, String>, show: impl Fn(&T) -> String) -> String {
    told.as_ref().map_or_else(|_| "?".into(), show)
}

/// Bytes as people read them.
fn bytes(bytes: f64) -> String {
    format!("{} MiB", figure(bytes / f64::from(1_u32 << 20)))
}

fn span(from: Timestamp, to: Timestamp) -> String {
    let passed = Duration::try_from(to.duration_since(from)).unwrap_or_default();
    Span(Duration::from_secs(passed.as_secs() / 60 * 60)).to_string()
}

fn row(view: &View, now: Timestamp) -> [String; 11] {
    let certificate = |own: &Certificate| match own.is_expired(now) {
        true => format!("expired {}", own.until),
        false => format!("for {}", span(now, own.until)),
    };
    let memory = |held: &f64| match view.memory_limit {
        Some(limit) => format!("{}, {} of its limit", bytes(*held), percent(*held / limit)),
        None => bytes(*held),
    };
    let sync = match &view.synced {
        None => "unknown to istiod".into(),
        Some((_, synced)) if !synced.refused.is_empty() => "refused".into(),
        Some((_, synced)) if !synced.waiting.is_empty() => {
            let kinds: Vec<String> = synced.waiting.iter().map(|(kind, _)| kind.clone()).collect();
            format!("waits: {}", some(&kinds, 2))
        }
        Some((istiod, _)) => format!("synced by {istiod}"),
    };
    [
        view.pod.clone(),
        cell(&view.info, |info| info.state.clone()),
        cell(&view.info, |info| info.istio.clone()),
        cell(&view.info, |info| Span(Duration::from_secs(info.uptime.as_secs().max(1))).to_string()),
        cell(&view.dump, |dump| dump.count("listener").to_string()),
        cell(&view.dump, |dump| dump.count("cluster").to_string()),
        cell(&view.dump, |dump| dump.count("route").to_string()),
        cell(&view.hosts, |hosts| format!("{} of {}", hosts.healthy, hosts.all)),
        cell(&view.certificate, certificate),
        cell(&view.memory, memory),
        sync,
    ]
}

impl Noun for Overview {
    const NAME: &'static str = "Overview";
    const DOC: &'static str = "What the proxies of one workload say of themselves (state, versions, configuration, endpoints, certificate, memory) and what the istiods say of them, with what is wrong. May be missing.";

    fn text(&self) -> String {
        match &self.0.seen {
            Err(missing) => format!("the proxies of {} cannot be seen: {missing}", self.0.of),
            Ok(seen) => match seen.problems.as_slice() {
                [] => match seen.views.len() {
                    1 => format!("the proxy of {} is well", self.0.of),
                    more => format!("{more} proxies of {} are well", self.0.of),
                },
                [only] => only.what.clone(),
                [first, rest @ ..] => format!("{} (and {} more)", first.what, rest.len()),
            },
        }
    }

    fn table(&self) -> Table {
        let Ok(seen) = &self.0.seen else { return Table::line(self.text()) };
        let mut table = Table::new(
            self.0.of.clone(),
            &[
                "PROXY",
                "STATE",
                "ISTIO",
                "UP",
                "LISTENERS",
                "CLUSTERS",
                "ROUTES",
                "ENDPOINTS",
                "CERTIFICATE",
                "MEMORY",
                "CONFIGURATION",
            ],
        );
        for view in &seen.views {
            table.row(row(view, seen.now));
        }
        for problem in &seen.problems {
            table.note(format!("{}: {}", problem.cause, problem.what));
            table.notes.extend(problem.evidence.iter().map(|line| format!("  {line}")));
        }
        if let Err(why) = &seen.istiods {
            table.note(format!("what istiod sent is not known: {why}"));
        }
        for view in &seen.views {
            let silent = [view.hosts.as_ref().err(), view.certificate.as_ref().err(), view.memory.as_ref().err()];
            if let (None, Some(why)) = (view.silent(), silent.into_iter().flatten().next()) {
                table.note(format!("{} does not tell all: {why}", view.pod));
            }
        }
        table
    }

    fn json(&self) -> Value {
        match &self.0.seen {
            Err(missing) => json!({ "of": self.0.of, "missing": missing.to_string() }),
            Ok(seen) => {
                let proxies: Vec<Value> = seen.views.iter().map(|view| json!({
                    "pod": view.pod,
                    "state": view.info.as_ref().ok().map(|info| info.state.as_str()),
                    "envoy": view.info.as_ref().ok().map(|info| info.envoy.as_str()),
                    "istio": view.info.as_ref().ok().map(|info| info.istio.as_str()),
                    "uptime_seconds": view.info.as_ref().ok().map(|info| info.uptime.as_secs()),
                    "concurrency": view.info.as_ref().ok().and_then(|info| info.concurrency),
                    "listeners": view.dump.as_ref().ok().map(|dump| dump.count("listener")),
                    "clusters": view.dump.as_ref().ok().map(|dump| dump.count("cluster")),
                    "routes": view.dump.as_ref().ok().map(|dump| dump.count("route")),
                    "endpoints": view.hosts.as_ref().ok().map(|hosts| json!({ "healthy": hosts.healthy, "all": hosts.all })),
                    "certificate": view.certificate.as_ref().ok().map(|own| json!({ "serial": own.serial, "from": own.from.to_string(), "until": own.until.to_string() })),
                    "memory_bytes": view.memory.as_ref().ok(),
                    "memory_limit_bytes": view.memory_limit,
                    "istiod": view.synced.as_ref().map(|(istiod, _)| istiod.as_str()),
                    "not_acknowledged": view.synced.as_ref().map(|(_, synced)| synced.waiting.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>()),
                })).collect();
                let problems = seen.problems.iter().map(|one| json!({ "cause": one.cause, "what": one.what, "evidence": one.evidence, "harm": one.harm, "runbook": one.runbook }));
                json!({ "of": self.0.of, "proxies": proxies, "problems": problems.collect::<Vec<_>>() })
            }
        }
    }
}
