//! The symptom: what callers of a host see, told apart by Envoy's response flags.

pub mod diagnose;
pub mod gather;
mod stopped;

use std::sync::Arc;

use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::host::Host;
use crate::prometheus::requests::has_flag;
use crate::text::figure;

/// What callers of a host see.
#[derive(Clone, Debug)]
pub struct Symptom(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Host,
    seen: Result<Seen, Missing>,
}

/// The kinds of failures that were seen, most frequent first, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Requests of each kind.
    pub kinds: Vec<(Kind, f64)>,
    /// All requests.
    pub total: f64,
    /// What of them reached the proxies of its pods, each retry counted; 0 where these count nothing.
    pub tries: f64,
    /// Where the figures are from.
    pub source: &'static str,
}

/// A kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `UO`: a circuit breaker is full.
    Overflow,
    /// `UH`: no endpoint is healthy.
    NoHealthyUpstream,
    /// `UF` in the handshake of TLS.
    Tls,
    /// `UF`: the connection could not be opened.
    ConnectFailure,
    /// `UC`: the connection was closed before the answer.
    ConnectionTermination,
    /// `NR` on the server's side: no filter chain took the connection.
    NoFilterChain,
    /// `NR`: no route matches.
    NoRoute,
    /// `NC`: the route leads to a cluster that does not exist.
    NoCluster,
    /// 502 of the route `block_all`: the caller's proxy does not know the host, and lets out only what it knows.
    Unknown,
    /// `UT`: the answer did not come in time.
    Timeout,
    /// `DC`: the caller gave up.
    CallerGaveUp,
    /// The application's own answer of 503.
    Application503,
    /// Another answer of 500 to 599.
    Application,
}

/// What looks for the cause behind a kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Limits of circuit breakers.
    Refusals,
    /// Mutual TLS.
    Tls,
    /// Time.
    Latency,
    /// Nothing of its own.
    Other,
}

/// The runbooks that a symptom names.
const BREAKER: &str = "troubleshooting/503-circuit-breaker.rhai";
const MTLS: &str = "troubleshooting/mtls.rhai";
const LATENCY: &str = "troubleshooting/latency.rhai";
const TRIAGE: &str = "troubleshooting/triage.rhai";

impl Kind {
    /// Tells an answer by its flags and code; `None` if nothing is wrong with it.
    ///
    /// Envoy joins flags, and `URX` (retries used up) only says that the others came last: the cause is looked for first.
    pub fn of(flags: &str, code: &str, on_server: bool, tls: bool) -> Option<Self> {
        let has = |flag| has_flag(flags, flag);
        Some(match code {
            _ if has("UO") => Kind::Overflow,
            _ if has("UH") => Kind::NoHealthyUpstream,
            _ if has("NR") && on_server => Kind::NoFilterChain,
            _ if has("NR") => Kind::NoRoute,
            _ if has("NC") => Kind::NoCluster,
            _ if has("UF") && tls => Kind::Tls,
            _ if has("UF") => Kind::ConnectFailure,
            _ if has("UC") => Kind::ConnectionTermination,
            _ if has("UT") => Kind::Timeout,
            _ if has("DC") => Kind::CallerGaveUp,
            "503" => Kind::Application503,
            code if code.len() == 3 && code.starts_with('5') => Kind::Application,
            _ => return None,
        })
    }

