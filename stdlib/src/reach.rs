//! What a change would reach: through which proxies, and what share of the mesh's requests of the last minutes.
//!
//! From Istio's standard metric `istio_requests_total`. A DestinationRule or a VirtualService acts in the callers'
//! proxies, which count with `reporter="source"`; a workload's own pods count with `reporter="destination"`. What
//! Prometheus does not say is said to be unknown: it is never zero.

use meshbook_runtime::record::event::Changing;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::Value;

use crate::host::resolve::{self, DEFAULT_DOMAIN};
use crate::prometheus::{self, Series, quote};
use crate::rule::lookup::full_name;
use crate::text::{percent, some};

/// So many names stand in a line.
const NAMES: usize = 4;

/// Requests that a change concerns.
#[derive(Debug, PartialEq)]
struct Concerned {
    /// Whom they go to.
    to: String,
    /// Whether the callers' proxies carry the change; else those of the workload itself.
    in_callers: bool,
    /// Conditions on the labels of their series; none where they cannot be told apart.
    matchers: Result<String, &'static str>,
}

/// What a change reaches, in lines for whoever is asked whether to make it. Nothing where the run has been stopped.
pub fn of(run: &Run, changing: &Changing) -> Vec<String> {
    let object = &changing.object;
    let after = if changing.pre_image.is_null() { &changing.patch } else { &changing.pre_image };
    let concerned = concerned(&object.kind.kind, object.namespace.as_deref().unwrap_or_default(), &object.name, after);
    if concerned.is_empty() {
        return vec![format!("share of traffic unknown: nothing tells which requests a {} concerns", object.kind.kind)];
    }
    concerned.iter().filter_map(|one| asked(run, one)).collect()
}

fn asked(run: &Run, one: &Concerned) -> Option<String> {
    let matchers = match &one.matchers {
        Ok(matchers) => matchers,
        Err(why) => return Some(format!("reaches requests to {}: share of traffic unknown, {why}", one.to)),
    };
    let reporter = if one.in_callers { "source" } else { "destination" };
    let part = format!(
        "sum by (source_workload, source_workload_namespace) (rate(istio_requests_total{{reporter=\"{reporter}\",{matchers}}}[5m]))"
    );
    let whole = format!("sum(rate(istio_requests_total{{reporter=\"{reporter}\"}}[5m]))");
    // A stop of the run is met again where the change is made.
    let part = prometheus::ask(run, &format!("requests to {}", one.to), part).ok()?;
    let whole = prometheus::ask(run, "requests in the mesh", whole).ok()?;
    Some(line(one, part, whole))
}

fn line(one: &Concerned, part: Result<Vec<Series>, Missing>, whole: Result<Vec<Series>, Missing>) -> String {
    let to = &one.to;
    let known = |series: &Series| series.last().map(|(_, value)| value).filter(|value| value.is_finite());
    let (part, whole) = match (part, whole) {
        (Ok(part), Ok(whole)) => (part, whole.first().and_then(known).filter(|rate| *rate > 0.0)),
        (Err(missing), _) | (_, Err(missing)) => {
            return format!("reaches requests to {to}: share of traffic unknown, {missing}");
        }
    };
    let Some(whole) = whole else {
        return format!(
            "reaches requests to {to}: share of traffic unknown, Prometheus has counted none in the mesh for 5m"
        );
    };
    let mut callers: Vec<(f64, String)> = part
        .iter()
        .filter_map(|series| {
            let name = format!("{}.{}", series.label("source_workload"), series.label("source_workload_namespace"));
            Some((known(series)?, name)).filter(|(rate, _)| *rate > 0.0)
        })
        .collect();
    if callers.is_empty() {
        return format!("reaches requests to {to}: Prometheus has counted none for 5m");
    }
    callers.sort_by(|a, b| b.0.total_cmp(&a.0));
    let share = percent((callers.iter().map(|(rate, _)| rate).sum::<f64>() / whole).min(1.0));
    let names: Vec<String> = callers.into_iter().map(|(_, name)| name).collect();
    let proxies = if one.in_callers {
        format!("in the proxies of {}", some(&names, NAMES))
    } else {
        format!("in its own pods, from {}", some(&names, NAMES))
    };
    format!("reaches requests to {to}, {proxies}: {share} of the mesh's in 5m")
}

