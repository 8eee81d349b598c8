//! Route configurations of a sidecar's outbound side, and the routes of any virtual host, as Envoy prints them.

use serde_json::{Map, Value, json};

use crate::mesh::Proxy;
use crate::mesh::istiod::routes::{Route, VirtualHost};

/// The route configurations of a sidecar by their names, which are ports, with their virtual hosts.
pub fn outbound(proxy: &Proxy, namespace: &str, registry_only: bool) -> Vec<(String, Vec<Value>)> {
    let mut ports: Vec<u16> = proxy.config.hosts.iter().map(|host| host.port).collect();
    ports.sort_unstable();
    ports.dedup();
    let of_port = |port: u16| {
        let own = proxy.config.hosts.iter().filter(|host| host.port == port);
        let mut hosts: Vec<Value> = own.map(|host| virtual_host(host, namespace)).collect();
        hosts.push(everything_else(registry_only));
        (port.to_string(), hosts)
    };
    ports.into_iter().map(of_port).collect()
}

/// What becomes of requests to hosts that the proxy does not know (`buildCatchAllVirtualHost` in Istio's
/// `pilot/pkg/networking/core/httproute.go`).
fn everything_else(registry_only: bool) -> Value {
    let (name, action, field) = if registry_only {
        ("block_all", json!({"status": 502}), "direct_response")
    } else {
        ("allow_any", json!({"cluster": "PassthroughCluster", "timeout": "0s", "max_grpc_timeout": "0s"}), "route")
    };
    json!({
        "name": name, "domains": ["*"], "include_request_attempt_count": true,
        "routes": [{"match": {"prefix": "/"}, field: action, "name": name}],
    })
}

fn virtual_host(host: &VirtualHost, client_namespace: &str) -> Value {
    let full = &host.host;
    let short = full.split('.').next().unwrap_or(full);
    let mut domains = vec![full.clone(), format!("{full}.")];
    if host.namespace == client_namespace {
        domains.push(short.to_owned());
    }
    domains.extend([
        format!("{short}.{}.svc", host.namespace),
        format!("{short}.{}", host.namespace),
        host.cluster_ip.clone(),
    ]);
    let operation = format!("{full}:{}/*", host.port);
    let routes: Vec<Value> = host.routes.iter().map(|one| route(one, &operation)).collect();
    json!({"name": format!("{full}:{}", host.port), "domains": domains, "routes": routes, "include_request_attempt_count": true})
}

/// One route; `operation` is what traces call it.
pub fn route(route: &Route, operation: &str) -> Value {
    let seconds = |duration: Option<std::time::Duration>| duration.map_or_else(|| "0s".to_owned(), protobuf_duration);
    let mut action = Map::new();
    if let [(cluster, _)] = route.destinations.as_slice() {
        action.insert("cluster".into(), json!(cluster));
    } else {
        let weighted: Vec<Value> =
            route.destinations.iter().map(|(name, weight)| json!({"name": name, "weight": weight})).collect();
        action.insert("weighted_clusters".into(), json!({"clusters": weighted}));
    }
    action.insert("timeout".into(), json!(seconds(route.timeout)));
    if route.retries > 0 {
        let mut policy = json!({"retry_on": route.retry_on, "num_retries": route.retries});
        if route.per_try_timeout.is_some() {
            policy["per_try_timeout"] = json!(seconds(route.per_try_timeout));
        }
        policy["retry_host_predicate"] = json!([{
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"},
        }]);
        policy["host_selection_retry_max_attempts"] = json!("5");
        action.insert("retry_policy".into(), policy);
    }
    if route.gateway_semantics {
        action.insert("cluster_not_found_response_code".into(), json!("INTERNAL_SERVER_ERROR"));
    }
    action.insert("max_grpc_timeout".into(), json!(seconds(route.timeout)));
    let mut matches = Map::new();
    let uri = &route.matches["uri"];
    match (uri["exact"].as_str(), uri["regex"].as_str()) {
        (Some(exact), _) => matches.insert("path".into(), json!(exact)),
        (_, Some(regex)) => matches.insert("safe_regex".into(), json!({"regex": regex})),
        _ => matches.insert("prefix".into(), json!(uri["prefix"].as_str().unwrap_or("/"))),
    };
    if !route.matches.is_null() {
        matches.insert("case_sensitive".into(), json!(true));
    }
    if let Some(headers) = route.matches["headers"].as_object() {
        let list: Vec<Value> = headers
            .iter()
            .map(|(name, how)| match (how["exact"].as_str(), how["prefix"].as_str(), how["regex"].as_str()) {
                (Some(exact), _, _) => json!({"name": name, "string_match": {"exact": exact}}),
                (_, Some(prefix), _) => json!({"name": name, "string_match": {"prefix": prefix}}),
                (_, _, Some(regex)) => json!({"name": name, "string_match": {"safe_regex": {"regex": regex}}}),
                _ => json!({"name": name, "present_match": true}),
            })
            .collect();
        matches.insert("headers".into(), json!(list));
    }
    let mut body = Map::new();
    body.insert("match".into(), Value::Object(matches));
    body.insert("route".into(), Value::Object(action));
    if let Some((namespace, name)) = &route.virtual_service {
        body.insert("metadata".into(), json!({"filter_metadata": {"istio": {"config": format!("/apis/networking.istio.io/v1/namespaces/{namespace}/virtual-service/{name}")}}}));
    }
    body.insert("decorator".into(), json!({"operation": operation}));
    if !route.name.is_empty() {
        body.insert("name".into(), json!(route.name));
    }
    Value::Object(body)
}

/// A duration as protobuf's JSON has it: `10s`, `0.250s`.
fn protobuf_duration(duration: std::time::Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{:.3}s", duration.as_secs_f64())
    }
}
