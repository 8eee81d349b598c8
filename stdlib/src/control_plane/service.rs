//! The Services of istiod: one for each revision, and what stands behind it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::istiod::Istiod;
use super::selector::Labels;
use crate::proxy::pod::{PodFacts, selects, strings};

/// A Service of istiod.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its revision.
    pub revision: String,
    /// Its selector.
    pub selector: Labels,
    /// Endpoints that are ready, of all its EndpointSlices.
    pub ready: usize,
    /// Whether its selector selects any istiod of its revision.
    pub selects: bool,
    /// The selector that its istiods' own labels prescribe, where that is plain.
    pub correct: Option<Labels>,
    /// As it was read.
    pub object: Value,
}

/// The Services of istiod among those of its namespace.
pub fn find(services: &[Value], slices: &[Value], istiods: &[Istiod], pods: &[PodFacts]) -> Vec<Service> {
    services.iter().filter_map(|object| one(object, slices, istiods, pods)).collect()
}

fn one(object: &Value, slices: &[Value], istiods: &[Istiod], pods: &[PodFacts]) -> Option<Service> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let name = text("/metadata/name")?;
    let labels = strings(object.pointer("/metadata/labels"));
    let has_port = |port: u64| {
        let ports = object.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten();
        ports.into_iter().any(|one| one["port"].as_u64() == Some(port))
    };
    let is_istiod =
        labels.get("app").is_some_and(|app| app == "istiod") || name == "istiod" || name.starts_with("istiod-");
    if !is_istiod || !has_port(15012) {
        return None;
    }
    let selector = strings(object.pointer("/spec/selector"));
    // A Service without a selector is fed by somebody else: an istiod outside of this cluster.
    if selector.is_empty() {
        return None;
    }
    let revision = labels.get("istio.io/rev").cloned().unwrap_or_else(|| "default".into());
    let own: Vec<&Istiod> = istiods.iter().filter(|istiod| istiod.revision == revision).collect();
    let selected = |istiod: &&&Istiod| selects(&selector, &istiod.labels);
    let selects = own.iter().any(|istiod| selected(&istiod));
    let correct = if selects { None } else { correct(&selector, &own, pods) };
    Some(Service {
        name: name.into(),
        revision,
        ready: ready(name, slices),
        selects,
        correct,
        selector,
        object: object.clone(),
    })
}

fn ready(service: &str, slices: &[Value]) -> usize {
    let own = slices.iter().filter(|slice| {
        slice.pointer("/metadata/labels").and_then(|labels| labels.get("kubernetes.io/service-name"))
            == Some(&Value::from(service))
    });
    let endpoints = own.flat_map(|slice| slice.get("endpoints").and_then(Value::as_array).into_iter().flatten());
    endpoints.filter(|endpoint| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false))).count()
}

/// The selector with the same keys as far as the istiods have them, and their common values. `None` unless all istiods
/// of the revision agree, at least one is ready, something is left to select by, and nothing else would be selected.
fn correct(selector: &Labels, istiods: &[&Istiod], pods: &[PodFacts]) -> Option<Labels> {
    let first = istiods.first()?;
    let mut correct = BTreeMap::new();
    for key in selector.keys() {
        let value = first.labels.get(key);
        if istiods.iter().any(|istiod| istiod.labels.get(key) != value) {
            return None;
        }
        if let Some(value) = value {
            correct.insert(key.clone(), value.clone());
        }
    }
    if correct.is_empty() {
        correct.insert("app".into(), first.labels.get("app")?.clone());
    }
    let others =
        pods.iter().any(|pod| pod.is_selected(&correct) && !istiods.iter().any(|istiod| istiod.pod == pod.name));
    (istiods.iter().any(|istiod| istiod.ready) && !others).then_some(correct)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn istiod(pod: &str, pairs: &[(&str, &str)]) -> Istiod {
        Istiod { pod: pod.into(), revision: "default".into(), labels: labels(pairs), ready: true, ..Istiod::default() }
    }

    fn service(selector: Value) -> Value {
        json!({ "metadata": { "name": "istiod", "labels": { "app": "istiod", "istio.io/rev": "default" } }, "spec": { "selector": selector, "ports": [{ "port": 15012 }] } })
    }

    const PILOT: &[(&str, &str)] = &[("app", "istiod"), ("istio", "pilot")];

    #[test]
    fn a_selector_that_selects_nothing_has_one_correction() {
        let found = find(
            &[service(json!({ "app": "istiod", "istio": "canary" }))],
            &[],
            &[istiod("a", PILOT), istiod("b", PILOT)],
            &[],
        );
        assert!(!found[0].selects);
        assert_eq!(found[0].correct, Some(labels(PILOT)));
    }

    #[test]
    fn where_it_is_not_plain_there_is_none() {
        let wrong = || service(json!({ "app": "istiod", "istio": "canary" }));
        let mixed = [istiod("a", PILOT), istiod("b", &[("app", "istiod"), ("istio", "other")])];
        assert_eq!(find(&[wrong()], &[], &mixed, &[])[0].correct, None, "istiods that differ");
        assert_eq!(find(&[wrong()], &[], &[], &[])[0].correct, None, "no istiod");
        let other = PodFacts { name: "c".into(), labels: labels(PILOT), ..PodFacts::default() };
        assert_eq!(
            find(&[wrong()], &[], &[istiod("a", PILOT)], &[other])[0].correct,
            None,
            "it would select another pod"
        );
        let unready = Istiod { ready: false, ..istiod("a", PILOT) };
        assert_eq!(find(&[wrong()], &[], &[unready], &[])[0].correct, None, "nothing is ready");
    }

    #[test]
    fn a_key_that_no_istiod_has_goes() {
        let found = find(&[service(json!({ "app": "istiod", "release": "x" }))], &[], &[istiod("a", PILOT)], &[]);
        assert_eq!(found[0].correct, Some(labels(&[("app", "istiod")])));
    }

    #[test]
    fn ready_endpoints_are_counted_and_other_services_left_out() {
        let slice = json!({ "metadata": { "labels": { "kubernetes.io/service-name": "istiod" } }, "endpoints": [{ "conditions": { "ready": true } }, { "conditions": { "ready": false } }, {}] });
        let other = json!({ "metadata": { "name": "prometheus" }, "spec": { "selector": { "app": "prometheus" }, "ports": [{ "port": 9090 }] } });
        let found = find(&[service(json!({ "app": "istiod" })), other], &[slice], &[istiod("a", PILOT)], &[]);
        assert_eq!((found.len(), found[0].ready, found[0].selects), (1, 2, true));
    }
}