/// The requests that an object concerns.
fn concerned(kind: &str, namespace: &str, name: &str, object: &Value) -> Vec<Concerned> {
    let texts = |pointer: &str| -> Vec<String> {
        let found = object.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        found.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    match kind {
        "DestinationRule" => {
            let host = object.pointer("/spec/host").and_then(Value::as_str);
            host.map(|host| to_host(host, namespace)).into_iter().collect()
        }
        "VirtualService" => {
            let gateways = texts("/spec/gateways");
            let only_gateways = !gateways.is_empty() && !gateways.iter().any(|gateway| gateway == "mesh");
            let mut all: Vec<Concerned> = texts("/spec/hosts").iter().map(|host| to_host(host, namespace)).collect();
            if only_gateways {
                all.iter_mut().for_each(|one| one.matchers = Err("requests are counted by where gateways send them"));
            }
            all
        }
        "Deployment" | "StatefulSet" | "DaemonSet" => vec![Concerned {
            to: format!("{name}.{namespace}"),
            in_callers: false,
            matchers: Ok(format!(
                "destination_workload={},destination_workload_namespace={}",
                quote(name),
                quote(namespace)
            )),
        }],
        _ => Vec::new(),
    }
}

fn to_host(host: &str, namespace: &str) -> Concerned {
    let full = full_name(host, namespace, DEFAULT_DOMAIN);
    let service = resolve::parse(&full).and_then(|named| Some((named.name.to_owned(), named.namespace?.to_owned())));
    let (to, matchers) = match service {
        _ if host.contains('*') => (host.to_owned(), Err("a wildcard names many services")),
        Some((name, namespace)) if full.contains(".svc") => (
            format!("{name}.{namespace}"),
            Ok(format!(
                "destination_service_name={},destination_service_namespace={}",
                quote(&name),
                quote(&namespace)
            )),
        ),
        _ => (full.clone(), Ok(format!("destination_service={}", quote(&full)))),
    };
    Concerned { to, in_callers: true, matchers }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rate(caller: &str, value: f64) -> Series {
        let labels = [("source_workload", caller), ("source_workload_namespace", "summit")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Series { labels, samples: vec![(0.0, value)] }
    }

    #[test]
    fn objects_concern_the_requests_that_they_govern() {
        let rule = concerned("DestinationRule", "summit", "x", &json!({ "spec": { "host": "graph-core" } }));
        assert_eq!(
            rule,
            [Concerned {
                to: "graph-core.summit".into(),
                in_callers: true,
                matchers: Ok("destination_service_name=\"graph-core\",destination_service_namespace=\"summit\"".into())
            }]
        );
        let wild = concerned("DestinationRule", "summit", "x", &json!({ "spec": { "host": "*.example.com" } }));
        assert!(wild[0].matchers.is_err());
        let far = concerned("DestinationRule", "summit", "x", &json!({ "spec": { "host": "a.example.com" } }));
        assert_eq!(far[0].matchers, Ok("destination_service=\"a.example.com\"".into()));
        let gateway = json!({ "spec": { "hosts": ["shop.example.com"], "gateways": ["shop"] } });
        assert!(concerned("VirtualService", "summit", "x", &gateway)[0].matchers.is_err());
        assert!(!concerned("Deployment", "summit", "front", &json!({}))[0].in_callers);
        assert!(concerned("Sidecar", "summit", "default", &json!({})).is_empty());
    }

    #[test]
    fn a_share_is_told_and_what_is_not_known_is_not_zero() {
        let one = to_host("graph-core", "summit");
        let whole = || Ok(vec![Series { samples: vec![(0.0, 10.0)], ..Series::default() }]);
        assert_eq!(
            line(&one, Ok(vec![rate("reports", 1.0), rate("front", 4.0)]), whole()),
            "reaches requests to graph-core.summit, in the proxies of front.summit and reports.summit: 50 % of the mesh's in 5m"
        );
        assert_eq!(
            line(&one, Ok(Vec::new()), whole()),
            "reaches requests to graph-core.summit: Prometheus has counted none for 5m"
        );
        for (part, whole) in [
            (Err(Missing::NoSeries("x".into())), whole()),
            (Ok(vec![rate("front", 4.0)]), Ok(Vec::new())),
            (Ok(vec![rate("front", 4.0)]), Ok(vec![rate("", f64::NAN)])),
        ] {
            let said = line(&one, part, whole);
            assert!(said.contains("unknown") && !said.contains('%'), "{said}");
        }
    }
}
