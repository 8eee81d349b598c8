//! Which DestinationRule and VirtualService apply to a proxy, and the limits that follow.
//!
//! The rules of selection are those of Istio's push context: namespace of the client, then of the service, then the
//! root namespace; `exportTo`; exact host before the longest wildcard; the oldest of two equals.

use serde_json::Value;

use crate::store::Object;
use crate::world::objects::ROOT_NAMESPACE;

/// Envoy's threshold for a limit that Istio leaves unset: 2³²−1.
pub const UNLIMITED: u32 = u32::MAX;

/// `envoy.config.cluster.v3.CircuitBreakers.Thresholds` of priority DEFAULT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Connections to the whole cluster.
    pub max_connections: u32,
    /// Requests that wait for a connection.
    pub max_pending_requests: u32,
    /// Requests on connections.
    pub max_requests: u32,
    /// Retries at the same time.
    pub max_retries: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            max_connections: UNLIMITED,
            max_pending_requests: UNLIMITED,
            max_requests: UNLIMITED,
            max_retries: UNLIMITED,
        }
    }
}

/// What a DestinationRule asks of one cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Namespace and name of the DestinationRule, if one applies.
    pub rule: Option<(String, String)>,
    /// Limits.
    pub thresholds: Thresholds,
    /// `outlierDetection` as the rule has it.
    pub outlier_detection: Value,
    /// `loadBalancer` as the rule has it.
    pub load_balancer: Value,
    /// `tls.mode` of the rule.
    pub tls_mode: Option<String>,
    /// The labels of the subset that the cluster is for.
    pub subset_labels: Option<Value>,
}

/// A host as Istio compares it: short names get their namespace and the cluster's domain.
pub fn full_host(host: &str, namespace: &str) -> String {
    let dots = host.matches('.').count();
    if host.starts_with('*') || host.ends_with(".svc.cluster.local") {
        host.to_owned()
    } else if dots == 0 {
        format!("{host}.{namespace}.svc.cluster.local")
    } else {
        host.to_owned()
    }
}

/// Whether a rule's `exportTo` reaches a namespace.
pub fn exported(object: &Value, to: &str) -> bool {
    let own = object["metadata"]["namespace"].as_str().unwrap_or_default();
    match object["spec"]["exportTo"].as_array() {
        Some(list) if !list.is_empty() => list.iter().filter_map(Value::as_str).any(|target| match target {
            "*" => true,
            "." => own == to,
            name => name == to,
        }),
        _ => true,
    }
}

/// How well a rule's host matches; `None` if it does not. Greater is more specific.
fn specificity(rule_host: &str, host: &str) -> Option<usize> {
    if rule_host == host {
        return Some(usize::MAX);
    }
    let suffix = rule_host.strip_prefix('*')?;
    host.ends_with(suffix).then_some(suffix.len())
}

/// The DestinationRule for a host as a client in `client_namespace` gets it.
pub fn destination_rule<'a>(
    rules: &'a [Object],
    host: &str,
    service_namespace: &str,
    client_namespace: &str,
) -> Option<&'a Object> {
    let mut lookups = vec![client_namespace];
    for namespace in [service_namespace, ROOT_NAMESPACE] {
        if !lookups.contains(&namespace) {
            lookups.push(namespace);
        }
    }
    lookups.into_iter().find_map(|namespace| {
        rules
            .iter()
            .filter(|rule| rule["metadata"]["namespace"] == namespace && exported(rule, client_namespace))
            .filter_map(|rule| {
                let rule_host = full_host(rule["spec"]["host"].as_str()?, namespace);
                Some((specificity(&rule_host, host)?, rule))
            })
            // The first of equals is the oldest by creation time, then by name.
            .max_by(|(a, left), (b, right)| a.cmp(b).then_with(|| age(right).cmp(&age(left))))
            .map(|(_, rule)| rule)
    })
}

fn age(rule: &Value) -> (String, String) {
    let field = |name: &str| rule["metadata"][name].as_str().unwrap_or_default().to_owned();
    (field("creationTimestamp"), field("name"))
}

