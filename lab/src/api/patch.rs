//! Patches: JSON merge patch (RFC 7386), JSON patch (RFC 6902) and strategic merge patch.
//!
//! The last is Kubernetes' own: lists of built-in kinds are merged by key, and `$patch`, `$retainKeys`,
//! `$deleteFromPrimitiveList` and `$setElementOrder` say the rest.
//! <https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md>

use axum::body::Bytes;
use serde_json::{Map, Value};

use super::status::Failure;
use crate::crd::Schema;

/// The kinds of patch, by media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchKind {
    Merge,
    Json,
    Strategic,
    Apply,
}

impl PatchKind {
    /// Reads the media type. Custom kinds take no strategic patches.
    pub(crate) fn of(media_type: &str, custom: bool) -> Result<PatchKind, Failure> {
        match media_type {
            "application/merge-patch+json" => Ok(PatchKind::Merge),
            "application/json-patch+json" => Ok(PatchKind::Json),
            "application/apply-patch+yaml" => Ok(PatchKind::Apply),
            "application/strategic-merge-patch+json" if !custom => Ok(PatchKind::Strategic),
            _ => {
                let strategic = if custom { "" } else { "application/strategic-merge-patch+json, " };
                Err(Failure::unsupported_media_type(&format!(
                    "application/json-patch+json, application/merge-patch+json, {strategic}application/apply-patch+yaml"
                )))
            }
        }
    }
}

/// Applies a patch of any kind but `Apply` to an object.
pub(crate) fn patched(kind: PatchKind, schema: &Schema, live: &Value, body: &Bytes) -> Result<Value, Failure> {
    let malformed = |_| Failure::bad_request("invalid JSON patch");
    match kind {
        PatchKind::Json => {
            let patch: json_patch::Patch =
                serde_json::from_slice(body).map_err(|e| Failure::bad_request(format!("error decoding patch: {e}")))?;
            let mut object = live.clone();
            json_patch::patch(&mut object, &patch).map_err(|_| Failure::rejected())?;
            Ok(object)
        }
        PatchKind::Merge | PatchKind::Apply => {
            let patch: Value = serde_json::from_slice(body).map_err(malformed)?;
            let mut object = live.clone();
            json_patch::merge(&mut object, &patch);
            Ok(object)
        }
        PatchKind::Strategic => {
            let patch: Value = serde_json::from_slice(body).map_err(malformed)?;
            strategic(Some(schema), live, &patch)
        }
    }
}

/// A strategic merge patch of one value.
///
/// # Errors
/// A list item without its merge key.
pub(crate) fn strategic(schema: Option<&Schema>, live: &Value, patch: &Value) -> Result<Value, Failure> {
    match (live, patch) {
        (Value::Object(live), Value::Object(patch)) => merge_maps(schema, live, patch),
        (_, Value::Object(patch)) => merge_maps(schema, &Map::new(), patch),
        _ => Ok(patch.clone()),
    }
}

fn merge_maps(
    schema: Option<&Schema>,
    live: &Map<String, Value>,
    patch: &Map<String, Value>,
) -> Result<Value, Failure> {
    let mut result = match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            let content = patch.iter().filter(|(name, _)| *name != "$patch");
            return Ok(Value::Object(content.map(|(name, value)| (name.clone(), value.clone())).collect()));
        }
        Some("delete") => return Ok(Value::Object(Map::new())),
        _ => live.clone(),
    };
    if let Some(kept) = patch.get("$retainKeys").and_then(Value::as_array) {
        result.retain(|name, _| kept.iter().any(|k| k == name));
    }
    for (name, value) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
        let below = schema.and_then(|s| s.field(name)).map(AsRef::as_ref);
        if value.is_null() {
            result.remove(name);
            continue;
        }
        let merge_key = below.and_then(|s| s.merge_key.as_deref());
        let merged = match (merge_key, value) {
            (Some(key), Value::Array(items)) => {
                let live = result.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let order = patch.get(&format!("$setElementOrder/{name}")).and_then(Value::as_array);
                merge_lists(below, key, live, items, order.map(Vec::as_slice))?
            }
            _ => strategic(below, result.get(name).unwrap_or(&Value::Null), value)?,
        };
        result.insert(name.clone(), merged);
    }
    for (name, order) in patch {
        let (Some(list), Some(order)) = (name.strip_prefix("$setElementOrder/"), order.as_array()) else { continue };
        if !patch.contains_key(list)
            && let Some(Value::Array(items)) = result.get_mut(list)
        {
            let key = schema.and_then(|s| s.field(list)).and_then(|s| s.merge_key.clone()).unwrap_or_default();
            sort(items, &key, order);
        }
    }
    for (name, gone) in patch {
        let (Some(list), Some(gone)) = (name.strip_prefix("$deleteFromPrimitiveList/"), gone.as_array()) else {
            continue;
        };
        if let Some(Value::Array(items)) = result.get_mut(list) {
            items.retain(|item| !gone.contains(item));
        }
    }
    Ok(Value::Object(result))
}

