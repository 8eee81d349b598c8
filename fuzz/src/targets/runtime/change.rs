//! The difference of two objects, one JSON document a line, and the way back.
//!
//! Beyond "no panic": before and the merge patch make after; before and the differing fields make after; after and
//! their pre-images make before; and each difference survives the record. To the API server an explicit null is an
//! absent field, so there are none here.

use meshbook_runtime::change::{FieldChange, diff, field, patch};
use serde_json::Value;

/// Without nulls, and without what the server writes on its own, which is no difference.
fn object(text: &str) -> Option<Value> {
    fn without_nulls(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|_, value| !value.is_null());
                fields.values_mut().for_each(without_nulls);
            }
            Value::Array(items) => items.iter_mut().for_each(without_nulls),
            _ => {}
        }
    }
    let mut object: Value = serde_json::from_str(text).ok()?;
    without_nulls(&mut object);
    let fields = object.as_object_mut()?;
    fields.remove("status");
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        metadata.retain(|key, _| !["resourceVersion", "generation", "managedFields"].contains(&key.as_str()));
    }
    Some(object)
}

fn carry(object: &mut Value, fields: &[FieldChange], to: &Value, forward: bool) {
    for change in fields {
        let value = if forward { &change.after } else { &change.before };
        patch::carry(object, &change.path.0, value.as_ref(), Some(to)).expect("the field is within reach");
    }
}

/// See the module.
pub fn run(text: &str) {
    let Some((before, after)) = text.split_once('\n') else { return };
    let (Some(before), Some(after)) = (object(before), object(after)) else { return };
    let mut patched = before.clone();
    if let Some(patch) = patch::between(&before, &after) {
        patch::apply(&mut patched, &patch);
    }
    assert_eq!(patched, after, "by the patch");
    let fields = diff::fields(&before, &after);
    for change in &fields {
        assert_eq!(field::get(&before, &change.path), change.before.as_ref(), "{}", change.path);
        assert_eq!(field::get(&after, &change.path), change.after.as_ref(), "{}", change.path);
        let text = serde_json::to_string(change).expect("a difference can be written");
        assert_eq!(serde_json::from_str::<FieldChange>(&text).ok().as_ref(), Some(change));
    }
    let mut there = before.clone();
    carry(&mut there, &fields, &after, true);
    assert_eq!(there, after, "there");
    carry(&mut there, &fields, &before, false);
    assert_eq!(there, before, "and back");
}
