//! Envoy's `/clusters?format=json`: hosts of each cluster with their own counters, which Istio exports by default.
//!
//! Format: `envoy.admin.v3.Clusters` as proto-JSON: counters are strings, zero is omitted.

use serde_json::Value;

use super::{ClusterName, counter};
use crate::rule::Limits;

/// One cluster as a proxy sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Its name.
    pub name: ClusterName,
    /// Its thresholds for requests of ordinary priority.
    pub limits: Limits,
    /// Its hosts.
    pub hosts: Vec<Upstream>,
}

/// One host of a cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Upstream {
    /// `ADDRESS:PORT`.
    pub address: String,
    /// Requests sent since the proxy started.
    pub requests: f64,
    /// Answers below 500.
    pub successes: f64,
    /// Answers of 500 and above, resets, and requests that the breaker refused.
    pub errors: f64,
    /// Connections that could not be opened.
    pub connect_failures: f64,
    /// Connections opened.
    pub connections: f64,
    /// Requests open now.
    pub open: f64,
    /// Whether it takes requests: endpoint discovery and active checks say healthy, and no outlier detection ejected it.
    pub healthy: bool,
    /// Whether outlier detection ejected it.
    pub ejected: bool,
}

impl Cluster {
    /// Whether anybody has sent, or tried to send, anything through it since the proxy started.
    pub fn is_used(&self) -> bool {
        self.hosts.iter().any(|host| host.requests + host.errors + host.connections + host.connect_failures > 0.0)
    }

    /// Requests open now, to all hosts.
    pub fn open(&self) -> f64 {
        self.hosts.iter().map(|host| host.open).sum()
    }

    /// Answers and failures since the proxy started: all, and those that are errors.
    pub fn answered(&self) -> (f64, f64) {
        self.hosts
            .iter()
            .fold((0.0, 0.0), |(all, errors), host| (all + host.successes + host.errors, errors + host.errors))
    }
}

/// Reads the page; other clusters than Istio's are left out.
///
/// # Errors
/// A sentence that says why the page is none.
pub fn parse(page: &str) -> Result<Vec<Cluster>, String> {
    let page: Value = serde_json::from_str(page).map_err(|error| format!("its /clusters page is not JSON: {error}"))?;
    // A proxy without clusters answers `{}`: proto-JSON omits empty lists.
    let Some(object) = page.as_object() else { return Err("its /clusters page is not an object".into()) };
    let statuses = object.get("cluster_statuses").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Ok(statuses.iter().filter_map(cluster).collect())
}

fn cluster(status: &Value) -> Option<Cluster> {
    let name = ClusterName::parse(status.get("name")?.as_str()?)?;
    let hosts = status.get("host_statuses").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Some(Cluster { name, limits: Limits::of_envoy(status), hosts: hosts.iter().map(upstream).collect() })
}

fn upstream(status: &Value) -> Upstream {
    let stat = |name: &str| {
        let stats = status.get("stats").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        stats
            .iter()
            .find(|stat| stat.get("name").and_then(Value::as_str) == Some(name))
            .and_then(|stat| stat.get("value"))
            .and_then(counter)
            .unwrap_or(0.0)
    };
    let text = |pointer: &str| status.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let flag = |name: &str| status.pointer(&format!("/health_status/{name}")).and_then(Value::as_bool).unwrap_or(false);
    let port = status.pointer("/address/socket_address/port_value").and_then(Value::as_u64).unwrap_or(0);
    let ejected = flag("failed_outlier_check");
    // proto-JSON omits UNKNOWN, which Envoy treats as healthy.
    let discovered = matches!(text("/health_status/eds_health_status"), "" | "UNKNOWN" | "HEALTHY" | "DEGRADED");
    Upstream {
        address: format!("{}:{port}", text("/address/socket_address/address")),
        requests: stat("rq_total"),
        successes: stat("rq_success"),
        errors: stat("rq_error"),
        connect_failures: stat("cx_connect_fail"),
        connections: stat("cx_total"),
        open: stat("rq_active"),
        healthy: discovered && !ejected && !flag("failed_active_health_check"),
        ejected,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CALLER: &str = include_str!("../../testdata/istio-1.31/clusters.front-stats.json");
    const SERVER: &str = include_str!("../../testdata/istio-1.31/clusters.graph-core.json");

    fn find(page: &str, name: &str) -> Cluster {
        parse(page)
            .expect("a recorded page")
            .into_iter()
            .find(|c| c.name.to_string() == name)
            .expect("the cluster is on it")
    }

    #[test]
    fn a_caller_is_told_by_its_traffic() {
        let used = find(CALLER, "outbound|8080||graph-core.summit.svc.cluster.local");
        assert!(used.is_used());
        assert_eq!(used.limits.max_connections, 1);
        assert_eq!(used.hosts.len(), 2);
        assert!(used.hosts.iter().all(|host| host.healthy && !host.ejected));
        assert!(used.answered().1 > 10_000.0, "{:?}", used.answered());
        // Every proxy knows every host by default: knowing is not calling.
        assert!(!find(CALLER, "outbound|8080|v1|graph-core.summit.svc.cluster.local").is_used());
    }

    #[test]
    fn the_server_has_an_inbound_cluster() {
        let inbound = find(SERVER, "inbound|8080||");
        assert!(inbound.is_used());
        assert_eq!(inbound.limits.max_requests, 1);
    }

    #[test]
    fn what_is_ejected_or_failed_takes_no_requests() {
        for (health, healthy) in [
            (r#"{"eds_health_status":"HEALTHY"}"#, true),
            ("{}", true),
            (r#"{"eds_health_status":"HEALTHY","failed_outlier_check":true}"#, false),
            (r#"{"eds_health_status":"HEALTHY","failed_active_health_check":true}"#, false),
            (r#"{"eds_health_status":"UNHEALTHY"}"#, false),
            (r#"{"eds_health_status":"DRAINING"}"#, false),
        ] {
            let page = format!(
                r#"{{"cluster_statuses":[{{"name":"outbound|80||a","host_statuses":[{{"health_status":{health}}}]}}]}}"#
            );
            assert_eq!(find(&page, "outbound|80||a").hosts[0].healthy, healthy, "{health}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,200}", cut in 1..CALLER.len() - 2) {
            let _ = parse(&text);
            prop_assert!(parse(&CALLER[..cut]).is_err());
        }
    }
}
