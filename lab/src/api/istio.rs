//! Rules of istiod's validating webhook (`pkg/config/validation` of istio.io/istio) that go beyond the schemas:
//! those for VirtualServices and DestinationRules, which are what people change during an incident.

use std::collections::HashSet;

use serde_json::Value;

use super::admission::is_label;
use crate::crd::ResourceType;

/// What the webhook finds wrong, in its words. Empty if nothing.
pub(crate) fn errors(kind: &ResourceType, object: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    match kind.kind.as_str() {
        "DestinationRule" => destination_rule(&object["spec"], namespace, &mut errors),
        "VirtualService" => virtual_service(&object["spec"], namespace, &mut errors),
        _ => {}
    }
    errors
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

fn given(value: &Value, name: &str) -> bool {
    !value[name].is_null()
}

fn destination_rule(spec: &Value, namespace: &str, errors: &mut Vec<String>) {
    errors.extend(host(text(spec, "host")));
    traffic_policy(&spec["trafficPolicy"], errors);
    let mut names = HashSet::new();
    for subset in list(spec, "subsets") {
        let name = text(subset, "name");
        if !names.insert(name) {
            errors.push(format!("duplicate subset names: {name}"));
        }
        errors.extend(subset_name(name));
        traffic_policy(&subset["trafficPolicy"], errors);
    }
    export_to(list(spec, "exportTo"), namespace, errors);
}

fn subset_name(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("subset name cannot be empty".to_owned());
    }
    (!is_label(name)).then(|| format!("subset name is invalid: {name}"))
}

/// A host: DNS labels, the first of which may begin with `*`.
fn host(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("empty domain name not allowed".to_owned());
    }
    if name.len() > 255 {
        return Some(format!("domain name {name:?} too long (max 255)"));
    }
    let wild = |label: &str| label == "*" || label.strip_prefix("*-").is_some_and(is_label);
    let labels = name.strip_suffix('.').unwrap_or(name).split('.').enumerate();
    labels
        .filter(|(index, label)| !(is_label(&label.to_lowercase()) || *index == 0 && wild(label)))
        .map(|(_, label)| format!("domain name {name:?} invalid (label {label:?} invalid)"))
        .next()
}

fn traffic_policy(policy: &Value, errors: &mut Vec<String>) {
    if policy.is_null() {
        return;
    }
    let parts = [
        "outlierDetection",
        "connectionPool",
        "loadBalancer",
        "tls",
        "portLevelSettings",
        "tunnel",
        "proxyProtocol",
        "retryBudget",
    ];
    if !parts.iter().any(|part| given(policy, part)) {
        errors.push("traffic policy must have at least one field".to_owned());
        return;
    }
    let outlier = &policy["outlierDetection"];
    if given(outlier, "consecutiveLocalOriginFailures")
        && outlier["consecutiveLocalOriginFailures"].as_u64() > Some(0)
        && outlier["splitExternalLocalOriginErrors"] != true
    {
        errors.push("outlier detection consecutive local origin failures is specified, but split external local origin errors is set to false".to_owned());
    }
    for name in ["maxEjectionPercent", "minHealthPercent"] {
        if let Some(percent) = outlier[name].as_i64().filter(|p| !(0..=100).contains(p)) {
            errors.push(format!("percentage {percent} is not in range 0..100"));
        }
    }
    connection_pool(&policy["connectionPool"], errors);
    for port in list(policy, "portLevelSettings") {
        if !given(port, "port") {
            errors.push("portLevelSettings must include port number".to_owned());
        }
        connection_pool(&port["connectionPool"], errors);
    }
}

fn connection_pool(pool: &Value, errors: &mut Vec<String>) {
    if pool.is_null() {
        return;
    }
    if !given(pool, "http") && !given(pool, "tcp") {
        errors.push("connection pool must have at least one field".to_owned());
        return;
    }
    let mut limit = |part: &str, name: &str, words: &str| {
        if pool[part][name].as_i64().is_some_and(|n| n < 0) {
            errors.push(format!("{words} must be non-negative"));
        }
    };
    limit("http", "http1MaxPendingRequests", "http1 max pending requests");
    limit("http", "http2MaxRequests", "http2 max requests");
    limit("http", "maxRequestsPerConnection", "max requests per connection");
    limit("http", "maxRetries", "max retries");
    limit("http", "maxConcurrentStreams", "max concurrent streams");
    limit("tcp", "maxConnections", "max connections");
    if pool["http"]["h2UpgradePolicy"] == "UPGRADE" && pool["http"]["useClientProtocol"] == true {
        errors.push("use client protocol must not be true when H2UpgradePolicy is UPGRADE".to_owned());
    }
}

