//! Looks at each item of the checklist.

use std::collections::BTreeSet;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::Onboarding;
use crate::checklist::{Item, State};
use crate::evidence::rules::Rules;
use crate::host::Host;
use crate::kubernetes::{kinds, read};
use crate::prometheus::{self, quote};
use crate::proxy::pod::{PROXY, PodFacts};
use crate::text::{count, some};
use crate::{spans, trace};

/// Looks at each item.
///
/// # Errors
/// What every read can end in.
pub fn gather(run: &Run, host: &Host) -> Result<Onboarding, Failure> {
    let namespace = read::get(run, &ObjectRef::new(kinds::namespace(), "", host.namespace()))?;
    let pods = read::list(run, kinds::pod(), Some(host.namespace()), None)?;
    let own: Vec<&Value> = pods
        .iter()
        .filter(|pod| PodFacts::of(pod).is_selected(host.selector()) && !host.selector().is_empty())
        .collect();
    let items = vec![
        injection(&namespace),
        sidecar(&own),
        probes(&own),
        rule(run, host)?,
        routes(run, host)?,
        metrics(run, host)?,
        traces(run, &own)?,
    ];
    Ok(Onboarding::new(host.text(), items))
}

fn item(what: &'static str, there: bool, seen: String) -> Item {
    Item { what, state: if there { State::There } else { State::Lacking }, seen }
}

fn injection(namespace: &Value) -> Item {
    let label = |key: &str| namespace["metadata"]["labels"][key].as_str().map(|value| format!("{key}={value}"));
    match (label("istio-injection"), label("istio.io/rev")) {
        (Some(one), Some(other)) => {
            item("injection", false, format!("{one} and {other} contradict each other (IST0123)"))
        }
        (Some(one), None) => item("injection", one.ends_with("=enabled"), one),
        (None, Some(revision)) => item("injection", true, revision),
        (None, None) => item("injection", false, "the namespace has neither istio-injection nor istio.io/rev".into()),
    }
}

fn sidecar(pods: &[&Value]) -> Item {
    let facts: Vec<PodFacts> = pods.iter().map(|pod| PodFacts::of(pod)).filter(|pod| pod.is_running).collect();
    let without: Vec<String> = facts.iter().filter(|pod| !pod.has_proxy).map(|pod| pod.name.clone()).collect();
    match (facts.len(), without.len()) {
        (0, _) => item("sidecar", false, "no pod of the service runs".into()),
        (all, 0) => {
            item("sidecar", true, format!("in {}, as a container or a native sidecar", count(all, "pod", "pods")))
        }
        (_, _) => item("sidecar", false, format!("none in {}", some(&without, 3))),
    }
}

/// Whether every container of the application says when it is ready: without that, a pod gets requests before it can
/// answer, and keeps them when it cannot any more.
fn probes(pods: &[&Value]) -> Item {
    let mut without: Vec<String> = Vec::new();
    for pod in pods {
        for container in pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten() {
            let name = container["name"].as_str().unwrap_or_default().to_owned();
            if name != PROXY && container.get("readinessProbe").is_none() && !without.contains(&name) {
                without.push(name);
            }
        }
    }
    match (pods.is_empty(), without.is_empty()) {
        (true, _) => item("probes", false, "no pod of the service runs".into()),
        (false, true) => item("probes", true, "every container has a readiness probe".into()),
        (false, false) => item("probes", false, format!("no readiness probe: {}", some(&without, 3))),
    }
}

fn rule(run: &Run, host: &Host) -> Result<Item, Failure> {
    let found: Vec<String> = Rules::read(run, host, &[])?
        .for_namespace(host, host.namespace())
        .iter()
        .map(|rule| name_of(rule, "DestinationRule"))
        .collect();
    Ok(match found.is_empty() {
        true => item("destination rule", false, "none is about it: no limit, no outlier detection".into()),
        false => item("destination rule", true, some(&found, 3)),
    })
}

fn routes(run: &Run, host: &Host) -> Result<Item, Failure> {
    let all = read::list(run, kinds::virtual_service(), Some(host.namespace()), None)?;
    let about = |service: &&Value| {
        let hosts = service.pointer("/spec/hosts").and_then(Value::as_array);
        hosts.is_some_and(|hosts| {
            hosts.iter().filter_map(Value::as_str).any(|named| host.is_named_by(named, host.namespace()))
        })
    };
    let found: Vec<String> = all.iter().filter(about).map(|service| name_of(service, "VirtualService")).collect();
    Ok(match found.is_empty() {
        true => {
            item("virtual service", false, "none is about it: Istio's defaults hold (two retries, no timeout)".into())
        }
        false => item("virtual service", true, some(&found, 3)),
    })
}

fn metrics(run: &Run, host: &Host) -> Result<Item, Failure> {
    let query = format!(
        "sum(rate(istio_requests_total{{reporter=\"destination\",destination_service={}}}[5m]))",
        quote(host.fqdn())
    );
    Ok(match prometheus::ask(run, "requests to it", query)? {
        Ok(series) if !series.is_empty() => item("metrics", true, "istio_requests_total has series of it".into()),
        Ok(_) => item(
            "metrics",
            false,
            "istio_requests_total has no series of it: nobody has asked it yet, or its sidecar is not scraped".into(),
        ),
        Err(missing) => {
            Item { what: "metrics", state: State::Unknown, seen: missing.failure("istio_requests_total").message }
        }
    })
}

/// Whether Jaeger has spans of it. Where no Jaeger is known nobody can tell, and nothing is lacking by that.
fn traces(run: &Run, pods: &[&Value]) -> Result<Item, Failure> {
    let expected: BTreeSet<String> =
        pods.iter().map(|pod| PodFacts::of(pod)).filter_map(|pod| spans::service_of(&pod)).collect();
    let known = match trace::read::services(run)? {
        Ok(known) => known,
        Err(missing) => {
            let seen = format!("it cannot be told whether spans arrive: {missing}");
            return Ok(Item { what: "traces", state: State::Unknown, seen });
        }
    };
    let lacking: Vec<String> = expected.iter().filter(|name| !known.contains(*name)).cloned().collect();
    Ok(match (expected.is_empty(), lacking.is_empty()) {
        (true, _) => item("traces", false, "no pod of the service has a proxy that would report spans".into()),
        (false, true) => item("traces", true, "Jaeger has spans of it".into()),
        (false, false) => item("traces", false, format!("Jaeger has no span of {} yet", some(&lacking, 3))),
    })
}

fn name_of(object: &Value, kind: &str) -> String {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    format!("{kind} {}/{}", text("namespace"), text("name"))
}

/// That nothing of the checklist has this name.
pub fn unknown(what: &str) -> Failure {
    Failure::new(&NO_DATA, format!("the checklist has no item `{}`", crate::text::first_line(what)))
        .hint(format!("it has {}", crate::text::and(&super::ITEMS.map(str::to_owned))))
}
