//! Events (`v1`), as controllers and kubelets write them: one for each object and reason, with a count.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{second, text};
use crate::mesh::seed;
use crate::store::Store;

/// Notes a warning about an object.
pub fn warn(store: &Store, about: &Value, component: &str, reason: &str, message: &str, now: Timestamp) {
    let namespace = text(&about["metadata"]["namespace"]);
    let name = text(&about["metadata"]["name"]);
    let event = format!("{name}.{}", seed::suffix(seed::hash(0, &[namespace, name, reason, message]), 16));
    let old = store.get("", "events", namespace, &event);
    let count = old.as_ref().and_then(|old| old["count"].as_u64()).unwrap_or(0) + 1;
    let first = old.map_or_else(|| json!(second(now)), |old| old["firstTimestamp"].clone());
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": event, "namespace": namespace},
        "involvedObject": {"apiVersion": about["apiVersion"], "kind": about["kind"], "namespace": namespace, "name": name, "uid": about["metadata"]["uid"]},
        "reason": reason, "message": message, "type": "Warning", "count": count,
        "firstTimestamp": first, "lastTimestamp": second(now),
        "source": {"component": component}, "reportingComponent": component, "reportingInstance": "",
    });
    store.put(event, component);
}
