//! How a service's load is gathered.

use std::time::Duration;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};
use serde_json::Value;

use super::saturation::{Point, grows_without_throughput};
use super::{Facts, Known, Room};
use crate::evidence::sampler::{Clusters, sample};
use crate::evidence::survey::{self, Survey};
use crate::evidence::{absorb, at_once, configured, rules};
use crate::host::Host;
use crate::kubernetes::{kinds, read};
use crate::prometheus::{self, Series, quote};
use crate::proxy::Proxy;
use crate::rule::Limits;

/// How far back latency and throughput are compared, and how finely.
const PAST: Duration = Duration::from_secs(30 * 60);
const STEP: Duration = Duration::from_secs(30);

/// Gathers what is known of a service's load.
///
/// # Errors
/// What a script may not handle, and what listing pods can end in; a source that does not answer is missing instead.
pub fn gather(run: &Run, host: &Host) -> Result<Room, Failure> {
    let requests = survey::requests(run, host, Span(Duration::from_secs(60)))?;
    let survey = survey::survey(run, host, requests.as_ref().ok())?;
    let facts = Facts {
        endpoints: endpoints(run, host)?,
        cpu: cpu(run, host, &survey)?,
        p95: p95(run, host)?,
        growing: growing(run, host)?,
        inside: inside(run, host, &survey)?,
        allowed: allowed(run, host, &survey.callers)?,
    };
    Ok(Room::new(host.clone(), facts))
}

/// Gathers so much that it can be told whether a service is saturated, and asks no proxy for it unless nothing else tells.
///
/// # Errors
/// As [`gather`].
pub fn saturation(run: &Run, host: &Host) -> Result<Room, Failure> {
    let requests = survey::requests(run, host, Span(Duration::from_secs(60)))?;
    let survey = survey::survey(run, host, requests.as_ref().ok())?;
    fn unasked<T>() -> Known<T> {
        Err(Missing::NotExported("it was not asked".into()))
    }
    let (growing, (endpoints, cpu)) =
        at_once(|| growing(run, host), || Ok::<_, Failure>((endpoints(run, host)?, cpu(run, host, &survey)?)))?;
    let inside = if cpu.is_err() && growing.is_err() { inside(run, host, &survey)? } else { unasked() };
    Ok(Room::new(host.clone(), Facts { endpoints, cpu, p95: unasked(), growing, inside, allowed: unasked() }))
}

/// Ready endpoints of a host, and all of them.
pub(crate) fn endpoints(run: &Run, host: &Host) -> Result<Known<(usize, usize)>, Failure> {
    let labels = format!("kubernetes.io/service-name={}", host.name());
    Ok(match read::list(run, kinds::endpoint_slice(), Some(host.namespace()), Some(&labels)) {
        Ok(slices) => Ok(count_endpoints(&slices)),
        Err(failure) => Err(Missing::Unreachable(absorb(failure)?)),
    })
}

/// Ready endpoints, and all; an endpoint without a condition counts as ready (`discovery.k8s.io/v1`).
fn count_endpoints(slices: &[Value]) -> (usize, usize) {
    let all: Vec<_> = slices.iter().filter_map(|slice| slice.get("endpoints")?.as_array()).flatten().collect();
    let ready = all
        .iter()
        .filter(|endpoint| endpoint.pointer("/conditions/ready").and_then(Value::as_bool).unwrap_or(true))
        .count();
    (ready, all.len())
}

/// CPU use as a part of the limit, of the pod that uses most of it.
pub(crate) fn cpu(run: &Run, host: &Host, survey: &Survey) -> Result<Known<f64>, Failure> {
    let limited: Vec<_> =
        survey.pods.iter().filter(|pod| pod.is_running).filter_map(|pod| Some((pod, pod.cpu_limit?))).collect();
    if limited.is_empty() {
        return Ok(Err(Missing::NotExported("its pods have no CPU limit to compare with".into())));
    }
    let names: Vec<_> = limited.iter().map(|(pod, _)| regex::escape(&pod.name)).collect();
    let query = format!(
        "sum by (pod) (rate(container_cpu_usage_seconds_total{{namespace={},pod=~{},container!=\"\",container!=\"istio-proxy\"}}[1m]))",
        quote(host.namespace()),
        quote(&names.join("|"))
    );
    let series = match prometheus::ask(run, &format!("CPU of {}", host.text()), query)? {
        Ok(series) => series,
        Err(missing) => return Ok(Err(missing)),
    };
    let used = series.iter().filter_map(|series| {
        let (_, limit) = limited.iter().find(|(pod, _)| pod.name == series.label("pod"))?;
        Some(series.last()?.1 / (whole(*limit) / 1000.0))
    });
    Ok(used
        .filter(|part| part.is_finite())
        .reduce(f64::max)
        .ok_or_else(|| Missing::NoSeries("container_cpu_usage_seconds_total has no series of its pods".into())))
}

#[allow(clippy::cast_precision_loss, reason = "thousandths of a core")]
fn whole(milli: i128) -> f64 {
    milli as f64
}

/// The servers' own view where there is one, else the callers'.
const SIDES: [&str; 2] = ["destination", "source"];

