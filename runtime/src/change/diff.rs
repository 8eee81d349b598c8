//! What differs between two objects, field by field.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::FieldChange;
use super::field::{Identity, Path, Step, identities, identity};

/// Fields by which the items of a list may be told apart, the first that fits all of them counts:
/// `containers[].name`, `subsets[].name`, `portLevelSettings[].port.number`.
const IDENTITIES: [&str; 2] = ["name", "port.number"];

/// What the server writes on its own, and what is therefore no difference.
const SERVERS_OWN: [&str; 3] = ["resourceVersion", "generation", "managedFields"];

/// The fields in which two objects differ, without `status` and what the server writes in `metadata` on its own.
///
/// Fields are leaves: a subtree that appears is one difference for each leaf in it, so that undoing it leaves alone what
/// others have added beside. Items of a list that all have a unique `name` or `port.number`, and keep their order,
/// are told apart by it; any other list is one field.
pub fn fields(before: &Value, after: &Value) -> Vec<FieldChange> {
    let mut found = Vec::new();
    walk(&mut Vec::new(), Some(&without_servers_own(before)), Some(&without_servers_own(after)), &mut found);
    found
}

/// The object without what the server writes on its own.
pub(super) fn without_servers_own(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.shift_remove("status");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            for key in SERVERS_OWN {
                metadata.shift_remove(key);
            }
        }
    }
    object
}

fn walk(path: &mut Vec<Step>, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<FieldChange>) {
    let (before, after) = (present(before), present(after));
    if before == after {
        return;
    }
    let nothing = Map::new();
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => walk_object(path, before, after, found),
        (Some(Value::Object(before)), None) if !before.is_empty() => walk_object(path, before, &nothing, found),
        (None, Some(Value::Object(after))) if !after.is_empty() => walk_object(path, &nothing, after, found),
        (Some(Value::Array(before)), Some(Value::Array(after))) => match shared_identity(before, after) {
            Some(by) => walk_list(path, by, before, after, found),
            None => found.push(leaf(path, Some(&Value::Array(before.clone())), Some(&Value::Array(after.clone())))),
        },
        (before, after) => found.push(leaf(path, before, after)),
    }
}

fn walk_object(
    path: &mut Vec<Step>,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    found: &mut Vec<FieldChange>,
) {
    let new = after.keys().filter(|key| !before.contains_key(*key));
    for key in before.keys().chain(new) {
        path.push(Step::Key(key.clone()));
        walk(path, before.get(key), after.get(key), found);
        path.pop();
    }
}

fn walk_list(path: &mut Vec<Step>, by: &str, before: &[Value], after: &[Value], found: &mut Vec<FieldChange>) {
    let step = |is: &Identity| Step::Item { by: by.to_owned(), is: is.clone() };
    for item in before {
        let Some(is) = identity(item, by) else {
            continue;
        };
        path.push(step(&is));
        match super::field::find(after, by, &is) {
            Some(counterpart) => walk(path, Some(item), Some(counterpart), found),
            None => found.push(leaf(path, Some(item), None)),
        }
        path.pop();
    }
    for item in after {
        let Some(is) = identity(item, by) else {
            continue;
        };
        if super::field::find(before, by, &is).is_none() {
            path.push(step(&is));
            found.push(leaf(path, None, Some(item)));
            path.pop();
        }
    }
}

fn leaf(path: &[Step], before: Option<&Value>, after: Option<&Value>) -> FieldChange {
    FieldChange { path: Path(path.to_vec()), before: before.cloned(), after: after.cloned() }
}

/// To the API server an explicit null in an object is an absent field.
pub(super) fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

/// The field that tells apart the items of both lists, if there is one and the items that stay keep their order.
fn shared_identity(before: &[Value], after: &[Value]) -> Option<&'static str> {
    IDENTITIES.into_iter().find(|by| {
        let (Some(before), Some(after)) = (identities(before, by), identities(after, by)) else {
            return false;
        };
        let (in_before, in_after): (BTreeSet<_>, BTreeSet<_>) = (before.iter().collect(), after.iter().collect());
        before.iter().filter(|is| in_after.contains(is)).eq(after.iter().filter(|is| in_before.contains(is)))
    })
}
