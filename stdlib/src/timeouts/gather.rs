//! How timeouts are gathered: the routes to a host and to what it asks, and how requests end.

use std::collections::BTreeSet;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Span;

use super::{Seen, Timeouts};
use crate::evidence::{absorb, survey};
use crate::host::Host;
use crate::latency::{callers_namespace, durations};
use crate::prometheus::requests::{Answers, Reporter, has_flag};
use crate::route;
use crate::time_spent::short;

/// Gathers the timeouts of a host over a span.
///
/// # Errors
/// What every read of the API server can end in.
pub fn gather(run: &Run, host: &Host, span: Span) -> Result<Timeouts, Failure> {
    let requests = survey::requests(run, host, span)?;
    let survey = survey::survey(run, host, requests.as_ref().ok())?;
    let counted = requests
        .and_then(|requests| requests.seen_by(Reporter::Source).or_else(|_| requests.seen_by(Reporter::Destination)));
    let workloads: BTreeSet<_> = survey.pods.iter().map(|pod| pod.workload.clone()).collect();
    let workloads: Vec<_> = workloads.into_iter().collect();
    let asked = durations::sent(run, host.namespace(), &workloads, span)?;
    let (counted, asked) = match (counted, asked) {
        (Ok(counted), Ok(asked)) => (counted, asked),
        (Err(missing), _) | (_, Err(missing)) => return Ok(Timeouts::new(host.clone(), Err(missing))),
    };
    let from = callers_namespace(host, &survey);
    let (objects, _) = route::virtual_services(run, host, &from)?;
    // Which route requests take may not be plain: then nothing is known that could be outlasted.
    let outer = match route::find(&objects, host.fqdn(), host.domain(), &from, None) {
        Ok(route) => (route.text(), route.policy().longest()),
        Err(failure) => (absorb(failure)?, None),
    };
    let mut inner = Vec::new();
    for name in asked.keys().filter(|name| *name != host.fqdn()) {
        // A route that cannot be told says nothing of the others.
        if let Ok(route) = route::find(&objects, name, host.domain(), host.namespace(), None) {
            inner.push((short(name).to_owned(), route.text(), route.policy().longest()));
        }
    }
    let mut all = Answers::default();
    counted.values().for_each(|answers| all.add(answers));
    let late = |flags: &str| has_flag(flags, "UT") || has_flag(flags, "DC");
    let cut: f64 = all.by_flags.iter().filter(|((flags, _), _)| late(flags)).map(|(_, count)| count).sum();
    let cut = if all.total > 0.0 { cut / all.total } else { 0.0 };
    let seen = Seen { outer, inner, cut };
    Ok(Timeouts::new(host.clone(), Ok(seen)))
}
