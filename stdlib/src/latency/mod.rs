//! Why a service is slow: what `runbooks/troubleshooting/latency.rhai` finds step by step, as one diagnosis.
//!
//! The order is part of it. Ejected hosts come first, because all other figures follow from them; then where most of the
//! time goes; and work of its own or waiting are told apart by whether the service has room.

pub mod durations;
pub mod quantile;
pub mod throttling;

use std::collections::BTreeMap;
use std::time::Duration;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};

use crate::ejections;
use crate::evidence::survey::{self, Survey};
use crate::finding::{Diagnosis, Finding};
use crate::host::Host;
use crate::metric::{Metric, Unit};
use crate::prometheus::requests::{Reporter, Requests};
use crate::room;
use crate::route::{self, Route};
use crate::text::{percent, time};
use crate::time_spent::{self, parts::Part};
use crate::timeouts;

/// The runbook.
pub const RUNBOOK: &str = "troubleshooting/latency.rhai";

/// The cause of a host that waits for another: the other one is the service with which to go on.
pub const SLOW_DEPENDENCY: &str = "slow dependency";

/// Over which span a diagnosis looks.
const SPAN: Span = Span(Duration::from_secs(300));

/// The namespace of most of the callers' proxies; the host's own if there are none.
pub fn callers_namespace(host: &Host, survey: &Survey) -> String {
    let mut count = BTreeMap::<&str, usize>::new();
    survey.callers.iter().for_each(|proxy| *count.entry(proxy.namespace()).or_default() += 1);
    let most = count.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(a.0)));
    most.map_or_else(|| host.namespace().to_owned(), |(namespace, _)| namespace.to_owned())
}

/// Whether most requests to a host come in by gateways: by telemetry, else by the number of their proxies.
fn comes_by_gateways(survey: &Survey, requests: Option<&Requests>) -> bool {
    let counted = requests.and_then(|requests| requests.seen_by(Reporter::Source).ok()).unwrap_or_default();
    let is_gateway = |namespace: &str, workload: &str| {
        let mut callers = survey.callers.iter().filter(|proxy| proxy.is_gateway());
        callers.any(|proxy| proxy.namespace() == namespace && proxy.workload() == workload)
    };
    let (mut by_gateways, mut all) = (0.0, 0.0);
    for (who, answers) in &counted {
        all += answers.total;
        if is_gateway(&who.source_namespace, &who.source_workload) {
            by_gateways += answers.total;
        }
    }
    if all > 0.0 {
        return by_gateways > all / 2.0;
    }
    let gateways = survey.callers.iter().filter(|proxy| proxy.is_gateway()).count();
    gateways > survey.callers.len() - gateways
}

/// The route of a host for most of its requests: of those that come in by gateways, the one that is bound to these.
///
/// # Errors
/// `ROUTE`, and what every read of the API server can end in.
pub fn route_of(run: &Run, host: &Host, name: Option<&str>) -> Result<Route, Failure> {
    let requests = survey::requests(run, host, Span(Duration::from_secs(60)))?;
    let survey = survey::survey(run, host, requests.as_ref().ok())?;
    let from = callers_namespace(host, &survey);
    let (objects, _) = route::virtual_services(run, host, &from)?;
    if comes_by_gateways(&survey, requests.as_ref().ok()) {
        return route::bound::find(&objects, host.fqdn(), host.domain(), name);
    }
    route::find(&objects, host.fqdn(), host.domain(), &from, name)
}

/// Why P95 of a host is above a bound: one cause with its evidence; none if it is not above; or why that cannot be told.
///
/// # Errors
/// What every read of the API server can end in; a source that does not answer is missing data instead.
pub fn diagnose(run: &Run, host: &Host, bound: Span) -> Result<Diagnosis, Failure> {
    let buckets = match quantile::buckets(run, host, SPAN)? {
        Ok(buckets) => buckets,
        Err(missing) => return Ok(Err(missing)),
    };
    let p95 = match buckets.quantile(0.95) {
        Ok(p95) => p95,
        Err(missing) => return Ok(Err(missing)),
    };
    if p95 <= bound.0.as_secs_f64() {
        return Ok(Ok(Vec::new()));
    }
    let slow = Metric::of(format!("P95 of {} over {SPAN}", host.text()), Unit::Seconds, Ok(p95));
    let mut evidence = vec![format!("P95 of {} is {}, by Prometheus over {SPAN}", host.text(), slow.text())];
    let (cause, what, slow) = match cause(run, host, &mut evidence)? {
        Ok(cause) => cause,
        Err(missing) => return Ok(Err(missing)),
    };
    let harm = buckets.share_above(bound.0.as_secs_f64());
    Ok(Ok(vec![Finding {
        cause,
        what,
        evidence,
        harm,
        harms: format!("{} of the requests to {}", percent(harm), host.text()),
        runbook: RUNBOOK,
        arguments: vec![format!("service={slow}"), format!("bound={bound}")],
    }]))
}

/// The cause in fixed words, what it is, and the service with which to go on.
type Cause = Result<(&'static str, String, String), Missing>;

fn cause(run: &Run, host: &Host, evidence: &mut Vec<String>) -> Result<Cause, Failure> {
    let ejections = ejections::gather::gather(run, host)?;
    if ejections.missing().is_none() && ejections.seen()?.is_most() {
        evidence.push(ejections.text());
        return Ok(Ok(("ejected hosts", ejections.text(), host.text())));
    }
    let spent = time_spent::gather::gather(run, host, SPAN)?;
    if let Some(missing) = spent.missing() {
        return Ok(Err(missing.clone()));
    }
    evidence.push(spent.text());
    let largest = spent.largest()?;
    match largest {
        Part::Retries => return Ok(Ok(("retries", spent.text(), host.text()))),
        Part::Dependency => {
            let timeouts = timeouts::gather::gather(run, host, SPAN)?;
            if timeouts.seen().is_ok_and(timeouts::Seen::are_reversed) {
                evidence.push(timeouts.text());
                return Ok(Ok(("chain of timeouts", timeouts.text(), host.text())));
            }
            let dependency = spent.dependency()?.to_string();
            let what = format!("{dependency} is slow: {}", spent.text());
            return Ok(Ok((SLOW_DEPENDENCY, what, dependency)));
        }
        Part::OwnWork | Part::Waiting => {}
    }
    let room = room::gather::saturation(run, host)?;
    if let Some(missing) = room.missing() {
        return Ok(Err(missing));
    }
    evidence.push(room.text());
    if largest == Part::OwnWork {
        let throttled = throttling::gather(run, host, SPAN)?;
        if throttled.value().is_ok_and(|share| share > throttling::MUCH) {
            let what = format!("the kernel stops a pod in {} of its periods, at its CPU limit", throttled.text());
            evidence.push(what.clone());
            return Ok(Ok(("CPU limit", what, host.text())));
        }
    }
    let (cause, what) = match (room.exhausted(), largest) {
        (Some(why), _) => ("too few replicas", format!("{} is saturated: {why}", host.text())),
        (None, Part::Waiting) if spent.rules()?.is_empty() => ("waiting without a limit", spent.text()),
        (None, Part::Waiting) => ("full pool", spent.text()),
        (None, _) => {
            let own = time(spent.spent()?.parts.own);
            ("slow by itself", format!("{} takes {own} for its own work, and has room", host.text()))
        }
    };
    Ok(Ok((cause, what, host.text())))
}