fn virtual_service(spec: &Value, namespace: &str, errors: &mut Vec<String>) {
    let hosts = list(spec, "hosts");
    let is_delegate = hosts.is_empty();
    if is_delegate {
        for (part, words) in [("gateways", "gateways"), ("tls", "tls route"), ("tcp", "tcp route")] {
            if !list(spec, part).is_empty() {
                errors.push(format!("delegate virtual service must have no {words} specified"));
            }
        }
    }
    let gateways = list(spec, "gateways");
    let in_mesh = gateways.is_empty() || gateways.iter().any(|g| g == "mesh");
    let names: Vec<&str> = hosts.iter().filter_map(Value::as_str).collect();
    for name in &names {
        if name.parse::<std::net::IpAddr>().is_ok() {
            continue;
        }
        if let Some(problem) = host(name) {
            errors.push(problem);
        } else if in_mesh && *name == "*" {
            errors.push("wildcard host * is not allowed for virtual services bound to the mesh gateway".to_owned());
        }
    }
    for (index, one) in names.iter().enumerate() {
        for other in names.iter().skip(index + 1).filter(|other| covers(one, other) || covers(other, one)) {
            errors.push(format!("duplicate hosts in virtual service: {one} & {other}"));
        }
    }
    if ["http", "tcp", "tls"].iter().all(|part| list(spec, part).is_empty()) {
        errors.push("http, tcp or tls must be provided in virtual service".to_owned());
    }
    list(spec, "http").iter().for_each(|route| http_route(route, is_delegate, errors));
    export_to(list(spec, "exportTo"), namespace, errors);
}

fn covers(pattern: &str, name: &str) -> bool {
    pattern == name || pattern.strip_prefix('*').is_some_and(|suffix| name.trim_start_matches('*').ends_with(suffix))
}

fn http_route(route: &Value, is_delegate: bool, errors: &mut Vec<String>) {
    let routed = !list(route, "route").is_empty();
    let mut both = |one: bool, text: &str| {
        if one {
            errors.push(text.to_owned());
        }
    };
    if given(route, "delegate") && !is_delegate {
        let name = text(route, "name");
        both(given(route, "redirect"), &format!("root HTTP route {name} must not specify redirect"));
        both(given(route, "route"), &format!("root HTTP route {name} must not specify route"));
    } else if given(route, "redirect") {
        both(routed, "HTTP route cannot contain both route and redirect");
        both(given(route, "fault"), "HTTP route cannot contain both fault and redirect");
        both(given(route, "rewrite"), "HTTP route rule cannot contain both rewrite and redirect");
        both(given(route, "directResponse"), "HTTP route rule cannot contain both direct_response and redirect");
    } else if given(route, "directResponse") {
        both(routed, "HTTP route cannot contain both route and direct_response");
        both(given(route, "fault"), "HTTP route cannot contain both fault and direct_response");
        both(given(route, "rewrite"), "HTTP route rule cannot contain both rewrite and direct_response");
    } else {
        both(!routed, "HTTP route, redirect or direct_response is required");
    }
    both(
        given(route, "mirror") && !list(route, "mirrors").is_empty(),
        "HTTP route cannot contain both mirror and mirrors",
    );
    retries(&route["retries"], errors);
    destinations(list(route, "route"), errors);
}

