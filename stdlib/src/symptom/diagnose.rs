//! What failures come to that no other diagnosis explains.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Span;

use super::Kind;
use super::gather::gather;
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
    Ok(Ok(grave
        .map(|(kind, requests)| {
            let harm = if seen.total > 0.0 { (requests / seen.total).min(1.0) } else { 1.0 };
            Finding {
                cause: kind.cause(),
                what: format!("{}: {}", host.text(), kind.sentence()),
                evidence: vec![format!("{} in {SPAN}, by {}", seen.out_of(*requests), seen.source)],
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