fn p95(run: &Run, host: &Host) -> Result<Known<f64>, Failure> {
    let mut why = Missing::NoSeries("istio_request_duration_milliseconds has no series of this host".into());
    for side in SIDES {
        let query = format!(
            "histogram_quantile(0.95, sum by (le) (rate(istio_request_duration_milliseconds_bucket{{reporter=\"{side}\",destination_service={}}}[1m])))",
            quote(host.fqdn())
        );
        match prometheus::ask(run, &format!("P95 of {}", host.text()), query)? {
            Ok(series) => {
                if let Some((_, value)) = series.first().and_then(Series::last) {
                    if value.is_finite() {
                        return Ok(Ok(value / 1000.0));
                    }
                    why = Missing::NotANumber("no request was timed in the last minute".into());
                }
            }
            Err(missing) => why = missing,
        }
    }
    Ok(Err(why))
}

fn growing(run: &Run, host: &Host) -> Result<Known<bool>, Failure> {
    let mut why = Missing::NoSeries("istio_request_duration_milliseconds has no series of this host".into());
    for side in SIDES {
        let selector = format!("{{reporter=\"{side}\",destination_service={}}}", quote(host.fqdn()));
        let rate = |name: &str| format!("sum(rate(istio_request_duration_milliseconds_{name}{selector}[1m]))");
        let ask = |what: &str, query: String| {
            prometheus::ask_past(run, &format!("{what} of {} over {}", host.text(), Span(PAST)), &query, PAST, STEP)
        };
        let (counts, sums) = at_once(|| ask("throughput", rate("count")), || ask("latency", rate("sum")))?;
        match (counts, sums) {
            (Ok(counts), Ok(sums)) if counts.first().is_some_and(|s| s.last().is_some()) => {
                let known = grows_without_throughput(&points(counts.first(), sums.first()));
                return Ok(known.ok_or_else(|| {
                    Missing::NoSeries("its past is too short, or had too little traffic, to compare with".into())
                }));
            }
            (Err(missing), _) | (_, Err(missing)) => why = missing,
            _ => {}
        }
    }
    Ok(Err(why))
}

/// Joins two series by their times.
fn points(counts: Option<&Series>, sums: Option<&Series>) -> Vec<Point> {
    let (Some(counts), Some(sums)) = (counts, sums) else { return Vec::new() };
    let at = |time: f64| sums.samples.iter().find(|sample| (sample.0 - time).abs() < 0.5).map(|sample| sample.1);
    counts
        .samples
        .iter()
        .filter_map(|(time, throughput)| {
            Some(Point { throughput: *throughput, latency: at(*time)? / throughput / 1000.0 })
        })
        .collect()
}

/// Requests open in the servers' inbound clusters, which Envoy exports by default.
fn inside(run: &Run, host: &Host, survey: &Survey) -> Result<Known<f64>, Failure> {
    if survey.servers.is_empty() {
        return Ok(Err(Missing::NotExported("none of its pods has a proxy that runs".into())));
    }
    let pages = sample::<Clusters>(run, host, &survey.servers)?;
    let ports = host.target_ports();
    let open = survey.servers.iter().filter_map(|proxy| pages.page(proxy)).map(|page| {
        let inbound = page
            .0
            .iter()
            .filter(|cluster| cluster.name.is_inbound() && (ports.is_empty() || ports.contains(&cluster.name.port)));
        inbound.map(crate::envoy::clusters::Cluster::open).sum::<f64>()
    });
    Ok(open.reduce(|a, b| a + b).ok_or_else(|| Missing::Unreachable("none of its proxies answered".into())))
}

/// The sum of what all callers' proxies may have open or waiting to the host.
fn allowed(run: &Run, host: &Host, callers: &[Proxy]) -> Result<Known<(Option<u64>, usize)>, Failure> {
    let mut limits = Vec::new();
    for (proxy, page) in callers.iter().zip(configured::read(run, host, callers)?) {
        // Subsets are other ways to the same pods: the widest one of a proxy counts.
        let clusters = page.unwrap_or_default().into_iter().filter(|cluster| cluster.name.is_outbound_to(host.fqdn()));
        let of_proxy: Vec<_> = clusters
            .filter(|cluster| rules::place(proxy.host(), cluster).1.is_empty())
            .map(|cluster| cluster.limits)
            .collect();
        if !of_proxy.is_empty() {
            limits.push(
                of_proxy.iter().map(Limits::places).try_fold(0_u64, |sum, places| Some(sum.saturating_add(places?))),
            );
        }
    }
    if limits.is_empty() {
        return Ok(Err(Missing::Unreachable("no caller's proxy could be asked".into())));
    }
    let all = limits.iter().try_fold(0_u64, |sum, places| Some(sum.saturating_add((*places)?)));
    Ok(Ok((all, limits.len())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn endpoints_without_a_condition_are_ready() {
        let slices = [
            json!({ "endpoints": [{ "conditions": { "ready": true } }, { "conditions": { "ready": false } }, {}] }),
            json!({ "endpoints": null }),
            json!({}),
        ];
        assert_eq!(count_endpoints(&slices), (2, 3));
    }

    #[test]
    fn latency_is_the_quotient_of_two_rates() {
        let series = |samples: &[(f64, f64)]| Series { samples: samples.to_vec(), ..Series::default() };
        let joined = points(Some(&series(&[(0.0, 100.0), (30.0, 0.0)])), Some(&series(&[(0.0, 4000.0), (60.0, 1.0)])));
        assert_eq!(joined, [Point { throughput: 100.0, latency: 0.04 }]);
    }
}
