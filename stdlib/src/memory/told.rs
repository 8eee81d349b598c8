//! What a workload's proxies are told of, and what the workload asks: Sidecar resources, and telemetry.

use std::collections::BTreeSet;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};
use serde_json::Value;

use crate::prometheus::{self, Series, quote};
use crate::proxy::pod::strings;
use crate::sidecar;

/// The Sidecar resource that applies to pods of a template (`networking.istio.io/v1` Sidecar).
///
/// # Errors
/// What every read of the API server can end in.
pub fn sidecar(run: &Run, namespace: &str, root: &str, labels: &Value) -> Result<Option<String>, Failure> {
    let all = sidecar::read(run, namespace, root)?;
    Ok(sidecar::applying(&all, namespace, root, &strings(Some(labels))).map(sidecar::name))
}

/// The hosts that a workload has asked, as `NAMESPACE/HOST` in the form of a Sidecar's `egress.hosts`; and what of it
/// cannot be told so.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// Hosts of Services.
    pub hosts: BTreeSet<String>,
    /// Other destinations: outside of the mesh, or unknown to the proxy.
    pub others: BTreeSet<String>,
}

/// What a workload has asked within a span, by `istio_requests_total` and `istio_tcp_connections_opened_total` of its own
/// proxies. A series is there from the first request on, so a host counts that was asked once.
///
/// # Errors
/// What a script may not handle.
pub fn asked(run: &Run, work: &ObjectRef, span: Span) -> Result<Result<Asked, Missing>, Failure> {
    let namespace = work.namespace.as_deref().unwrap_or_default();
    let selection = |metric: &str| {
        format!(
            "last_over_time({metric}{{reporter=\"source\",source_workload_namespace={},source_workload={}}}[{span}])",
            quote(namespace),
            quote(&work.name)
        )
    };
    let query = format!(
        "sum by (destination_service) ({}) or sum by (destination_service) ({})",
        selection("istio_requests_total"),
        selection("istio_tcp_connections_opened_total")
    );
    let series = prometheus::ask(run, "what it asks", query)?;
    Ok(series.and_then(|series| {
        let asked = of(&series);
        if asked.hosts.is_empty() && asked.others.is_empty() {
            return Err(Missing::NoSeries(format!("istio_requests_total of the requests that {work} sends")));
        }
        Ok(asked)
    }))
}

fn of(series: &[Series]) -> Asked {
    let mut asked = Asked::default();
    for service in series.iter().map(|one| one.label("destination_service")).filter(|service| !service.is_empty()) {
        match in_mesh(service) {
            Some(host) => asked.hosts.insert(host),
            None => asked.others.insert(service.to_owned()),
        };
    }
    asked
}

/// `NAMESPACE/HOST` of a Service's full name.
fn in_mesh(service: &str) -> Option<String> {
    let is_name = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
    };
    let (_, rest) = service.split_once('.')?;
    let (namespace, domain) = rest.split_once('.')?;
    (domain.starts_with("svc.") && is_name(service)).then(|| format!("{namespace}/{service}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_services_become_hosts() {
        let one = |service: &str| Series {
            labels: BTreeMap::from([("destination_service".to_owned(), service.to_owned())]),
            samples: vec![(1.0, 1.0)],
        };
        let asked = of(&[
            one("store.summit.svc.cluster.local"),
            one("api.example.com"),
            one("PassthroughCluster"),
            one(""),
            one("a/b.summit.svc.cluster.local"),
        ]);
        assert_eq!(asked.hosts.into_iter().collect::<Vec<_>>(), ["summit/store.summit.svc.cluster.local"]);
        assert_eq!(asked.others.len(), 3);
    }

    proptest! {
        #[test]
        fn a_host_of_a_sidecar_has_one_namespace_and_no_wildcard(service in "\\PC{0,40}") {
            if let Some(host) = in_mesh(&service) {
                prop_assert_eq!(host.matches('/').count(), 1);
                prop_assert!(!host.contains('*') && !host.contains('~') && !host.starts_with(['.', '/']));
            }
        }
    }
}
