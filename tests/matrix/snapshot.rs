//! The cluster as people and their tools have written it, to be compared.

use std::collections::BTreeMap;

use meshbook_lab::Store;
use meshbook_lab::crd::Catalog;
use serde_json::{Value, json};

/// What follows from the rest: controllers write it, and it changes by itself.
const DERIVED: &[&str] = &["pods", "replicasets", "endpoints", "endpointslices", "events", "leases", "nodes"];

/// Each object as `Kind namespace/name`, without what the API server keeps about it.
pub fn take(store: &Store) -> BTreeMap<String, Value> {
    let mut objects = BTreeMap::new();
    let types = Catalog::get().types().iter();
    for kind in types.filter(|kind| kind.is_stored() && !DERIVED.contains(&kind.plural.as_str())) {
        for object in store.list(&kind.group, &kind.plural, None) {
            let meta = |key: &str| object.pointer(&format!("/metadata/{key}")).cloned().unwrap_or_default();
            let (namespace, name) = (meta("namespace"), meta("name"));
            let name = match namespace.as_str() {
                Some(namespace) => format!("{} {namespace}/{}", kind.kind, name.as_str().unwrap_or_default()),
                None => format!("{} {}", kind.kind, name.as_str().unwrap_or_default()),
            };
            let mut body = (*object).clone();
            if let Some(body) = body.as_object_mut() {
                body.remove("metadata");
                body.remove("status");
                // The Deployment's controller counts rollouts in an annotation of its own.
                let mut annotations = meta("annotations");
                if let Some(annotations) = annotations.as_object_mut() {
                    annotations.remove("deployment.kubernetes.io/revision");
                }
                body.insert("metadata".into(), json!({ "labels": meta("labels"), "annotations": annotations }));
            }
            objects.insert(name, body);
        }
    }
    assert!(!objects.is_empty(), "the store holds nothing");
    objects
}

/// The objects that differ.
pub fn differences(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Vec<String> {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let other = after.iter().filter(|(name, object)| before.get(*name) != Some(object)).map(|(name, _)| name);
    gone.chain(other).cloned().collect()
}
