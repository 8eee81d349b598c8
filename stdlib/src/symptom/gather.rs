//! How a symptom is gathered: from Prometheus, else from access logs, else from the health of hosts.

use std::collections::BTreeMap;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};

use super::{Kind, Seen, Symptom, stopped};
use crate::evidence::logs;
use crate::evidence::sampler::{Clusters, sample};
use crate::evidence::survey::{self, Survey};
use crate::host::Host;
use crate::prometheus::requests::{Reporter, Requests};
use crate::proxy::{Proxy, Side};

/// Gathers what callers of a host saw in a span.
///
/// # Errors
/// What every read of the API server can end in; a source that does not answer is missing data instead.
pub fn gather(run: &Run, host: &Host, span: Span) -> Result<Symptom, Failure> {
    let requests = survey::requests(run, host, span)?;
    let survey = survey::survey(run, host, requests.as_ref().ok())?;
    let mut told = requests.as_ref().map_err(Clone::clone).and_then(from_telemetry);
    if let (Ok(seen), Ok(requests)) = (&mut told, &requests) {
        stopped::add(run, host, requests, &survey, span, seen)?;
    }
    // Telemetry does not say why a connection failed, and counts no request that led to no cluster; the callers' logs do.
    let vague = told
        .as_ref()
        .is_ok_and(|seen| seen.total <= 0.0 || seen.kinds.iter().any(|(kind, _)| *kind == Kind::ConnectFailure));
    let seen = match told {
        Ok(seen) if !vague => Ok(seen),
        told => match from_logs(run, survey.callers.iter().chain(&survey.servers), span)? {
            Some(logged) if logged.total > 0.0 => Ok(logged),
            _ => match told {
                Ok(seen) => Ok(seen),
                Err(why) => from_hosts(run, host, &survey, why)?,
            },
        },
    };
    Ok(Symptom::new(host.clone(), seen))
}

fn from_telemetry(requests: &Requests) -> Result<Seen, Missing> {
    let (callers, servers) = (requests.seen_by(Reporter::Source), requests.seen_by(Reporter::Destination));
    let mut kinds = BTreeMap::<Kind, f64>::new();
    let mut total = 0.0;
    let mut answered = |side: &BTreeMap<_, crate::prometheus::requests::Answers>, on_server: bool| {
        for answers in side.values() {
            total += if on_server { 0.0 } else { answers.total };
            for ((flags, code), count) in &answers.by_flags {
                if let Some(kind) = Kind::of(flags, code, on_server, false) {
                    *kinds.entry(kind).or_default() += count;
                }
            }
        }
    };
    match (&callers, &servers) {
        (Ok(callers), Ok(servers)) => {
            answered(callers, false);
            // What the server's proxy itself refused, the caller sees as a 503 without a flag: the flag tells more.
            answered(servers, true);
        }
        (Ok(callers), Err(_)) => answered(callers, false),
        (Err(_), Ok(servers)) => {
            answered(servers, true);
            total = servers.values().map(|answers| answers.total).sum();
        }
        (Err(why), Err(_)) => return Err(why.clone()),
    }
    prefer_causes(&mut kinds);
    let tries = servers.iter().flat_map(|servers| servers.values()).map(|answers| answers.total).sum();
    Ok(Seen { kinds: kinds.into_iter().collect(), total, tries, source: "Prometheus: istio_requests_total" })
}

/// A 503 without a flag on the caller's side is the echo of what the server's proxy flagged.
fn prefer_causes(kinds: &mut BTreeMap<Kind, f64>) {
    let flagged: f64 = kinds
        .iter()
        .filter(|(kind, _)| !matches!(kind, Kind::Application503 | Kind::Application | Kind::CallerGaveUp))
        .map(|(_, n)| n)
        .sum();
    if flagged > 0.0
        && let Some(echo) = kinds.get_mut(&Kind::Application503)
    {
        *echo = (*echo - flagged).max(0.0);
    }
}

/// `None` if no log has a line about the host.
pub(super) fn from_logs<'a>(
    run: &Run,
    proxies: impl Iterator<Item = &'a Proxy>,
    span: Span,
) -> Result<Option<Seen>, Failure> {
    let proxies: Vec<Proxy> = proxies.cloned().collect();
    let read = logs::read(run, &proxies, span)?;
    let (mut kinds, mut total, mut tries, mut lines) = (BTreeMap::<Kind, f64>::new(), 0.0, 0.0, 0_usize);
    for proxy in &proxies {
        let Some(Ok(log)) = read.get(&proxy.key()) else { continue };
        lines += log.entries.len();
        let on_server = proxy.side() == Side::Server;
        for entry in &log.entries {
            *(if on_server { &mut tries } else { &mut total }) += 1.0;
            let told = || Kind::of(&entry.flags.join(","), &entry.code.to_string(), on_server, entry.is_tls_failure());
            if let Some(kind) = if entry.is_blocked() { Some(Kind::Unknown) } else { told() } {
                *kinds.entry(kind).or_default() += 1.0;
            }
        }
    }
    prefer_causes(&mut kinds);
    Ok((lines > 0).then(|| Seen { kinds: kinds.into_iter().collect(), total, tries, source: "access logs" }))
}

/// That no endpoint is healthy can be seen without any statistics; everything else cannot.
fn from_hosts(run: &Run, host: &Host, survey: &Survey, why: Missing) -> Result<Result<Seen, Missing>, Failure> {
    let pages = sample::<Clusters>(run, host, &survey.callers)?;
    let clusters: Vec<_> = survey
        .callers
        .iter()
        .filter_map(|proxy| pages.page(proxy))
        .flat_map(|page| &page.0)
        .filter(|c| c.name.is_outbound_to(host.fqdn()))
        .collect();
    let healthy = clusters.iter().flat_map(|cluster| &cluster.hosts).any(|host| host.healthy);
    if !clusters.is_empty() && !healthy {
        return Ok(Ok(Seen {
            kinds: vec![(Kind::NoHealthyUpstream, 1.0)],
            total: 1.0,
            tries: 0.0,
            source: "Envoy: health of its hosts",
        }));
    }
    Ok(Err(survey.unseen.clone().unwrap_or(match why {
        Missing::NotExported(_) => {
            Missing::NotExported(format!("no istio_requests_total and no access log of {}", host.text()))
        }
        other => other,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_echo_of_a_flagged_failure_is_not_the_application() {
        let mut kinds = BTreeMap::from([(Kind::Application503, 10.0), (Kind::ConnectFailure, 10.0)]);
        prefer_causes(&mut kinds);
        assert_eq!(kinds[&Kind::Application503], 0.0);
        let mut own = BTreeMap::from([(Kind::Application503, 10.0)]);
        prefer_causes(&mut own);
        assert_eq!(own[&Kind::Application503], 10.0);
    }
}