fn retries(retries: &Value, errors: &mut Vec<String>) {
    let attempts = retries["attempts"].as_i64().unwrap_or(0);
    if attempts < 0 {
        errors.push("attempts cannot be negative".to_owned());
    }
    let configured = ["perTryTimeout", "retryOn", "retryRemoteLocalities"].iter().any(|name| given(retries, name));
    if attempts == 0 && configured {
        errors.push("http retry policy configured when attempts are set to 0 (disabled)".to_owned());
    }
    const POLICIES: [&str; 16] = [
        "5xx",
        "gateway-error",
        "reset",
        "reset-before-request",
        "connect-failure",
        "envoy-ratelimited",
        "retriable-4xx",
        "refused-stream",
        "retriable-status-codes",
        "retriable-headers",
        "http3-post-connect-failure",
        "cancelled",
        "deadline-exceeded",
        "internal",
        "resource-exhausted",
        "unavailable",
    ];
    for policy in text(retries, "retryOn").split(',').filter(|p| !p.is_empty()) {
        let code = policy.parse::<u16>().is_ok_and(|n| (100..600).contains(&n));
        if !code && !POLICIES.contains(&policy) {
            errors.push(format!("{policy:?} is not a valid retryOn policy"));
        }
    }
}

fn destinations(routes: &[Value], errors: &mut Vec<String>) {
    let mut total = 0;
    for route in routes {
        let destination = &route["destination"];
        if destination.is_null() {
            errors.push("destination is required".to_owned());
            continue;
        }
        match text(destination, "host") {
            "*" => errors.push("invalid destination host *".to_owned()),
            name => errors.extend(host(name)),
        }
        if given(destination, "subset") && destination["subset"] != "" {
            errors.extend(subset_name(text(destination, "subset")));
        }
        let weight = route["weight"].as_i64().unwrap_or(0);
        if weight < 0 {
            errors.push(format!("weight {weight} < 0"));
        }
        total += weight;
    }
    if routes.len() > 1 && total == 0 {
        errors.push("total destination weight = 0".to_owned());
    }
}

fn export_to(entries: &[Value], namespace: &str, errors: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for entry in entries.iter().filter_map(Value::as_str) {
        let key = if entry == "." { namespace } else { entry };
        if !seen.insert(key) {
            errors.push(if key == entry {
                format!("duplicate entries in exportTo for entry {entry}")
            } else {
                format!("duplicate entries in exportTo: . and current namespace {namespace}")
            });
        }
    }
    if seen.contains("*") && seen.len() > 1 {
        errors.push("* (public) cannot be combined with any other exportTo value".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(kind: &str, spec: Value) -> Vec<String> {
        let plural = if kind == "VirtualService" { "virtualservices" } else { "destinationrules" };
        let kind =
            crate::crd::Catalog::get().by_plural("networking.istio.io", plural).expect("Istio's kinds are served");
        errors(kind, &json!({"metadata": {"namespace": "summit"}, "spec": spec}))
    }

    #[test]
    fn the_manuals_route_without_a_destination_is_refused() {
        let spec = json!({"hosts": ["graph-core"], "http": [{"retries": {"attempts": 2, "perTryTimeout": "1s"}}]});
        assert_eq!(of("VirtualService", spec), ["HTTP route, redirect or direct_response is required"]);
    }

    #[test]
    fn subsets_have_names_of_their_own() {
        let spec = json!({"host": "graph-core", "subsets": [{"name": "v1"}, {"name": "v1"}, {"labels": {}}]});
        assert_eq!(of("DestinationRule", spec), ["duplicate subset names: v1", "subset name cannot be empty"]);
    }

    #[test]
    fn a_rule_needs_a_host_and_policies_need_content() {
        assert_eq!(of("DestinationRule", json!({"host": ""})), ["empty domain name not allowed"]);
        assert_eq!(
            of("DestinationRule", json!({"host": "a_b", "trafficPolicy": {}})),
            ["domain name \"a_b\" invalid (label \"a_b\" invalid)", "traffic policy must have at least one field"]
        );
        assert!(of("DestinationRule", json!({"host": "*.summit.svc.cluster.local"})).is_empty());
    }

    #[test]
    fn weights_and_retries_are_checked() {
        let to = |weight: i64| json!({"destination": {"host": "graph-core"}, "weight": weight});
        let route = json!({"route": [to(0), to(0)], "retries": {"attempts": 1, "retryOn": "5xx,nonsense"}});
        assert_eq!(
            of("VirtualService", json!({"hosts": ["a"], "http": [route]})),
            ["\"nonsense\" is not a valid retryOn policy", "total destination weight = 0"]
        );
    }
}
