//! Which requests a pod's proxy denies: AuthorizationPolicies by workload and namespace.
//!
//! The order is that of Istio's `pilot/pkg/security/authz`: a DENY policy that matches denies; where ALLOW policies apply
//! and none of them matches, the request is denied; else it goes on. Of a rule `to.operation` (`paths`, `methods`, and
//! their negations) and `from.source` (`namespaces`) are read; one with anything else matches nothing here. It decides over
//! requests that somebody makes from a pod, not over a world's own load.

use serde_json::Value;

use crate::store::Object;
use crate::world::objects::ROOT_NAMESPACE;

/// A request, as the server's proxy sees it.
pub struct Asked<'a> {
    /// Its path, without the query.
    pub path: &'a str,
    /// Its method.
    pub method: &'a str,
    /// The namespace of the caller, where a certificate says it.
    pub namespace: Option<&'a str>,
}

/// Whether the policies deny a request to a pod.
pub fn denies(policies: &[Object], pod: &Value, asked: &Asked<'_>) -> bool {
    let applies = |policy: &&Object| {
        let place = policy["metadata"]["namespace"].as_str().unwrap_or_default();
        let labels = policy["spec"]["selector"]["matchLabels"].as_object();
        (place == ROOT_NAMESPACE || pod["metadata"]["namespace"] == place)
            && labels.is_none_or(|labels| labels.iter().all(|(key, value)| &pod["metadata"]["labels"][key] == value))
    };
    let of = |action: &str| -> Vec<&Object> {
        let own = |policy: &&Object| policy["spec"]["action"].as_str().unwrap_or("ALLOW") == action;
        policies.iter().filter(applies).filter(own).collect()
    };
    let (deny, allow) = (of("DENY"), of("ALLOW"));
    deny.iter().any(|policy| matches(policy, asked))
        || (!allow.is_empty() && !allow.iter().any(|policy| matches(policy, asked)))
}

/// Whether a rule of a policy is about the request. A policy without rules is about none.
fn matches(policy: &Value, asked: &Asked<'_>) -> bool {
    policy["spec"]["rules"].as_array().into_iter().flatten().any(|rule| {
        let list = |key: &str| rule[key].as_array().filter(|list| !list.is_empty());
        let known = rule.as_object().is_some_and(|rule| rule.keys().all(|key| key == "to" || key == "from"));
        known
            && list("to").is_none_or(|to| to.iter().any(|one| operation(&one["operation"], asked)))
            && list("from").is_none_or(|from| from.iter().any(|one| source(&one["source"], asked)))
    })
}

fn operation(operation: &Value, asked: &Asked<'_>) -> bool {
    operation.as_object().into_iter().flatten().all(|(key, values)| {
        let any =
            |text: &str| values.as_array().into_iter().flatten().filter_map(Value::as_str).any(|one| fits(one, text));
        match key.as_str() {
            "paths" => any(asked.path),
            "notPaths" => !any(asked.path),
            "methods" => any(asked.method),
            "notMethods" => !any(asked.method),
            _ => false,
        }
    })
}

fn source(source: &Value, asked: &Asked<'_>) -> bool {
    source.as_object().into_iter().flatten().all(|(key, values)| {
        let any =
            |text: &str| values.as_array().into_iter().flatten().filter_map(Value::as_str).any(|one| fits(one, text));
        match key.as_str() {
            "namespaces" => asked.namespace.is_some_and(any),
            "notNamespaces" => !asked.namespace.is_some_and(any),
            _ => false,
        }
    })
}

/// Exact, by prefix (`/a*`), by suffix (`*.b`), or present (`*`).
fn fits(pattern: &str, text: &str) -> bool {
    match (pattern.strip_suffix('*'), pattern.strip_prefix('*')) {
        _ if pattern == "*" => !text.is_empty(),
        (Some(prefix), _) => text.starts_with(prefix),
        (None, Some(suffix)) => text.ends_with(suffix),
        (None, None) => text == pattern,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn policy(action: &str, selector: Value, rules: Value) -> Object {
        let spec = json!({"action": action, "selector": {"matchLabels": selector}, "rules": rules});
        Arc::new(json!({"metadata": {"name": "p", "namespace": "summit"}, "spec": spec}))
    }

    #[test]
    fn denied_first_then_allowed_by_one() {
        let pod = json!({"metadata": {"namespace": "summit", "labels": {"app": "graph-core"}}});
        let asked = |path| Asked { path, method: "GET", namespace: Some("summit") };
        let denies = |policies: &[Object], path| super::denies(policies, &pod, &asked(path));
        let admin =
            || policy("DENY", json!({"app": "graph-core"}), json!([{"to": [{"operation": {"paths": ["/admin*"]}}]}]));
        assert!(denies(&[admin()], "/admin/x") && !denies(&[admin()], "/") && !denies(&[], "/admin"));
        let other = policy("DENY", json!({"app": "front"}), json!([{}]));
        assert!(!denies(&[other], "/"));
        let own = || policy("ALLOW", json!({}), json!([{"from": [{"source": {"namespaces": ["summit"]}}]}]));
        assert!(!denies(&[own()], "/") && denies(&[own(), admin()], "/admin"));
        let nobody = policy("ALLOW", json!({}), json!([]));
        assert!(denies(&[nobody], "/"));
        let elsewhere = policy("ALLOW", json!({}), json!([{"from": [{"source": {"namespaces": ["other"]}}]}]));
        assert!(denies(&[elsewhere], "/"));
    }
}
