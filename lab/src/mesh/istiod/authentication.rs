//! Which mutual TLS a pod's proxy demands: PeerAuthentication by port, workload, namespace and mesh.
//!
//! The rules are those of `ComposePeerAuthentication` in Istio's `pilot/pkg/security/authn/policy_applier.go`: of each
//! level the oldest counts; UNSET inherits; a selector in the root namespace selects nothing elsewhere.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::store::Object;
use crate::world::objects::ROOT_NAMESPACE;

/// What a proxy accepts on a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Plain text only.
    Disable,
    /// Both.
    #[default]
    Permissive,
    /// Mutual TLS only.
    Strict,
}

/// What a proxy accepts on each of its ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepts {
    mode: Mode,
    ports: BTreeMap<u16, Mode>,
}

impl Accepts {
    /// On a port of the application.
    pub fn on(&self, port: u16) -> Mode {
        self.ports.get(&port).copied().unwrap_or(self.mode)
    }
}

fn mode(mtls: &Value) -> Option<Mode> {
    match mtls["mode"].as_str()? {
        "STRICT" => Some(Mode::Strict),
        "PERMISSIVE" => Some(Mode::Permissive),
        "DISABLE" => Some(Mode::Disable),
        _ => None,
    }
}

/// What the policies come to for a pod.
pub fn accepts(policies: &[Object], pod: &Value) -> Accepts {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    let selector = |policy: &Value| policy["spec"]["selector"]["matchLabels"].as_object().cloned().unwrap_or_default();
    let oldest = |wanted: &dyn Fn(&Value) -> bool| {
        policies.iter().filter(|policy| wanted(policy)).min_by_key(|policy| {
            let field = |name: &str| policy["metadata"][name].as_str().unwrap_or_default().to_owned();
            (field("creationTimestamp"), field("name"))
        })
    };
    let lies_in = |policy: &Value, place: &str| policy["metadata"]["namespace"] == place;
    let of_mesh = oldest(&|policy| lies_in(policy, ROOT_NAMESPACE) && selector(policy).is_empty());
    let of_namespace =
        oldest(&|policy| namespace != ROOT_NAMESPACE && lies_in(policy, namespace) && selector(policy).is_empty());
    let of_workload = oldest(&|policy| {
        let labels = selector(policy);
        namespace != ROOT_NAMESPACE
            && lies_in(policy, namespace)
            && !labels.is_empty()
            && labels.iter().all(|(key, value)| &pod["metadata"]["labels"][key] == value)
    });
    let levels = [of_workload, of_namespace, of_mesh];
    let general = levels.iter().flatten().find_map(|policy| mode(&policy["spec"]["mtls"])).unwrap_or_default();
    let ports = of_workload.and_then(|policy| policy["spec"]["portLevelMtls"].as_object()).into_iter().flatten();
    let ports = ports.filter_map(|(port, mtls)| Some((port.parse().ok()?, mode(mtls).unwrap_or(general)))).collect();
    Accepts { mode: general, ports }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn policy(namespace: &str, name: &str, spec: Value) -> Object {
        Arc::new(
            json!({"metadata": {"namespace": namespace, "name": name, "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": spec}),
        )
    }

    #[test]
    fn the_narrowest_level_that_says_something_counts() {
        let pod = json!({"metadata": {"namespace": "summit", "labels": {"app": "graph-core"}}});
        let mesh = policy("istio-system", "default", json!({"mtls": {"mode": "STRICT"}}));
        let namespace = policy("summit", "default", json!({"mtls": {"mode": "PERMISSIVE"}}));
        let workload = policy(
            "summit",
            "graph-core",
            json!({
                "selector": {"matchLabels": {"app": "graph-core"}}, "mtls": {"mode": "UNSET"},
                "portLevelMtls": {"9090": {"mode": "DISABLE"}, "9091": {}},
            }),
        );
        assert_eq!(accepts(&[], &pod).on(8080), Mode::Permissive);
        assert_eq!(accepts(std::slice::from_ref(&mesh), &pod).on(8080), Mode::Strict);
        assert_eq!(accepts(&[mesh.clone(), namespace.clone()], &pod).on(8080), Mode::Permissive);
        let all = accepts(&[mesh.clone(), workload], &pod);
        assert_eq!((all.on(8080), all.on(9090), all.on(9091)), (Mode::Strict, Mode::Disable, Mode::Strict));
        let elsewhere = policy("shop", "default", json!({"mtls": {"mode": "DISABLE"}}));
        let selective = policy(
            "istio-system",
            "other",
            json!({"selector": {"matchLabels": {"app": "graph-core"}}, "mtls": {"mode": "DISABLE"}}),
        );
        assert_eq!(accepts(&[mesh, elsewhere, selective], &pod).on(8080), Mode::Strict);
    }

    #[test]
    fn the_oldest_of_a_level_counts() {
        let pod = json!({"metadata": {"namespace": "summit"}});
        let mut older = policy("summit", "z", json!({"mtls": {"mode": "DISABLE"}}));
        Arc::make_mut(&mut older)["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
        let younger = policy("summit", "a", json!({"mtls": {"mode": "STRICT"}}));
        assert_eq!(accepts(&[younger, older], &pod).on(80), Mode::Disable);
    }
}
