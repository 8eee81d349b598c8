//! IST0110, IST0111, IST0127: selectors of Sidecars and policies.

use std::collections::BTreeMap;

use serde_json::Value;

use super::objects::{Objects, name, namespace};
use super::{Message, NO_WORKLOAD, SIDECARS_CONFLICT, SIDECARS_WITHOUT_SELECTOR};
use crate::proxy::pod::{PodFacts, strings};

/// Kinds with a selector, and where it stands.
const SELECTING: [(&str, &str); 5] = [
    ("AuthorizationPolicy", "/spec/selector/matchLabels"),
    ("PeerAuthentication", "/spec/selector/matchLabels"),
    ("RequestAuthentication", "/spec/selector/matchLabels"),
    ("Telemetry", "/spec/selector/matchLabels"),
    ("Sidecar", "/spec/workloadSelector/labels"),
];

/// Checks Sidecars and policies.
pub fn check(objects: &Objects) -> Vec<Message> {
    let mut found = Vec::new();
    for (kind, place) in SELECTING {
        for object in objects.of_kind(kind) {
            let selector = strings(object.pointer(place));
            if !selector.is_empty() && selected(objects, object, &selector).next().is_none() {
                let written: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
                let text =
                    format!("No matching workloads for this resource with the following labels: {}", written.join(","));
                found.push(Message::about(object, &NO_WORKLOAD, text));
            }
        }
    }
    sidecars(objects, &mut found);
    found
}

/// The pods that an object selects: those of its namespace, or of all where it stands in the root namespace.
fn selected<'a>(
    objects: &'a Objects,
    object: &'a Value,
    selector: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a PodFacts> {
    let (place, everywhere) = (namespace(object), namespace(object) == objects.root());
    objects.pods().iter().filter(move |pod| (everywhere || pod.namespace == place) && pod.is_selected(selector))
}

fn sidecars(objects: &Objects, found: &mut Vec<Message>) {
    let all = objects.of_kind("Sidecar");
    let selector = |one: &Value| strings(one.pointer("/spec/workloadSelector/labels"));
    let names = |of: &[&Value]| of.iter().map(|one| name(one).to_owned()).collect::<Vec<_>>().join(" ");
    for sidecar in all {
        let here = all.iter().filter(|other| namespace(other) == namespace(sidecar));
        let own = selector(sidecar);
        if own.is_empty() {
            let same: Vec<&Value> = here.filter(|other| selector(other).is_empty()).collect();
            if same.len() > 1 {
                let text = format!(
                    "The Sidecars [{}] in namespace \"{}\" have no workload selector, which can lead to undefined behavior.",
                    names(&same),
                    namespace(sidecar)
                );
                found.push(Message::about(sidecar, &SIDECARS_WITHOUT_SELECTOR, text));
            }
            continue;
        }
        let others: Vec<&Value> = here.collect();
        for pod in objects.pods().iter().filter(|pod| pod.namespace == namespace(sidecar) && pod.is_selected(&own)) {
            let same: Vec<&Value> = others.iter().copied().filter(|other| pod.is_selected(&selector(other))).collect();
            if same.len() > 1 {
                let text = format!(
                    "The Sidecars [{}] in namespace \"{}\" select the same workload pod \"{}\", which can lead to undefined behavior.",
                    names(&same),
                    namespace(sidecar),
                    pod.name
                );
                found.push(Message::about(sidecar, &SIDECARS_CONFLICT, text));
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::codes;

    const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: a, labels: {app: b, tier: x}}}";

    fn with(objects: &[&str]) -> Vec<String> {
        codes(check, &[&[POD], objects].concat().join("\n---\n"))
    }

    fn sidecar(name: &str, spec: &str) -> String {
        format!(
            "{{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {{name: {name}, namespace: a}}, spec: {{{spec}}}}}"
        )
    }

    #[test]
    fn a_selector_has_to_match() {
        let policy = |kind: &str, place: &str, app: &str| {
            format!(
                "{{apiVersion: security.istio.io/v1, kind: {kind}, metadata: {{name: q, namespace: {place}}}, spec: {{selector: {{matchLabels: {{app: {app}}}}}}}}}"
            )
        };
        for kind in ["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "Telemetry"] {
            assert!(with(&[&policy(kind, "a", "b")]).is_empty(), "{kind}");
            assert!(with(&[&policy(kind, "istio-system", "b")]).is_empty(), "{kind}");
            assert_eq!(with(&[&policy(kind, "a", "c")]), [format!("IST0127 {kind} a/q")]);
            assert_eq!(with(&[&policy(kind, "z", "b")]), [format!("IST0127 {kind} z/q")]);
        }
        assert_eq!(with(&[&sidecar("s", "workloadSelector: {labels: {app: c}}")]), ["IST0127 Sidecar a/s"]);
    }

    #[test]
    fn one_sidecar_for_each_pod_and_one_for_the_rest() {
        let (one, two) = (
            sidecar("s", "workloadSelector: {labels: {app: b}}"),
            sidecar("t", "workloadSelector: {labels: {tier: x}}"),
        );
        assert_eq!(with(&[&one, &two]), ["IST0110 Sidecar a/s", "IST0110 Sidecar a/t"]);
        assert!(with(&[&one, &sidecar("u", "")]).is_empty());
        assert_eq!(with(&[&sidecar("u", ""), &sidecar("v", "")]), ["IST0111 Sidecar a/u", "IST0111 Sidecar a/v"]);
    }
}
