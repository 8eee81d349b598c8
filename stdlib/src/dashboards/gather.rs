//! How the dashboards are found and asked: where the configuration file says, else a health page of a ready pod behind
//! the Service, by port-forward.

use meshbook_runtime::effect::{self, Call, Effect, Reply};
use meshbook_runtime::failure::{Failure, NOT_FOUND};
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::Value;

use super::known::Known;
use super::{Dashboard, Dashboards, Place};
use crate::evidence::{absorb, root};
use crate::kubernetes::{kinds, read};
use crate::prometheus;
use crate::text::first_line;
use crate::trace::read as jaeger;

/// Namespaces in which they usually are, where not all Services may be listed.
const NAMESPACES: [&str; 4] = ["monitoring", "observability", "tracing", "prometheus"];

/// A port of a pod.
struct Target {
    namespace: String,
    pod: String,
    port: u16,
}

/// Looks for these, and asks each.
///
/// # Errors
/// What a script may not handle.
pub fn gather(run: &Run, wanted: impl IntoIterator<Item = &'static Known>) -> Result<Dashboards, Failure> {
    let root = root::namespace(run)?;
    let usual: Vec<&str> = [root.as_str(), run.namespace()].into_iter().chain(NAMESPACES).collect();
    let (services, note) = match read::list_widely(run, &kinds::service(), &usual) {
        Ok(listed) => listed,
        Err(failure) => return Ok(Dashboards::new(Err(Missing::Unreachable(absorb(failure)?)), Vec::new())),
    };
    let notes = note.map(|note| format!("looked at {note}")).into_iter().collect();
    let mut seen = Vec::new();
    for known in wanted {
        let configured = configured(run, known)?;
        let place = known.find(&services).filter(|_| configured.is_none());
        let (elsewhere, answers) = match (configured, known.name, &place) {
            (Some(answers), ..) => (true, answers),
            // The transport knows a Prometheus and a Jaeger outside of the cluster too, from the configuration file.
            (None, "Prometheus", _) => {
                (false, prometheus::ask(run, "does it answer?", "vector(1)".into())?.map(drop).map_err(why))
            }
            (None, "Jaeger", _) => (false, jaeger::services(run)?.map(drop).map_err(why)),
            (None, _, Some(place)) => (false, ask(run, known, place)?),
            (None, _, None) => (false, Err("no Service looks like it, and none is configured".into())),
        };
        seen.push(Dashboard { known, place, configured: elsewhere, answers });
    }
    Ok(Dashboards::new(Ok(seen), notes))
}

fn why(missing: Missing) -> String {
    match missing {
        Missing::Unreachable(why) => why,
        other => other.to_string(),
    }
}

/// What the one in the configuration file answers; `None` if it names none.
fn configured(run: &Run, known: &Known) -> Result<Option<Result<(), String>>, Failure> {
    let of = match known.name {
        "Grafana" => effect::Dashboard::Grafana,
        "Kiali" => effect::Dashboard::Kiali,
        _ => return Ok(None),
    };
    let mut why = String::new();
    for path in known.health {
        let call = Call::DashboardPage { of, path: (*path).to_owned() };
        match run.read(Effect::read(known.name, format!("health of {}", known.name), call)) {
            Ok(reply) => match well(reply) {
                Ok(()) => return Ok(Some(Ok(()))),
                Err(said) => why = said,
            },
            Err(failure) if std::ptr::eq(failure.code, &NOT_FOUND) => return Ok(None),
            Err(failure) => return Ok(Some(Err(first_line(&absorb(failure)?)))),
        }
    }
    Ok(Some(Err(why)))
}

/// Whether a health page says that all is well.
fn well(reply: Reply) -> Result<(), String> {
    match reply {
        Reply::Http { status: 200..=299, .. } => Ok(()),
        Reply::Http { status, body } => {
            Err(format!("its health page answers {status} {}", first_line(&body)).trim().to_owned())
        }
        _ => Err("its port gives no HTTP answer".into()),
    }
}

fn ask(run: &Run, known: &Known, place: &Place) -> Result<Result<(), String>, Failure> {
    let target = match behind(run, place)? {
        Ok(target) => target,
        Err(why) => return Ok(Err(why)),
    };
    let port = known.health_port.unwrap_or(target.port);
    let page =
        |path: &&str| Effect::page(&target.namespace, &target.pod, port, format!("health of {}", known.name), path);
    let mut why = String::new();
    for reply in run.read_all(known.health.iter().map(page).collect()) {
        match reply {
            Ok(reply) => match well(reply) {
                Ok(()) => return Ok(Ok(())),
                Err(said) => why = said,
            },
            Err(failure) => why = first_line(&absorb(failure)?),
        }
    }
    Ok(Err(why))
}

/// A ready pod behind a Service, from its EndpointSlices.
fn behind(run: &Run, place: &Place) -> Result<Result<Target, String>, Failure> {
    let service = meshbook_runtime::effect::ObjectRef::new(kinds::service(), &place.namespace, &place.service);
    let labels = format!("kubernetes.io/service-name={}", place.service);
    let (service, slices) = match (
        read::find(run, &service),
        read::list(run, kinds::endpoint_slice(), Some(&place.namespace), Some(&labels)),
    ) {
        (Ok(service), Ok(slices)) => (service.unwrap_or_default(), slices),
        (Err(failure), _) | (_, Err(failure)) => return Ok(Err(absorb(failure)?)),
    };
    let ports = service.pointer("/spec/ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named = ports.iter().find(|port| port.get("port").and_then(Value::as_u64) == Some(u64::from(place.port)));
    let name = named.and_then(|port| port.get("name")).and_then(Value::as_str).unwrap_or_default();
    Ok(slices
        .iter()
        .find_map(|slice| ready(slice, name))
        .ok_or_else(|| format!("no ready pod is behind Service {}/{}", place.namespace, place.service)))
}

/// The first ready pod of an EndpointSlice, and its port of this name. Absent conditions mean ready (discovery/v1).
fn ready(slice: &Value, port: &str) -> Option<Target> {
    let list = |key: &str| slice.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let number = list("ports")
        .iter()
        .find(|one| one.get("name").and_then(Value::as_str).unwrap_or_default() == port)?
        .get("port")?
        .as_u64()?;
    let namespace = slice.pointer("/metadata/namespace")?.as_str()?;
    list("endpoints").iter().find_map(|endpoint| {
        let ready = endpoint.pointer("/conditions/ready").and_then(Value::as_bool).unwrap_or(true);
        let target =
            endpoint.get("targetRef").filter(|target| ready && target.get("kind") == Some(&Value::from("Pod")))?;
        Some(Target {
            namespace: namespace.to_owned(),
            pod: target.get("name")?.as_str()?.to_owned(),
            port: u16::try_from(number).ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_ready_pods_are_asked() {
        let slice = json!({ "metadata": { "namespace": "monitoring" }, "ports": [{ "name": "grpc", "port": 1 }, { "name": "http", "port": 3000 }], "endpoints": [
            { "conditions": { "ready": false }, "targetRef": { "kind": "Pod", "name": "a" } }, { "targetRef": { "kind": "Pod", "name": "b" } } ] });
        let found = ready(&slice, "http").expect("a pod");
        assert_eq!((found.namespace.as_str(), found.pod.as_str(), found.port), ("monitoring", "b", 3000));
        assert!(ready(&slice, "web").is_none() && ready(&json!({}), "").is_none());
    }
}