/// What a rule says of one cluster: the rule's policy, over it the subset's, over both the port's.
///
/// Of a policy with `portLevelSettings` for the port, these replace its other settings; a subset's policy replaces the
/// rule's field by field (connection pool, outlier detection, TLS).
pub fn policy(rule: Option<&Object>, subset: Option<&str>, port: u16) -> Policy {
    let Some(rule) = rule else { return Policy::default() };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut policy = Policy {
        rule: Some((text(&rule["metadata"]["namespace"]), text(&rule["metadata"]["name"]))),
        ..Policy::default()
    };
    let mut pool = Value::Null;
    let mut apply = |traffic_policy: &Value| {
        let port_level = traffic_policy["portLevelSettings"]
            .as_array()
            .and_then(|list| list.iter().find(|setting| setting["port"]["number"] == u64::from(port)));
        let settings = port_level.unwrap_or(traffic_policy);
        for (field, place) in [
            ("connectionPool", &mut pool),
            ("outlierDetection", &mut policy.outlier_detection),
            ("loadBalancer", &mut policy.load_balancer),
        ] {
            if settings[field].is_object() {
                *place = settings[field].clone();
            }
        }
        if let Some(mode) = settings["tls"]["mode"].as_str() {
            policy.tls_mode = Some(mode.to_owned());
        }
    };
    apply(&rule["spec"]["trafficPolicy"]);
    if let Some(name) = subset
        && let Some(found) = rule["spec"]["subsets"].as_array().and_then(|list| list.iter().find(|s| s["name"] == name))
    {
        apply(&found["trafficPolicy"]);
        policy.subset_labels = Some(found["labels"].clone());
    }
    let limit =
        |value: &Value| value.as_u64().filter(|n| *n > 0).and_then(|n| u32::try_from(n).ok()).unwrap_or(UNLIMITED);
    policy.thresholds = Thresholds {
        max_connections: limit(&pool["tcp"]["maxConnections"]),
        max_pending_requests: limit(&pool["http"]["http1MaxPendingRequests"]),
        max_requests: limit(&pool["http"]["http2MaxRequests"]),
        max_retries: limit(&pool["http"]["maxRetries"]),
    };
    policy
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    fn rule(namespace: &str, name: &str, spec: Value) -> Object {
        Arc::new(
            json!({"metadata": {"namespace": namespace, "name": name, "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": spec}),
        )
    }

    fn found(rules: &[Object], client: &str) -> Option<String> {
        destination_rule(rules, "a.shop.svc.cluster.local", "shop", client)
            .map(|rule| rule["metadata"]["name"].as_str().unwrap_or_default().to_owned())
    }

    #[test]
    fn the_clients_namespace_is_asked_first_then_the_services_then_the_root() {
        let rules = [
            rule("istio-system", "root", json!({"host": "*.shop.svc.cluster.local"})),
            rule("shop", "service", json!({"host": "a"})),
            rule("web", "client", json!({"host": "a.shop.svc.cluster.local"})),
        ];
        assert_eq!(found(&rules, "web").as_deref(), Some("client"));
        assert_eq!(found(&rules, "other").as_deref(), Some("service"));
        assert_eq!(found(&rules[..1], "other").as_deref(), Some("root"));
        assert_eq!(found(&[], "other"), None);
    }

    #[test]
    fn export_to_hides_a_rule() {
        let rules = [rule("shop", "private", json!({"host": "a", "exportTo": ["."]}))];
        assert_eq!(found(&rules, "web"), None);
        assert_eq!(found(&rules, "shop").as_deref(), Some("private"));
    }

    #[test]
    fn the_most_specific_host_wins() {
        let rules = [
            rule("shop", "wide", json!({"host": "*.svc.cluster.local"})),
            rule("shop", "narrow", json!({"host": "*.shop.svc.cluster.local"})),
        ];
        assert_eq!(found(&rules, "shop").as_deref(), Some("narrow"));
    }

    #[test]
    fn subset_and_port_override_and_unset_is_unlimited() {
        let object = rule(
            "shop",
            "a",
            json!({
                "host": "a",
                "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 7}},
                    "portLevelSettings": [{"port": {"number": 9000}, "connectionPool": {"http": {"http1MaxPendingRequests": 3}}}]},
                "subsets": [{"name": "v2", "labels": {"version": "v2"}, "trafficPolicy": {"connectionPool": {"http": {"http2MaxRequests": 5}}}}],
            }),
        );
        let plain = policy(Some(&object), None, 8080).thresholds;
        assert_eq!((plain.max_connections, plain.max_pending_requests), (7, UNLIMITED));
        let port = policy(Some(&object), None, 9000).thresholds;
        assert_eq!((port.max_connections, port.max_pending_requests), (UNLIMITED, 3));
        let subset = policy(Some(&object), Some("v2"), 8080).thresholds;
        assert_eq!((subset.max_connections, subset.max_requests), (UNLIMITED, 5));
    }
}