    fn flag(self) -> &'static str {
        match self {
            Kind::Overflow => "UO",
            Kind::NoHealthyUpstream => "UH",
            Kind::Tls | Kind::ConnectFailure => "UF",
            Kind::ConnectionTermination => "UC",
            Kind::NoFilterChain | Kind::NoRoute => "NR",
            Kind::NoCluster => "NC",
            Kind::Unknown => "502",
            Kind::Timeout => "UT",
            Kind::CallerGaveUp => "DC",
            Kind::Application503 => "503",
            Kind::Application => "5xx",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Kind::Overflow => "a circuit breaker is full (UO)",
            Kind::NoHealthyUpstream => "it has no healthy endpoint (UH)",
            Kind::Tls => "connections fail in the handshake of TLS (UF)",
            Kind::ConnectFailure => "connections to its pods cannot be opened (UF)",
            Kind::ConnectionTermination => {
                "connections are closed before the answer (UC): the two sides disagree about mutual TLS, or the application closes them"
            }
            Kind::NoFilterChain => {
                "its sidecar refuses connections (NR filter_chain_not_found): it demands mutual TLS and gets plain text"
            }
            Kind::NoRoute => "no route matches the requests (NR)",
            Kind::NoCluster => "a route leads to a subset or a host that does not exist (NC)",
            Kind::Unknown => {
                "the callers' proxies do not know it, and let out only what they know (502 block_all, REGISTRY_ONLY)"
            }
            Kind::Timeout => "answers do not come in time (UT)",
            Kind::CallerGaveUp => "callers give up before the answer (DC)",
            Kind::Application503 => "the 503 is the application's own answer: no proxy on the way made it",
            Kind::Application => "the application itself answers with errors",
        }
    }

    /// Which diagnosis looks for what is behind it.
    pub fn domain(self) -> Domain {
        match self {
            Kind::Overflow => Domain::Refusals,
            Kind::Tls | Kind::ConnectionTermination | Kind::NoFilterChain => Domain::Tls,
            Kind::Timeout | Kind::CallerGaveUp => Domain::Latency,
            Kind::NoHealthyUpstream
            | Kind::ConnectFailure
            | Kind::NoRoute
            | Kind::NoCluster
            | Kind::Unknown
            | Kind::Application503
            | Kind::Application => Domain::Other,
        }
    }

    fn runbook(self) -> &'static str {
        match self.domain() {
            Domain::Refusals => BREAKER,
            Domain::Tls => MTLS,
            Domain::Latency => LATENCY,
            Domain::Other => TRIAGE,
        }
    }
}

impl Seen {
    /// So many of all requests, in words. What the pods' proxies saw is counted by tries, of which a request has several.
    fn out_of(&self, count: f64) -> String {
        let shown = |figures: f64| figure(figures.round());
        if count <= self.total {
            format!("{} of {} requests", shown(count), shown(self.total))
        } else if count <= self.tries {
            format!("{} of {} tries, retries included", shown(count), shown(self.tries))
        } else {
            format!("{} tries, retries included", shown(count))
        }
    }
}

impl Symptom {
    /// What was seen.
    pub fn new(host: Host, seen: Result<Seen, Missing>) -> Self {
        let seen = seen.map(|mut seen| {
            seen.kinds.retain(|(_, count)| *count > 0.0);
            seen.kinds.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            seen
        });
        Symptom(Arc::new(Inner { host, seen }))
    }

    /// Why it cannot be told, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.seen.as_ref().err()
    }

    /// The share (0 to 1) of all requests that failed in one way; `None` where requests were not counted.
    pub fn share(&self, kind: Kind) -> Option<f64> {
        let seen = self.0.seen.as_ref().ok().filter(|seen| seen.total > 0.0)?;
        let failed = seen.kinds.iter().find(|(of, _)| *of == kind).map_or(0.0, |(_, requests)| *requests);
        Some((failed / seen.total).min(1.0))
    }

    /// The runbook to read next; `None` if nothing is wrong.
    pub fn runbook(&self) -> Option<&'static str> {
        match &self.0.seen {
            Ok(seen) => seen.kinds.first().map(|(kind, _)| kind.runbook()),
            Err(_) => Some(TRIAGE),
        }
    }
}

impl Noun for Symptom {
    const NAME: &'static str = "Symptom";
    const DOC: &'static str =
        "What callers of a host see: which kind of failure, by Envoy's response flags, and the runbook to read next.";

