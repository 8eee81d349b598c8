//! What failures come to that no other diagnosis explains.

use std::collections::BTreeSet;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Span;

use super::Kind;
use super::gather::gather;
use crate::effective::{self, caller};
use crate::evidence::survey;
use crate::finding::{Diagnosis, Finding};
use crate::host::Host;
use crate::text::percent;

/// Over which span a diagnosis looks.
const SPAN: Span = Span(std::time::Duration::from_secs(60));
/// Fewer failures than this share of all requests are no trouble.
const LITTLE: f64 = 0.001;

/// Which kinds of failures callers of a host see that nothing else explains, each as a cause of its own: the most frequent
/// first.
///
/// # Errors
/// What every read of the API server can end in; a source that does not answer is missing data instead.
pub fn diagnose(run: &Run, host: &Host, is_explained: impl Fn(Kind) -> bool) -> Result<Diagnosis, Failure> {
    let symptom = gather(run, host, SPAN)?;
    let seen = match &symptom.0.seen {
        Ok(seen) => seen,
        Err(missing) => return Ok(Err(missing.clone())),
    };
    let grave = seen.kinds.iter().filter(|(kind, requests)| *requests > LITTLE * seen.total && !is_explained(*kind));
    let grave: Vec<(Kind, f64)> = grave.copied().collect();
    let left_out = if grave.iter().any(|(kind, _)| *kind == Kind::Unknown) { left_out(run, host)? } else { Vec::new() };
    Ok(Ok(grave
        .iter()
        .map(|(kind, requests)| {
            let harm = if seen.total > 0.0 { (requests / seen.total).min(1.0) } else { 1.0 };
            Finding {
                cause: kind.cause(),
                what: format!("{}: {}", host.text(), kind.sentence()),
                evidence: std::iter::once(format!("{} in {SPAN}, by {}", seen.out_of(*requests), seen.source))
                    .chain(left_out.iter().filter(|_| *kind == Kind::Unknown).cloned())
                    .collect(),
                harm,
                harms: format!("{} of the requests to {}", percent(harm), host.text()),
                runbook: kind.cured_by(),
                arguments: if kind.cured_by() == ANALYZE {
                    Vec::new()
                } else {
                    vec![format!("service={}", host.text())]
                },
            }
        })
        .collect()))
}

/// Why the proxies of its callers do not know a host, each workload once: which Sidecar leaves it out, or whom its Service
/// is exported to.
fn left_out(run: &Run, host: &Host) -> Result<Vec<String>, Failure> {
    let requests = survey::requests(run, host, SPAN)?;
    let survey = survey::survey(run, host, requests.as_ref().ok())?;
    let Some(port) = host.ports().first() else { return Ok(Vec::new()) };
    let mut asked = BTreeSet::new();
    let mut told = Vec::new();
    for proxy in &survey.callers {
        if asked.len() < MOST && asked.insert((proxy.namespace(), proxy.workload())) {
            let effective = effective::gather::gather(run, host, caller::find(run, &proxy.text())?, port.number)?;
            if effective.seen().known.is_err() {
                told.push(effective.text());
            }
        }
    }
    Ok(told)
}

/// So many calling workloads are looked at.
const MOST: usize = 3;

/// The runbook that finds references which lead nowhere.
const ANALYZE: &str = "reference/analyze.rhai";

impl Kind {
    /// The failure as a cause, in fixed words.
    pub fn cause(self) -> &'static str {
        match self {
            Kind::Overflow => "full circuit breaker",
            Kind::NoHealthyUpstream => "no healthy endpoint",
            Kind::Tls => "handshakes fail",
            Kind::ConnectFailure => "connections cannot be opened",
            Kind::ConnectionTermination => "connections are closed",
            Kind::NoFilterChain => "plain text is refused",
            Kind::NoRoute => "no route",
            Kind::NoCluster => "route to nowhere",
            Kind::Unknown => "unknown to its callers",
            Kind::Timeout => "timeouts",
            Kind::CallerGaveUp => "callers give up",
            Kind::Application503 | Kind::Application => "errors of the application",
        }
    }

    /// The runbook that deals with it; empty if none does.
    fn cured_by(self) -> &'static str {
        match self {
            Kind::NoRoute | Kind::NoCluster => ANALYZE,
            other => match other.runbook() {
                super::TRIAGE => "",
                runbook => runbook,
            },
        }
    }
}
