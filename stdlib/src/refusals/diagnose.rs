//! What a diagnosis of refusals comes to, for whoever asks about several causes at once.

use std::time::Duration;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Span;

use super::gather::gather;
use crate::finding::{Diagnosis, Finding};
use crate::host::Host;
use crate::room;
use crate::symptom::{self, Kind};
use crate::text::percent;

/// The runbook that raises limits.
pub const BREAKER: &str = "troubleshooting/503-circuit-breaker.rhai";
/// The runbook that adds pods.
const LATENCY: &str = "troubleshooting/latency.rhai";
/// Over which span a diagnosis looks.
const SPAN: Span = Span(Duration::from_secs(30));

/// Why circuit breakers on the way to a host refuse requests: limits that are too low, or a service that is saturated and
/// protected by them; none if they refuse nothing; or why that cannot be told.
///
/// # Errors
/// What every read of the API server can end in; a source that does not answer is missing data instead.
pub fn diagnose(run: &Run, host: &Host) -> Result<Diagnosis, Failure> {
    let refusals = gather(run, host, SPAN)?;
    if let Some(missing) = refusals.missing() {
        return Ok(Err(missing.clone()));
    }
    let total = refusals.total()?;
    if total <= 0.0 {
        return Ok(Ok(Vec::new()));
    }
    let seen = refusals.seen()?;
    let mut evidence = vec![refusals.text()];
    evidence.extend(seen.sources.iter().map(|source| format!("source: {source}")));
    let room = room::gather::saturation(run, host)?;
    if let Some(missing) = room.missing() {
        return Ok(Err(missing));
    }
    evidence.push(room.text());
    // Where nobody counts all requests, the refusals may be all of them.
    let share = symptom::gather::gather(run, host, Span(Duration::from_secs(60)))?.share(Kind::Overflow);
    let rules: Vec<String> = seen.rules.iter().map(Noun::text).collect();
    let (cause, what, runbook) = if let Some(why) = room.exhausted() {
        ("overload", format!("{} is saturated, and its limits protect it: {why}", host.text()), LATENCY)
    } else if rules.is_empty() {
        ("limits without a rule", format!("{}; no DestinationRule sets the limits", refusals.text()), BREAKER)
    } else {
        ("full circuit breaker", format!("{}, by the limits of {}", refusals.text(), crate::text::and(&rules)), BREAKER)
    };
    Ok(Ok(vec![Finding {
        cause,
        what,
        evidence,
        harm: share.unwrap_or(1.0),
        harms: match share {
            Some(share) => format!("{} of the requests to {}", percent(share), host.text()),
            None => format!("requests to {}", host.text()),
        },
        runbook,
        arguments: vec![format!("service={}", host.text())],
    }]))
}
