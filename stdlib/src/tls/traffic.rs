//! What became of a caller's requests: evidence besides configuration, before a change and after it.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};

use super::Caller;
use crate::evidence::{logs, survey};
use crate::host::Host;
use crate::prometheus::requests::{Reporter, Requests, has_flag};
use crate::proxy::Proxy;

/// Requests of one caller in a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Failed {
    /// Those that ended as a failed handshake does: flags UC or UF, or a connection without a filter chain.
    pub failed: f64,
    /// All of them.
    pub total: f64,
    /// Where the figures are from.
    pub source: &'static str,
}

/// What telemetry says of a caller.
pub fn told(requests: &Result<Requests, Missing>, caller: &Caller) -> Result<Failed, Missing> {
    let counted = requests.as_ref().map_err(Clone::clone)?.seen_by(Reporter::Source)?;
    let (namespace, workload) = &caller.workload;
    let own = counted.iter().filter(|(who, _)| who.source_namespace == *namespace && who.source_workload == *workload);
    let mut sum = Failed { failed: 0.0, total: 0.0, source: "Prometheus: istio_requests_total" };
    for (_, answers) in own {
        sum.total += answers.total;
        let fails = answers.by_flags.iter().filter(|((flags, _), _)| has_flag(flags, "UC") || has_flag(flags, "UF"));
        sum.failed += fails.map(|(_, n)| n).sum::<f64>();
    }
    if sum.total > 0.0 {
        return Ok(sum);
    }
    Err(Missing::NoSeries(format!("{} sent nothing that telemetry counted", caller.name)))
}

/// What the access logs of a caller's own proxies say.
fn logged(run: &Run, caller: &Caller, span: Span) -> Result<Option<Failed>, Failure> {
    let proxies: Vec<Proxy> = caller.proxies.iter().map(|key| key.0.clone()).collect();
    let mut sum = Failed { failed: 0.0, total: 0.0, source: "access logs" };
    for lines in logs::read(run, &proxies, span)?.into_values().flatten() {
        for entry in lines.entries {
            sum.total += 1.0;
            sum.failed += if entry.has("UC") || entry.is_tls_failure() { 1.0 } else { 0.0 };
        }
    }
    Ok((sum.total > 0.0).then_some(sum))
}

/// What became of a caller's requests: by telemetry, else by its access logs.
///
/// # Errors
/// What a script may not handle.
pub fn of(
    run: &Run,
    requests: &Result<Requests, Missing>,
    caller: &Caller,
    span: Span,
) -> Result<Result<Failed, Missing>, Failure> {
    match told(requests, caller) {
        Ok(failed) => Ok(Ok(failed)),
        Err(why) => Ok(logged(run, caller, span)?.ok_or(why)),
    }
}

/// Whether all of a caller's requests in a span were answered, by mutual TLS.
///
/// # Errors
/// `NO_DATA` if there were none; what a script may not handle.
pub fn reaches(run: &Run, host: &Host, caller: &Caller, span: Span) -> Result<(bool, String), Failure> {
    let requests = survey::requests(run, host, span)?;
    let what = format!("whether {} reaches its server", caller.name);
    let failed = of(run, &requests, caller, span)?.map_err(|missing| missing.failure(&what))?;
    let said = format!("{} of {} requests of {} failed", failed.failed.round(), failed.total.round(), caller.name);
    let Ok(requests) = requests else { return Ok((failed.failed < 0.5, said)) };
    let mutual = requests.by_mutual_tls(&caller.workload.0, &caller.workload.1);
    // A server whose telemetry is not there says nothing about how it was reached.
    let told = requests.seen_by(Reporter::Destination).is_ok();
    Ok((failed.failed < 0.5 && (mutual > 0.0 || !told), format!("{said}, {} came by mutual TLS", mutual.round())))
}