    fn text(&self) -> String {
        let host = self.0.host.text();
        match &self.0.seen {
            Err(missing) => format!("what callers of {host} see cannot be told: {missing}"),
            Ok(seen) => match seen.kinds.first() {
                None => format!("{host} is healthy: none of {} requests failed", figure(seen.total.round())),
                Some((kind, count)) => format!("{host}: {} ({})", kind.sentence(), seen.out_of(*count)),
            },
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::line(self.text());
        if let Ok(seen) = &self.0.seen {
            if seen.kinds.len() > 1 {
                table = Table::new(self.text(), &["FLAG", "REQUESTS", "WHAT"]);
                for (kind, count) in &seen.kinds {
                    table.row([kind.flag().to_owned(), figure(count.round()), kind.sentence().to_owned()]);
                }
            }
            table.note(format!("source: {}", seen.source));
        }
        table
    }

    fn json(&self) -> Value {
        let host = self.0.host.fqdn();
        match &self.0.seen {
            Err(missing) => json!({ "host": host, "missing": missing.to_string(), "runbook": self.runbook() }),
            Ok(seen) => {
                let kinds: Vec<_> = seen.kinds.iter().map(|(kind, count)| json!({ "flag": kind.flag(), "requests": count.round(), "what": kind.sentence(), "runbook": kind.runbook() })).collect();
                json!({ "host": host, "requests": seen.total.round(), "failures": kinds, "source": seen.source, "runbook": self.runbook() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::graph_core;

    #[test]
    fn flags_tell_failures_apart() {
        for (flags, code, kind) in [
            ("UO", "503", Some(Kind::Overflow)),
            ("UH", "503", Some(Kind::NoHealthyUpstream)),
            ("URX,UF", "503", Some(Kind::ConnectFailure)),
            ("UC", "503", Some(Kind::ConnectionTermination)),
            ("NR", "404", Some(Kind::NoRoute)),
            ("NC", "503", Some(Kind::NoCluster)),
            ("URX,UT", "504", Some(Kind::Timeout)),
            ("DC", "0", Some(Kind::CallerGaveUp)),
            ("-", "503", Some(Kind::Application503)),
            ("", "500", Some(Kind::Application)),
            ("-", "200", None),
            ("-", "404", None),
        ] {
            assert_eq!(Kind::of(flags, code, false, false), kind, "{flags} {code}");
        }
        assert_eq!(Kind::of("URX,UF", "503", false, true), Some(Kind::Tls));
        assert_eq!(Kind::of("NR", "0", true, false), Some(Kind::NoFilterChain));
    }

    #[test]
    fn the_most_frequent_failure_names_the_runbook() {
        let seen = Seen {
            kinds: vec![(Kind::Overflow, 3.0), (Kind::NoHealthyUpstream, 40.0), (Kind::Tls, 0.0)],
            total: 100.0,
            tries: 0.0,
            source: "test",
        };
        let symptom = Symptom::new(graph_core(), Ok(seen));
        assert_eq!(symptom.runbook(), Some(TRIAGE));
        assert!(symptom.text().contains("UH"), "{}", symptom.text());
        assert_eq!(symptom.table().rows.len(), 2);
    }

    #[test]
    fn no_more_fail_than_there_are() {
        let of = |count: f64, tries: f64| {
            let seen = Seen { kinds: vec![(Kind::CallerGaveUp, count)], total: 100.0, tries, source: "test" };
            Symptom::new(graph_core(), Ok(seen)).text()
        };
        assert!(of(90.0, 400.0).ends_with("(90 of 100 requests)"), "{}", of(90.0, 400.0));
        assert!(of(390.0, 400.0).ends_with("(390 of 400 tries, retries included)"), "{}", of(390.0, 400.0));
        assert!(of(390.0, 0.0).ends_with("(390 tries, retries included)"), "{}", of(390.0, 0.0));
    }

    #[test]
    fn healthy_names_no_runbook() {
        let symptom = Symptom::new(graph_core(), Ok(Seen { kinds: vec![], total: 100.0, tries: 0.0, source: "test" }));
        assert_eq!(symptom.runbook(), None);
        assert!(symptom.text().contains("healthy"));
    }
}
