//! By which labels a namespace chooses its injector.
//!
//! The webhooks say it themselves: those of a revision and of a tag want `istio.io/rev` and no `istio-injection`; those
//! of the default want `istio-injection=enabled`. A pod's own `istio.io/rev` counts only in a namespace that has neither
//! (`manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml`, `revision-tags-mwc.yaml`).

use meshbook_runtime::effect::ObjectRef;
use serde_json::{Value, json};

use super::{Revision, label, of_service};
use crate::control_plane::selector::{self, Labels};
use crate::kubernetes::kinds;

/// The label that names a revision or a tag.
pub const REVISION: &str = "istio.io/rev";
/// The label that names the default.
pub const INJECTION: &str = "istio-injection";
/// The annotation in which a namespace keeps the label that it had before it moved: `istio-injection=enabled`.
pub const BEFORE: &str = "meshbook/injection-before";

/// The revision that would inject a pod with these labels in a namespace with those.
pub fn injector<'a>(mutating: &'a [Value], namespace: &Labels, pod: &Labels) -> Option<&'a str> {
    let webhooks = mutating.iter().filter_map(|one| one.get("webhooks")?.as_array()).flatten();
    let injects = |webhook: &&Value| {
        let name = webhook.get("name").and_then(Value::as_str).unwrap_or_default();
        let fits = |key: &str, labels: &Labels| webhook.get(key).is_none_or(|one| selector::fits(one, labels));
        name.ends_with("sidecar-injector.istio.io")
            && fits("namespaceSelector", namespace)
            && fits("objectSelector", pod)
    };
    let service = webhooks.into_iter().find(injects)?.pointer("/clientConfig/service/name")?.as_str()?;
    of_service(service)
}

/// Whether the labels of a namespace ask for a revision: by its name, by that of the tag by which it was asked for, or as the
/// default.
pub fn asks_for(mutating: &[Value], namespace: &Labels, revision: &Revision) -> bool {
    let Ok(name) = revision.name() else { return false };
    match (namespace.get(REVISION).map(String::as_str), namespace.get(INJECTION).map(String::as_str)) {
        (Some(asked), None) => asked == name || asked == revision.label(),
        (None, Some("enabled")) => {
            let tag = mutating.iter().find(|one| label(one, "istio.io/tag") == Some("default"));
            tag.map_or(name == "default", |tag| label(tag, REVISION) == Some(name))
        }
        _ => false,
    }
}

/// A namespace.
pub fn object(name: &str) -> ObjectRef {
    ObjectRef::new(kinds::namespace(), "", name)
}

/// The labels of an object that choose its injector.
pub fn choosing(object: &Value) -> Labels {
    chosen(&crate::proxy::pod::strings(object.pointer("/metadata/labels")))
}

