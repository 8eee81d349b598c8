//! Merge patches (RFC 7396) between two objects, and single fields set back.

use serde_json::{Map, Value, json};

use super::diff::{present, without_servers_own};
use super::field::{Identity, Step, identity, positions};

/// The merge patch that makes `before` into `after`, or `None` if nothing differs.
///
/// Lists are replaced whole, as RFC 7396 has it, so the patch must not be sent without the precondition that
/// [`with_precondition`] adds.
pub fn between(before: &Value, after: &Value) -> Option<Value> {
    difference(&without_servers_own(before), &without_servers_own(after))
}

fn difference(before: &Value, after: &Value) -> Option<Value> {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return (before != after).then(|| after.clone());
    };
    let mut patch = Map::new();
    for key in before.keys() {
        if present(before.get(key)).is_some() && present(after.get(key)).is_none() {
            patch.insert(key.clone(), Value::Null);
        }
    }
    for (key, value) in after {
        match (present(before.get(key)), present(Some(value))) {
            (_, None) => {}
            (None, Some(value)) => drop(patch.insert(key.clone(), value.clone())),
            (Some(before), Some(value)) => {
                if let Some(inner) = difference(before, value) {
                    patch.insert(key.clone(), inner);
                }
            }
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// Applies a merge patch, as the server does (RFC 7396, section 2).
pub fn apply(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Some(fields) = target.as_object_mut() else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            fields.shift_remove(key);
        } else {
            apply(fields.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// The patch with `metadata.resourceVersion`: the server refuses it with 409 if the object has changed since.
pub fn with_precondition(mut patch: Value, resource_version: &str) -> Value {
    apply(&mut patch, &json!({ "metadata": { "resourceVersion": resource_version } }));
    patch
}

/// A field cannot be set because what it stands in is gone, or is of another form, or is there twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfReach;

/// Sets one field, or removes it, so that the object comes nearer to `image`: missing parents are made; parents that
/// become empty and that `image` does not have go; an item of a list comes to stand where `image` has it.
///
/// # Errors
/// [`OutOfReach`]; the object is as it was then, but for parents that were made.
pub fn carry(
    object: &mut Value,
    path: &[Step],
    value: Option<&Value>,
    image: Option<&Value>,
) -> Result<(), OutOfReach> {
    let Some((step, rest)) = path.split_first() else {
        return Err(OutOfReach);
    };
    match step {
        Step::Key(key) => {
            let fields = object.as_object_mut().ok_or(OutOfReach)?;
            if rest.is_empty() {
                match value {
                    Some(value) => drop(fields.insert(key.clone(), value.clone())),
                    None => drop(fields.shift_remove(key)),
                }
                return Ok(());
            }
            let image = present(image.and_then(|image| image.get(key)));
            let child = match (fields.get_mut(key).filter(|child| !child.is_null()).is_some(), value) {
                (false, None) => return Ok(()),
                (false, Some(_)) => {
                    fields.insert(key.clone(), empty_for(rest));
                    fields.get_mut(key)
                }
                (true, _) => fields.get_mut(key),
            };
            let child = child.ok_or(OutOfReach)?;
            carry(child, rest, value, image)?;
            if value.is_none() && image.is_none() && is_empty(child) {
                fields.shift_remove(key);
            }
            Ok(())
        }
        Step::Item { by, is } => {
            let items = object.as_array_mut().ok_or(OutOfReach)?;
            let places = positions(items, by, is);
            let image = image.and_then(Value::as_array);
            match (places.as_slice(), rest.is_empty(), value) {
                ([place], false, _) => {
                    let image = image.and_then(|image| super::field::find(image, by, is));
                    carry(&mut items[*place], rest, value, image)
                }
                ([place], true, Some(value)) => {
                    items[*place] = value.clone();
                    Ok(())
                }
                ([place], true, None) => {
                    items.remove(*place);
                    Ok(())
                }
                ([], true, Some(value)) => {
                    let place = place_as_in(items, by, is, image.map_or(&[], Vec::as_slice));
                    items.insert(place, value.clone());
                    Ok(())
                }
                ([], _, None) => Ok(()),
                _ => Err(OutOfReach),
            }
        }
        Step::At(place) => {
            let item = object.get_mut(place).ok_or(OutOfReach)?;
            match (rest.is_empty(), value) {
                (false, _) => carry(item, rest, value, image.and_then(|image| image.get(place))),
                (true, Some(value)) => {
                    *item = value.clone();
                    Ok(())
                }
                (true, None) => Err(OutOfReach),
            }
        }
    }
}

fn empty_for(rest: &[Step]) -> Value {
    match rest.first() {
        Some(Step::Item { .. } | Step::At(_)) => json!([]),
        _ => json!({}),
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// Where an item has to be inserted to stand as in `image`: after the nearest one that precedes it there, else before
/// the nearest one that follows it, else at the end.
fn place_as_in(items: &[Value], by: &str, is: &Identity, image: &[Value]) -> usize {
    let here = |item: &Value| identity(item, by).and_then(|is| positions(items, by, &is).first().copied());
    let Some(place) = positions(image, by, is).first().copied() else {
        return items.len();
    };
    let before = image[..place].iter().rev().find_map(here).map(|place| place + 1);
    before.or_else(|| image[place + 1..].iter().find_map(here)).unwrap_or(items.len())
}
