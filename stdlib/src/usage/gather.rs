//! Reads what pods use: `PodMetrics` of `metrics.k8s.io/v1beta1`
//! (<https://github.com/kubernetes/metrics/blob/master/pkg/apis/metrics/v1beta1/types.go>).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use meshbook_runtime::effect::{ObjectRef, ResourceKind};
use meshbook_runtime::failure::{Failure, NOT_FOUND};
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Quantity};
use serde_json::Value;

use super::{PodUsage, Usage};
use crate::evidence::absorb;
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::PodFacts;
use crate::text::{first_line, some};

/// A figure that is older than this does not speak for now: metrics-server measures every 15 s, and gives no figure older
/// than a few of these.
const STALE: Duration = Duration::from_secs(300);

/// What the running pods of a workload use; of one container, if one is named.
///
/// # Errors
/// What a script may not handle, and what reading the pods can end in.
pub fn gather(run: &Run, object: &ObjectRef, container: Option<&str>) -> Result<Usage, Failure> {
    let what = container.map_or_else(|| object.to_string(), |name| format!("{name} of {object}"));
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let pods = read::list(run, kinds::pod(), Some(namespace), None)?;
    let own = pods.iter().map(PodFacts::of).filter(|pod| pod.workload == object.name && pod.is_running);
    let own: Vec<String> = own.map(|pod| pod.name).collect();
    if own.is_empty() {
        return Ok(Usage::new(what.clone(), Err(Missing::NoSeries(format!("no pod of {object} runs")))));
    }
    let kind = ResourceKind::namespaced("metrics.k8s.io", "v1beta1", "PodMetrics", "pods");
    let listed = match read::list(run, kind, Some(namespace), None) {
        Ok(listed) => listed,
        Err(failure) if read::is(&failure, &NOT_FOUND) => {
            let why = "the cluster has no metrics API (`metrics.k8s.io`): no metrics-server is installed".to_owned();
            return Ok(Usage::new(what, Err(Missing::NotExported(why))));
        }
        Err(failure) => return Ok(Usage::new(what, Err(Missing::Unreachable(first_line(&absorb(failure)?))))),
    };
    let usage = measured(&own, &listed, container, run.now()?);
    Ok(Usage::new(what, usage))
}

/// The figures of these pods. One that is not there would make a sum too small, so all are missing then.
fn measured(
    own: &[String],
    listed: &[Value],
    container: Option<&str>,
    now: Timestamp,
) -> Result<Vec<PodUsage>, Missing> {
    let name = |item: &Value| item.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let by_pod: BTreeMap<String, &Value> = listed.iter().map(|item| (name(item), item)).collect();
    let (mut usage, mut absent) = (Vec::new(), Vec::new());
    for pod in own {
        let Some(item) = by_pod.get(pod) else {
            absent.push(pod.clone());
            continue;
        };
        let at = item.get("timestamp").and_then(Value::as_str).and_then(|at| at.parse::<Timestamp>().ok());
        let age = at.and_then(|at| Duration::try_from(now.duration_since(at)).ok());
        if let Some(age) = age.filter(|age| *age > STALE) {
            return Err(Missing::Stale(format!("{pod} was measured {} s ago", age.as_secs())));
        }
        match of_containers(item, container) {
            Some((cpu, memory)) => usage.push(PodUsage { pod: pod.clone(), cpu, memory }),
            None => absent.push(pod.clone()),
        }
    }
    if absent.is_empty() {
        return Ok(usage);
    }
    let of = container.map(|name| format!(" of container {name}")).unwrap_or_default();
    Err(Missing::NoSeries(format!("the metrics API has no figures{of} for {}", some(&absent, 3))))
}

/// Cores and bytes of all containers, or of one; `None` if there is none, or a figure cannot be read.
fn of_containers(item: &Value, container: Option<&str>) -> Option<(f64, f64)> {
    let all = item.get("containers")?.as_array()?;
    let name = |one: &Value| one.get("name").and_then(Value::as_str).map(str::to_owned);
    let chosen: Vec<&Value> =
        all.iter().filter(|one| container.is_none_or(|wanted| name(one).as_deref() == Some(wanted))).collect();
    if chosen.is_empty() {
        return None;
    }
    let sum = |figure: fn(&str) -> Option<f64>, field: &str| {
        chosen.iter().map(|one| figure(one.pointer(&format!("/usage/{field}"))?.as_str()?)).sum::<Option<f64>>()
    };
    Some((sum(cores, "cpu")?, sum(bytes, "memory")?))
}

/// CPU as metrics-server writes it: billionths (`n`), millionths (`u`) or thousandths (`m`) of a core, or cores.
fn cores(text: &str) -> Option<f64> {
    let (digits, scale) = match text.char_indices().next_back()? {
        (at, 'n') => (&text[..at], 1e-9),
        (at, 'u') => (&text[..at], 1e-6),
        (at, 'm') => (&text[..at], 1e-3),
        _ => (text, 1.0),
    };
    digits.parse::<f64>().ok().map(|number| number * scale).filter(|cores| cores.is_finite() && *cores >= 0.0)
}

#[allow(clippy::cast_precision_loss, reason = "no memory has more than 2^53 thousandths of a byte that matter")]
fn bytes(text: &str) -> Option<f64> {
    text.parse::<Quantity>().ok().map(|quantity| quantity.milli() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(pod: &str, at: &str) -> Value {
        json!({ "metadata": { "name": pod }, "timestamp": at, "window": "15s", "containers": [
            { "name": "app", "usage": { "cpu": "250000000n", "memory": "2048Ki" } },
            { "name": "istio-proxy", "usage": { "cpu": "4m", "memory": "1Mi" } },
        ] })
    }

    fn now() -> Timestamp {
        "2026-01-05T10:00:00Z".parse().expect("a time")
    }

    #[test]
    fn containers_are_added_up_or_one_is_chosen() {
        let (own, items) = (vec!["a".to_owned()], [item("a", "2026-01-05T09:59:50Z")]);
        let whole = measured(&own, &items, None, now()).expect("figures");
        assert!((whole[0].cpu - 0.254).abs() < 1e-9 && (whole[0].memory - 3_145_728.0).abs() < 0.5, "{whole:?}");
        let proxy = measured(&own, &items, Some("istio-proxy"), now()).expect("figures");
        assert!((proxy[0].cpu - 0.004).abs() < 1e-9, "{proxy:?}");
        assert!(matches!(measured(&own, &items, Some("none"), now()), Err(Missing::NoSeries(_))));
    }

    #[test]
    fn what_is_not_known_of_one_pod_is_not_known_of_all() {
        let own = ["a".to_owned(), "b".to_owned()];
        let missing = measured(&own, &[item("a", "2026-01-05T09:59:50Z")], None, now()).expect_err("one is missing");
        assert!(missing.to_string().contains("for b"), "{missing}");
        let old = measured(&own[..1], &[item("a", "2026-01-05T09:50:00Z")], None, now());
        assert!(matches!(old, Err(Missing::Stale(_))));
        let broken = json!({ "metadata": { "name": "a" }, "containers": [{ "name": "app", "usage": { "cpu": "x" } }] });
        assert!(measured(&own[..1], &[broken], None, now()).is_err());
    }

    #[test]
    fn cpu_is_written_in_several_units() {
        assert_eq!((cores("2"), cores("1500m")), (Some(2.0), Some(1.5)));
        assert_eq!(cores("-1n"), None);
        assert_eq!((cores(""), cores("n"), cores("nan")), (None, None, None));
    }
}