/// Those of some labels that choose an injector.
pub fn chosen(labels: &Labels) -> Labels {
    let own = labels.iter().filter(|(key, _)| *key == REVISION || *key == INJECTION);
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// `istio-injection=enabled`.
pub fn text(labels: &Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fn parse(text: &str) -> Labels {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| [REVISION, INJECTION].contains(key)).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

/// The labels by which a namespace's new pods get their sidecar from a revision: those that it had before, where they
/// lead there; else the revision's own. `None` if no webhook does it.
pub fn leading_to(mutating: &[Value], namespace: &Value, revision: &str, asked: &str) -> Option<Labels> {
    let one = |key: &str, value: &str| Labels::from([(key.to_owned(), value.to_owned())]);
    let annotations = namespace.pointer("/metadata/annotations");
    let before = annotations.and_then(|all| all.get(BEFORE)).and_then(Value::as_str).map(parse);
    let candidates = [
        before,
        (asked == "default").then(|| one(INJECTION, "enabled")),
        Some(one(REVISION, asked)),
        Some(one(REVISION, revision)),
    ];
    candidates.into_iter().flatten().find(|labels| {
        // Both would contradict each other, and neither would inject nothing.
        labels.len() == 1 && injector(mutating, labels, &Labels::new()) == Some(revision)
    })
}

/// A namespace with these labels, and no other that chooses; it keeps in mind what it had.
pub fn with(namespace: &Value, labels: &Labels) -> Value {
    let mut after = namespace.clone();
    let before = choosing(namespace);
    if before == *labels {
        return after;
    }
    if !after["metadata"]["labels"].is_object() {
        after["metadata"]["labels"] = json!({});
    }
    if let Some(own) = after["metadata"]["labels"].as_object_mut() {
        own.retain(|key, _| key != REVISION && key != INJECTION);
        own.extend(labels.iter().map(|(key, value)| (key.clone(), json!(value))));
    }
    // Only what could be gone back to is worth keeping: not two labels at once, and not what the present one came from.
    let kept = after["metadata"].get("annotations").and_then(|all| all.get(BEFORE)).and_then(Value::as_str);
    if kept == Some(text(labels).as_str()) {
        if let Some(all) = after["metadata"]["annotations"].as_object_mut() {
            all.shift_remove(BEFORE);
        }
    } else if before.len() == 1 {
        if !after["metadata"]["annotations"].is_object() {
            after["metadata"]["annotations"] = json!({});
        }
        after["metadata"]["annotations"][BEFORE] = json!(text(&before));
    }
    after
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn webhook(service: &str, namespace: Value, object: Value) -> Value {
        json!({ "name": "rev.namespace.sidecar-injector.istio.io", "clientConfig": { "service": { "name": service } },
            "namespaceSelector": { "matchExpressions": namespace }, "objectSelector": { "matchExpressions": object } })
    }

    fn mutating() -> Vec<Value> {
        let is = |key: &str, value: &str| json!({ "key": key, "operator": "In", "values": [value] });
        let absent = |key: &str| json!({ "key": key, "operator": "DoesNotExist" });
        let rev = |service: &str, name: &str| {
            json!({ "webhooks": [
                webhook(service, json!([is(REVISION, name), absent(INJECTION)]), json!([])),
                webhook(service, json!([absent(REVISION), absent(INJECTION)]), json!([is(REVISION, name)])),
            ] })
        };
        let default = json!({ "webhooks": [webhook("istiod", json!([is(INJECTION, "enabled")]), json!([]))] });
        vec![rev("istiod", "default"), default, rev("istiod-1-31", "1-31"), rev("istiod-1-31", "prod")]
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_namespace_outranks_the_pod_and_the_old_label_outranks_the_new() {
        let own = labels(&[(REVISION, "default")]);
        let of = |namespace: &[(&str, &str)], pod: &Labels| {
            injector(&mutating(), &labels(namespace), pod).map(str::to_owned)
        };
        assert_eq!(
            of(&[(REVISION, "1-31")], &own).as_deref(),
            Some("1-31"),
            "a pod's own label does not bring it back"
        );
        assert_eq!(of(&[], &own).as_deref(), Some("default"));
        assert_eq!(of(&[(INJECTION, "enabled"), (REVISION, "1-31")], &own).as_deref(), Some("default"));
        assert_eq!(of(&[(REVISION, "prod")], &Labels::new()).as_deref(), Some("1-31"));
        assert_eq!(of(&[(REVISION, "gone")], &own), None);
    }

    #[test]
    fn there_and_back_is_the_same_label() {
        for before in [labels(&[(INJECTION, "enabled")]), labels(&[(REVISION, "default")])] {
            let namespace = json!({ "metadata": { "name": "summit", "labels": before } });
            let there = leading_to(&mutating(), &namespace, "1-31", "1-31").expect("labels");
            let moved = with(&namespace, &there);
            assert_eq!(choosing(&moved), labels(&[(REVISION, "1-31")]));
            let back = leading_to(&mutating(), &moved, "default", "default").expect("labels");
            assert_eq!(choosing(&with(&moved, &back)), before);
        }
        let two = json!({ "metadata": { "labels": labels(&[(INJECTION, "enabled"), (REVISION, "1-31")]) } });
        let moved = with(&two, &labels(&[(REVISION, "1-31")]));
        assert_eq!((choosing(&moved).len(), moved.pointer("/metadata/annotations")), (1, None));
        assert_eq!(leading_to(&mutating(), &two, "1-29", "1-29"), None);
    }

    proptest! {
        #[test]
        fn never_both_and_never_neither(present in proptest::collection::btree_map("istio-injection|istio.io/rev", "enabled|disabled|1-31|prod|x", 0..3), note in "[a-z=,.-]{0,40}") {
            let namespace = json!({ "metadata": { "labels": present, "annotations": { BEFORE: note } } });
            for revision in ["default", "1-31"] {
                let chosen = leading_to(&mutating(), &namespace, revision, revision).expect("labels");
                prop_assert_eq!(choosing(&with(&namespace, &chosen)).len(), 1);
            }
        }
    }
}
