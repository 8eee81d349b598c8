//! NetworkPolicies that shut istiod off: which ports of a pod they leave open, and to whom.
//!
//! `networking.k8s.io/v1`: a pod that no policy with `Ingress` selects is open; otherwise what any of them admits is
//! admitted. Nothing here says whether the network plug-in obeys them: what proxies see does.

use serde_json::Value;

use super::selector::{self, Labels};
use crate::proxy::pod::{PodFacts, strings};

/// The port of proxies: configuration and certificates.
pub const XDS: u16 = 15012;
/// The port of the webhooks, behind port 443 of the Service.
pub const WEBHOOK: u16 = 15017;

/// The policies with `Ingress` that select a pod.
pub fn selecting<'a>(policies: &'a [Value], labels: &Labels) -> Vec<&'a Value> {
    policies
        .iter()
        .filter(|policy| {
            let types = policy.pointer("/spec/policyTypes").and_then(Value::as_array);
            let chosen = policy.pointer("/spec/podSelector");
            types.is_none_or(|types| types.iter().any(|kind| kind == "Ingress"))
                && chosen.is_some_and(|chosen| selector::fits(chosen, labels))
        })
        .collect()
}

fn rules(policy: &Value) -> impl Iterator<Item = &Value> {
    policy.pointer("/spec/ingress").and_then(Value::as_array).into_iter().flatten()
}

/// Whether these policies leave a port open to anybody at all.
pub fn opens(policies: &[&Value], port: u16) -> bool {
    policies.is_empty() || policies.iter().any(|policy| rules(policy).any(|rule| rule_opens(rule, port)))
}

/// Whether these policies of namespace `own` admit a pod to a port. `labels_of` gives the labels of a namespace; `None`
/// if they are not known, which counts as admitted: nothing may be blamed without evidence.
pub fn admit(
    policies: &[&Value],
    port: u16,
    own: &str,
    from: &PodFacts,
    labels_of: impl Fn(&str) -> Option<Labels>,
) -> bool {
    policies.is_empty()
        || policies.iter().any(|policy| {
            rules(policy).any(|rule| {
                let peers = rule.get("from").and_then(Value::as_array).filter(|peers| !peers.is_empty());
                rule_opens(rule, port)
                    && peers.is_none_or(|peers| {
                        peers.iter().any(|peer| {
                            // An address block may well hold the pod's address.
                            if peer.get("ipBlock").is_some() {
                                return true;
                            }
                            let here = match peer.get("namespaceSelector") {
                                None => from.namespace == own,
                                Some(chosen) => {
                                    labels_of(&from.namespace).is_none_or(|labels| selector::fits(chosen, &labels))
                                }
                            };
                            here && peer.get("podSelector").is_none_or(|chosen| selector::fits(chosen, &from.labels))
                        })
                    })
            })
        })
}

fn rule_opens(rule: &Value, port: u16) -> bool {
    let ports = rule.get("ports").and_then(Value::as_array).filter(|ports| !ports.is_empty());
    ports.is_none_or(|ports| {
        ports.iter().any(|one| {
            let number = |name: &str| one.get(name).and_then(Value::as_u64);
            let tcp = one.get("protocol").and_then(Value::as_str).is_none_or(|protocol| protocol == "TCP");
            // A port by name cannot be told without the container; it may be the one.
            let named = one.get("port").is_some_and(Value::is_string);
            let within = number("port")
                .is_none_or(|first| (first..=number("endPort").unwrap_or(first)).contains(&u64::from(port)));
            tcp && (named || within)
        })
    })
}

/// The policy with a further rule that opens the given ports to everybody, as its owner would write it.
pub fn opened(policy: &Value, ports: &[u16]) -> Value {
    let mut after = policy.clone();
    let list: Vec<Value> = ports.iter().map(|port| serde_json::json!({ "port": port, "protocol": "TCP" })).collect();
    let rule = serde_json::json!({ "ports": list });
    match after.pointer_mut("/spec/ingress").and_then(Value::as_array_mut) {
        Some(rules) => rules.push(rule),
        None => {
            if let Some(spec) = after.get_mut("spec").and_then(Value::as_object_mut) {
                spec.insert("ingress".into(), Value::Array(vec![rule]));
            }
        }
    }
    after
}

/// Whether a policy is about istiod alone: it names a label that makes it so.
pub fn is_about_istiod(policy: &Value) -> bool {
    let labels = strings(policy.pointer("/spec/podSelector/matchLabels"));
    labels.get("app").is_some_and(|app| app == "istiod") || labels.get("istio").is_some_and(|istio| istio == "pilot")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(selector: Value, ingress: Value) -> Value {
        json!({ "spec": { "podSelector": selector, "policyTypes": ["Ingress"], "ingress": ingress } })
    }

    fn istiod() -> Labels {
        Labels::from([("app".into(), "istiod".into())])
    }

    fn front() -> PodFacts {
        PodFacts {
            namespace: "summit".into(),
            labels: Labels::from([("app".into(), "front".into())]),
            ..PodFacts::default()
        }
    }

    fn namespaces(name: &str) -> Option<Labels> {
        Some(Labels::from([("kubernetes.io/metadata.name".into(), name.into())]))
    }

    #[test]
    fn a_default_deny_shuts_everything() {
        let all = [policy(json!({}), Value::Null)];
        let chosen = selecting(&all, &istiod());
        assert_eq!(chosen.len(), 1);
        assert!(!opens(&chosen, XDS) && !admit(&chosen, XDS, "istio-system", &front(), namespaces));
        assert!(!is_about_istiod(&all[0]));
    }

    #[test]
    fn what_any_of_them_admits_is_admitted() {
        let open = json!([{ "from": [{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "summit" } } }], "ports": [{ "port": 15010, "endPort": 15017 }] }]);
        let all = [policy(json!({}), Value::Null), policy(json!({ "matchLabels": { "app": "istiod" } }), open)];
        let chosen = selecting(&all, &istiod());
        assert!(admit(&chosen, XDS, "istio-system", &front(), namespaces));
        let other = PodFacts { namespace: "other".into(), ..front() };
        assert!(!admit(&chosen, XDS, "istio-system", &other, namespaces));
        assert!(admit(&chosen, XDS, "istio-system", &other, |_| None), "labels that nobody knows blame nobody");
    }

    #[test]
    fn a_rule_more_opens_the_ports() {
        let shut = policy(json!({ "matchLabels": { "app": "istiod" } }), json!([{ "ports": [{ "port": 15014 }] }]));
        assert!(is_about_istiod(&shut) && !opens(&[&shut], XDS));
        let after = opened(&shut, &[XDS, WEBHOOK]);
        assert!(opens(&[&after], XDS) && opens(&[&after], WEBHOOK) && opens(&[&after], 15014));
        assert!(opens(&[&opened(&policy(json!({}), Value::Null), &[XDS])], XDS));
    }

    #[test]
    fn egress_alone_and_other_pods_do_not_matter() {
        let egress = json!({ "spec": { "podSelector": {}, "policyTypes": ["Egress"] } });
        let other = policy(json!({ "matchLabels": { "app": "grafana" } }), Value::Null);
        assert!(selecting(&[egress, other], &istiod()).is_empty());
    }
}
