//! How a load is gathered.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Span;

use super::{Load, Measured};
use crate::evidence::survey;
use crate::host::Host;
use crate::latency::durations;
use crate::room::gather::{cpu, endpoints};

/// Gathers the load of a host over a span; `within` is what each request may take.
///
/// # Errors
/// What every read of the API server can end in; a source that does not answer is missing instead.
pub fn gather(run: &Run, host: &Host, span: Span, within: Option<Span>) -> Result<Load, Failure> {
    let sides = match durations::sides(run, host, span)? {
        Ok(sides) => sides,
        Err(missing) => return Ok(Load::new(host.clone(), Err(missing))),
    };
    let requests = survey::requests(run, host, span)?;
    let survey = survey::survey(run, host, requests.as_ref().ok())?;
    let pods = match endpoints(run, host)? {
        Ok((ready, _)) => ready,
        Err(missing) => return Ok(Load::new(host.clone(), Err(missing))),
    };
    let seconds = span.0.as_secs_f64();
    let measured = Measured {
        sent: sides.source.count / seconds,
        answered: sides.destination.count.min(sides.source.count) / seconds,
        inside: sides.source.seconds / seconds,
        within,
        pods,
        cpu: cpu(run, host, &survey)?.ok(),
    };
    Ok(Load::new(host.clone(), Ok(measured)))
}
