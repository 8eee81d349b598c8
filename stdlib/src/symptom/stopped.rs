//! Callers that no longer reach a host, and what their proxies do with their requests instead.
//!
//! Telemetry names a host by the cluster that a request went to. Where there is none, because a route leads to a cluster that
//! does not exist or the proxy does not know the host, a sidecar names the authority that was asked for, and a gateway nothing
//! at all. So a host whose callers are lost on the way looks healthy by its own series: they only grow no more.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Span;

use super::gather::from_logs;
use super::{Kind, Seen};
use crate::evidence::survey::Survey;
use crate::host::Host;
use crate::prometheus::requests::{Reporter, Requests, has_flag};
use crate::prometheus::{self, Series, quote};
use crate::proxy::Proxy;
use crate::text::some;

/// What the figures are from, once such requests are among them.
const SOURCE: &str = "Prometheus: istio_requests_total, with what callers lose on the way";
/// As that, where only logs tell of them.
const LOGGED: &str = "Prometheus: istio_requests_total, and access logs of callers that no longer reach it";

/// Adds what is lost on the way to what telemetry says of the host.
///
/// # Errors
/// What a script may not handle.
pub fn add(
    run: &Run,
    host: &Host,
    requests: &Requests,
    survey: &Survey,
    span: Span,
    seen: &mut Seen,
) -> Result<(), Failure> {
    let Ok(counted) = requests.seen_by(Reporter::Source) else { return Ok(()) };
    let reaches = |proxy: &Proxy| {
        let of_it = |namespace: &str, workload: &str| proxy.namespace() == namespace && proxy.is_of(workload);
        counted.iter().any(|(who, answers)| answers.total > 0.0 && of_it(&who.source_namespace, &who.source_workload))
    };
    let stopped: Vec<&Proxy> = survey.callers.iter().filter(|proxy| !reaches(proxy)).collect();
    if stopped.is_empty() {
        return Ok(());
    }
    let lost = lost(run, host, &stopped, span)?;
    let (lost, source) = match lost.is_empty() {
        false => (lost, SOURCE),
        true => match from_logs(run, stopped.into_iter(), span)? {
            Some(logged) => (logged.kinds, LOGGED),
            None => return Ok(()),
        },
    };
    for (kind, requests) in lost.into_iter().filter(|(_, requests)| *requests > 0.0) {
        match seen.kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, known)) => *known += requests,
            None => seen.kinds.push((kind, requests)),
        }
        seen.total += requests;
        seen.source = source;
    }
    Ok(())
}

/// What Prometheus counted of these callers' requests that went to no cluster.
fn lost(run: &Run, host: &Host, stopped: &[&Proxy], span: Span) -> Result<Vec<(Kind, f64)>, Failure> {
    let mut names: Vec<String> = stopped.iter().map(|proxy| proxy.workload().to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    let escaped: Vec<String> = names.iter().map(|name| regex::escape(name)).collect();
    let query = format!(
        "sum by (destination_service, destination_service_name, source_workload, source_workload_namespace, response_flags) (increase(istio_requests_total{{reporter=\"source\",response_code=~\"5..\",source_workload=~{}}}[{span}]))",
        quote(&escaped.join("|"))
    );
    let what = format!("requests of {} that went to no cluster", some(&names, 3));
    // Logs tell it as well.
    let series = prometheus::ask(run, &what, query)?.unwrap_or_default();
    Ok(series.iter().filter_map(|one| of_series(host, stopped, one)).collect())
}

fn of_series(host: &Host, stopped: &[&Proxy], series: &Series) -> Option<(Kind, f64)> {
    let namespace = series.label("source_workload_namespace");
    let mut own = stopped.iter().filter(|proxy| proxy.namespace() == namespace);
    let caller = own.find(|proxy| proxy.is_of(series.label("source_workload")))?;
    let to = series.label("destination_service");
    // A gateway does not say what was asked for: what it lost may have been for another host that it has lost as well.
    let concerns = host.is_named_by(to, namespace) || (caller.is_gateway() && to == "unknown");
    let kind = match series.label("destination_service_name") {
        "BlackHoleCluster" => Kind::Unknown,
        _ if has_flag(series.label("response_flags"), "NC") => Kind::NoCluster,
        _ => return None,
    };
    let (_, requests) = series.last().filter(|(_, requests)| *requests > 0.0)?;
    concerns.then_some((kind, requests))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::graph_core;
    use crate::proxy::Side;
    use crate::proxy::pod::PodFacts;

    fn proxy(workload: &str, is_gateway: bool) -> Proxy {
        let pod = PodFacts { namespace: "summit".into(), workload: workload.into(), is_gateway, ..PodFacts::default() };
        Proxy::new(&pod, Side::Caller, &graph_core())
    }

    fn series(workload: &str, to: &str, name: &str, flags: &str) -> Series {
        let labels = [
            ("source_workload", workload),
            ("source_workload_namespace", "summit"),
            ("destination_service", to),
            ("destination_service_name", name),
            ("response_flags", flags),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        Series { labels, samples: vec![(0.0, 7.0)] }
    }

    #[test]
    fn what_is_lost_is_told_by_who_lost_it() {
        let (front, gate) = (proxy("front", false), proxy("gate", true));
        let stopped = [&front, &gate];
        let of = |workload, to, name, flags| {
            of_series(&graph_core(), &stopped, &series(workload, to, name, flags)).map(|(kind, _)| kind)
        };
        assert_eq!(of("front", "graph-core.summit:8080", "BlackHoleCluster", "-"), Some(Kind::Unknown));
        assert_eq!(of("front", "graph-core", "graph-core", "NC"), Some(Kind::NoCluster));
        assert_eq!(of("gate", "unknown", "unknown", "NC"), Some(Kind::NoCluster));
        assert_eq!(of("front", "unknown", "unknown", "NC"), None, "a sidecar says what was asked for");
        assert_eq!(of("gate", "unknown", "unknown", "NR"), None, "clients ask a gateway for anything");
        assert_eq!(of("front", "catalog:8080", "BlackHoleCluster", "-"), None);
        assert_eq!(of("other", "graph-core", "BlackHoleCluster", "-"), None);
    }
}
