//! Envoy's `/config_dump`: what a proxy was told about its clusters, and by which DestinationRule.
//!
//! Formats: with `mask=` or without, `configs` holds an `envoy.admin.v3.ClustersConfigDump`; with
//! `resource=dynamic_active_clusters` it holds the clusters themselves (`ClustersConfigDump.DynamicCluster`).
//! Istio writes the rule that shaped a cluster into `metadata.filter_metadata.istio.config`.

use serde_json::Value;

use super::ClusterName;
use super::transport::Transport;
use crate::rule::Limits;

/// One cluster as a proxy is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Configured {
    /// Its name.
    pub name: ClusterName,
    /// Its thresholds for requests of ordinary priority.
    pub limits: Limits,
    /// Namespace and name of the DestinationRule that istiod applied to it.
    pub rule: Option<(String, String)>,
    /// What it sends.
    pub transport: Transport,
    /// FQDNs of the services that it belongs to.
    pub services: Vec<String>,
}

impl Configured {
    /// Whether requests to the service pass it: a caller's outbound cluster, or a server's inbound one.
    ///
    /// Istio names an inbound cluster's services in its metadata. Where it does not, every inbound cluster counts whose
    /// port is one of the service's target ports.
    pub fn concerns(&self, fqdn: &str, target_ports: &[u16]) -> bool {
        match (self.name.is_inbound(), self.services.is_empty()) {
            (false, _) => self.name.is_outbound_to(fqdn),
            (true, false) => self.services.iter().any(|service| service == fqdn),
            (true, true) => target_ports.is_empty() || target_ports.contains(&self.name.port),
        }
    }
}

/// Reads the clusters of a dump; other clusters than Istio's are left out.
///
/// # Errors
/// A sentence that says why the page is none.
pub fn parse(page: &str) -> Result<Vec<Configured>, String> {
    let page: Value =
        serde_json::from_str(page).map_err(|error| format!("its /config_dump page is not JSON: {error}"))?;
    let Some(object) = page.as_object() else { return Err("its /config_dump page is not an object".into()) };
    // A dump that a filter left nothing of is `{}`.
    let configs = object.get("configs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut clusters = Vec::new();
    for config in configs {
        if let Some(cluster) = config.get("cluster").and_then(configured) {
            clusters.push(cluster);
        }
        let listed =
            config.get("dynamic_active_clusters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        clusters.extend(listed.iter().filter_map(|entry| entry.get("cluster")).filter_map(configured));
    }
    Ok(clusters)
}

fn configured(cluster: &Value) -> Option<Configured> {
    let istio = cluster.pointer("/metadata/filter_metadata/istio");
    let services =
        istio.and_then(|istio| istio.get("services")).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Some(Configured {
        name: ClusterName::parse(cluster.get("name")?.as_str()?)?,
        limits: Limits::of_envoy(cluster),
        transport: Transport::of(cluster),
        rule: istio.and_then(|istio| istio.get("config")).and_then(Value::as_str).and_then(rule),
        services: services
            .iter()
            .filter_map(|service| service.get("host"))
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    })
}

/// `/apis/networking.istio.io/v1/namespaces/summit/destination-rule/graph-core`.
fn rule(path: &str) -> Option<(String, String)> {
    let (_, rest) = path.split_once("/namespaces/")?;
    let (namespace, rest) = rest.split_once('/')?;
    let (kind, name) = rest.split_once('/')?;
    (kind == "destination-rule" && !name.contains('/')).then(|| (namespace.to_owned(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DUMP: &str = include_str!("../../testdata/istio-1.31/config_dump.clusters.json");
    const HOST: &str = "graph-core.summit.svc.cluster.local";

    #[test]
    fn both_sides_of_a_server_and_the_rule_that_shaped_them() {
        let clusters = parse(DUMP).expect("a recorded page");
        let concerned: Vec<_> = clusters.iter().filter(|c| c.concerns(HOST, &[8080])).collect();
        let names: Vec<_> = concerned.iter().map(|c| c.name.to_string()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
        for cluster in concerned {
            assert_eq!(cluster.limits, Limits { max_connections: 1, max_pending_requests: 1, max_requests: 1 });
            assert_eq!(cluster.rule, Some(("summit".into(), "graph-core".into())));
        }
        let istiod = clusters.iter().find(|c| c.name.host.starts_with("istiod.")).expect("istiod is known");
        assert_eq!(istiod.limits, Limits::UNLIMITED);
        assert_eq!(istiod.rule, None);
    }

    #[test]
    fn the_form_of_a_filtered_dump() {
        let whole: Value = serde_json::from_str(DUMP).expect("a recorded page");
        let clusters = whole.pointer("/configs/0/dynamic_active_clusters").expect("its clusters").clone();
        let filtered = serde_json::json!({ "configs": clusters }).to_string();
        assert_eq!(parse(&filtered), parse(DUMP));
        assert_eq!(parse("{}"), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,200}", cut in 1..DUMP.len() - 2) {
            let _ = parse(&text);
            let _ = rule(&text);
            prop_assert!(parse(&DUMP[..cut]).is_err());
        }
    }
}
