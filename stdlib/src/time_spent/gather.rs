//! How it is gathered where a request's time goes: both sides' durations, what the service itself asks, and the pools
//! in which its callers may wait.

use std::collections::{BTreeMap, BTreeSet};

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Span;
use serde_json::Value;

use super::parts::Parts;
use super::{Spent, TimeSpent};
use crate::evidence::rules::{Rules, place};
use crate::evidence::{configured, representatives, survey};
use crate::host::Host;
use crate::latency::durations;
use crate::proxy::Proxy;
use crate::rule::limits::UNLIMITED;
use crate::rule::policy::Level;
use crate::rule::{Limits, Rule};
use crate::text::figure;

/// Gathers where the time of requests to a host goes.
///
/// # Errors
/// What every read of the API server can end in; a source that does not answer is missing instead.
pub fn gather(run: &Run, host: &Host, span: Span) -> Result<TimeSpent, Failure> {
    let sides = match durations::sides(run, host, span)? {
        Ok(sides) => sides,
        Err(missing) => return Ok(TimeSpent::new(host.clone(), span, Err(missing))),
    };
    let requests = survey::requests(run, host, span)?;
    let survey = survey::survey(run, host, requests.as_ref().ok())?;
    let mut notes = Vec::new();
    let workloads: BTreeSet<_> = survey.pods.iter().map(|pod| pod.workload.clone()).collect();
    let workloads: Vec<_> = workloads.into_iter().collect();
    let dependencies = match durations::sent(run, host.namespace(), &workloads, span)? {
        Ok(sent) => sent,
        Err(missing) => {
            notes.push(format!("what it asks itself is not known, and stands in its own work: {missing}"));
            BTreeMap::new()
        }
    };
    let parts = Parts::of(sides, dependencies.into_iter().filter(|(name, _)| name != host.fqdn()));
    if let Some(retries) = durations::counted_retries(run, host, span)?.filter(|retries| *retries >= 1.0) {
        notes.push(format!("callers that export upstream_rq_retry counted {} retries", figure(retries.round())));
    }
    if parts.beyond > 0.05 * parts.total {
        notes.push(format!(
            "what it asks takes {} longer than its own answer: it asks several at once, or goes on when its caller has left",
            crate::text::time(parts.beyond)
        ));
    }
    let callers = representatives::of(run, &survey.callers, requests.as_ref().ok());
    let pools = pools(run, host, &callers, &mut notes)?;
    Ok(TimeSpent::new(host.clone(), span, Ok(Spent { parts, pools, notes })))
}

/// The rules whose limits on connections and open requests hold for callers of the host, with the narrowest of them.
fn pools(run: &Run, host: &Host, callers: &[Proxy], notes: &mut Vec<String>) -> Result<Vec<(Rule, Limits)>, Failure> {
    let (mut silent, mut limited) = (0, Vec::new());
    for (proxy, page) in callers.iter().zip(configured::read(run, host, callers)?) {
        let Ok(clusters) = page else {
            silent += 1;
            continue;
        };
        let bounded = |limits: &Limits| limits.max_connections < UNLIMITED || limits.max_requests < UNLIMITED;
        limited.extend(
            clusters
                .into_iter()
                .filter(|cluster| cluster.name.is_outbound_to(host.fqdn()) && place(host, cluster).1.is_empty())
                .filter(|cluster| bounded(&cluster.limits))
                .map(|cluster| (proxy, cluster)),
        );
    }
    if silent > 0 {
        notes.push(format!(
            "{} did not tell their limits",
            crate::text::count(silent, "caller's proxy", "callers' proxies")
        ));
    }
    if limited.is_empty() {
        return Ok(Vec::new());
    }
    let rules = Rules::read(run, host, callers)?;
    notes.extend(rules.note.clone());
    let mut found = BTreeMap::<String, (Value, BTreeSet<Level>, Limits)>::new();
    for (proxy, cluster) in limited {
        let Some((object, level)) = rules.setting(proxy, &cluster) else { continue };
        let name = Rule::new(object, host, [level.clone()]).text();
        let (_, levels, limits) =
            found.entry(name).or_insert_with(|| (object.clone(), BTreeSet::new(), cluster.limits));
        levels.insert(level);
        if cluster.limits.max_connections.min(cluster.limits.max_requests)
            < limits.max_connections.min(limits.max_requests)
        {
            *limits = cluster.limits;
        }
    }
    Ok(found.into_values().map(|(object, levels, limits)| (Rule::new(&object, host, levels), limits)).collect())
}
