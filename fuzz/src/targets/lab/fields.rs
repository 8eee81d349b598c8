//! Server-side apply: three JSON documents, one a line: the stored object, what is applied, what is applied next.
//!
//! Beyond "no panic": nothing that is forced is refused; applying it again changes nothing but times and maps without fields;
//! the owners of fields survive being written and read. A map that is applied empty, and whose fields an earlier apply has
//! set, is gone at first and there the next time.

use meshbook_lab::crd::{Catalog, validate};
use meshbook_lab::store::managed::{self, Writer};
use serde_json::Value;

/// See the module.
pub fn run(text: &str) {
    let mut documents = text.split('\n').map(|line| serde_json::from_str::<Value>(line).ok().filter(Value::is_object));
    let Some(live) = documents.next().flatten() else { return };
    let words = |name: &str| live[name].as_str().unwrap_or_default();
    let Some(kind) = Catalog::get().by_kind(words("apiVersion"), words("kind")) else { return };
    // The API server has decoded what comes here.
    let fits = |object: &Value| validate::first_type_error(&kind.schema, object).is_none();
    if !fits(&live) {
        return;
    }
    let mut encoded = live.clone();
    managed::encode(&mut encoded, managed::decode(&live));
    assert_eq!(encoded.get("metadata").is_some(), live.get("metadata").is_some());
    // An entry that owns nothing is not written.
    let mut again = encoded.clone();
    managed::encode(&mut again, managed::decode(&encoded));
    assert!(managed::same_but_times(&again, &encoded));

    let api_version = kind.api_version(&kind.version);
    let writer =
        Writer { manager: "meshbook", api_version: &api_version, subresource: "", time: "2026-01-05T09:00:00Z" };
    let is_foreign = !managed::decode(&live).is_empty();
    let mut current = live.clone();
    for applied in documents.flatten().filter(fits).take(2) {
        let Ok(merged) = managed::apply(kind, Some(&current), &applied, &writer, true) else { panic!("it was forced") };
        let again: Value = managed::apply(kind, Some(&merged), &applied, &writer, true).unwrap_or_default();
        // A server's object has owners for all that it holds; those of an input may own what is not there.
        assert!(
            is_foreign || managed::same_but_times(&without_empty(&merged), &without_empty(&again)),
            "{merged} {again}"
        );
        current = merged;
    }
}

/// Without the fields of the object whose value is an empty map. Owners of fields are compared as they are.
fn without_empty(object: &Value) -> Value {
    let filled = |value: &Value| value.as_object().is_none_or(|fields| !fields.is_empty());
    match object {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| {
                (key.clone(), if key == "managedFields" { value.clone() } else { without_empty(value) })
            })
            .filter(|(_, value)| filled(value))
            .collect(),
        Value::Array(items) => items.iter().map(without_empty).collect(),
        other => other.clone(),
    }
}