fn merge_lists(
    schema: Option<&Schema>,
    key: &str,
    live: &[Value],
    patch: &[Value],
    order: Option<&[Value]>,
) -> Result<Value, Failure> {
    let mut result = live.to_vec();
    if patch.iter().any(|item| item["$patch"] == "replace") {
        let content = patch.iter().filter(|item| item["$patch"] != "replace");
        return Ok(content.cloned().collect::<Vec<_>>().into());
    }
    for item in patch {
        if key.is_empty() {
            if !result.contains(item) {
                result.push(item.clone());
            }
            continue;
        }
        let id = item
            .get(key)
            .ok_or_else(|| Failure::internal(format!("map: {item} does not contain declared merge key: {key}")))?;
        let at = result.iter().position(|own| own.get(key) == Some(id));
        match (item["$patch"].as_str(), at) {
            (Some("delete"), _) => result.retain(|own| own.get(key) != Some(id)),
            (_, Some(at)) => {
                result[at] = strategic(schema.and_then(|s| s.items.as_deref()), &result[at], item)?;
            }
            (_, None) => result.push(strategic(schema.and_then(|s| s.items.as_deref()), &Value::Null, item)?),
        }
    }
    if let Some(order) = order {
        sort(&mut result, key, order);
    }
    Ok(result.into())
}

/// Items that the order names come in that order; the others keep their places behind those before them.
fn sort(items: &mut [Value], key: &str, order: &[Value]) {
    let id = |item: &Value| if key.is_empty() { item.clone() } else { item[key].clone() };
    let place = |item: &Value| order.iter().position(|wanted| id(wanted) == id(item));
    let mut last = 0;
    let mut keyed: Vec<(usize, usize, Value)> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        last = place(item).unwrap_or(last);
        keyed.push((last, index, item.clone()));
    }
    keyed.sort_by_key(|(place, index, _)| (*place, *index));
    for (slot, (_, _, item)) in items.iter_mut().zip(keyed) {
        *slot = item;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
    use super::*;
    use crate::crd::Catalog;
    use serde_json::json;

    fn deployment(live: Value, patch: Value) -> Value {
        let kind = Catalog::get().by_plural("apps", "deployments").unwrap();
        strategic(Some(&kind.schema), &live, &patch).unwrap()
    }

    fn with_containers(containers: Value) -> Value {
        json!({"spec": {"template": {"spec": {"containers": containers}}}})
    }

    #[test]
    fn lists_are_merged_by_key() {
        let live = with_containers(json!([
            {"name": "app", "image": "a:1", "env": [{"name": "A", "value": "1"}], "ports": [{"containerPort": 80, "protocol": "TCP"}]},
            {"name": "side", "image": "s:1"}
        ]));
        let patch = with_containers(json!([
            {"name": "app", "env": [{"name": "B", "value": "2"}], "ports": [{"containerPort": 80, "name": "http"}]}
        ]));
        assert_eq!(
            deployment(live, patch),
            with_containers(json!([
                {"name": "app", "image": "a:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                 "ports": [{"containerPort": 80, "protocol": "TCP", "name": "http"}]},
                {"name": "side", "image": "s:1"}
            ]))
        );
    }

    #[test]
    fn directives_delete_replace_and_order() {
        let live = with_containers(json!([{"name": "a"}, {"name": "b"}]));
        let gone = with_containers(json!([{"name": "a", "$patch": "delete"}]));
        assert_eq!(deployment(live.clone(), gone), with_containers(json!([{"name": "b"}])));
        let other = with_containers(json!([{"$patch": "replace"}, {"name": "c"}]));
        assert_eq!(deployment(live.clone(), other), with_containers(json!([{"name": "c"}])));
        let order =
            json!({"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}}}});
        assert_eq!(deployment(live, order), with_containers(json!([{"name": "b"}, {"name": "a"}])));
        let strategy = json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}});
        let patch = json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}});
        assert_eq!(deployment(strategy, patch), json!({"spec": {"strategy": {"type": "Recreate"}}}));
    }

    #[test]
    fn null_removes_and_scalars_lists_are_sets() {
        let live = json!({"metadata": {"finalizers": ["a", "b"], "labels": {"x": "1", "y": "2"}}});
        let patch = json!({"metadata": {"finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["a"], "labels": {"x": null}}});
        assert_eq!(deployment(live, patch), json!({"metadata": {"finalizers": ["b", "c"], "labels": {"y": "2"}}}));
    }

    #[test]
    fn an_item_without_its_key_is_refused() {
        let kind = Catalog::get().by_plural("apps", "deployments").unwrap();
        assert!(strategic(Some(&kind.schema), &json!({}), &with_containers(json!([{"image": "x"}]))).is_err());
    }
}
