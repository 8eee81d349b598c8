//! Comparing, merging and cutting objects by their schema, as `sigs.k8s.io/structured-merge-diff` does.
//!
//! Which lists are merged by key, which maps are one value, and where a path of its own begins is decided by the
//! schema; without one, maps are split into fields and lists are one value.

use serde_json::{Map, Value};

use super::fields::{FieldSet, Step};
use crate::crd::{ListType, Schema, Type};

/// What differs between two objects.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Paths that only the new object has.
    pub added: FieldSet,
    /// Paths whose value differs.
    pub modified: FieldSet,
    /// Paths that only the old object has.
    pub removed: FieldSet,
}

enum Shape {
    Leaf,
    Map,
    List,
}

fn shape(schema: Option<&Schema>, value: &Value) -> Shape {
    let deduced = schema.is_none_or(Schema::is_deduced);
    match value {
        Value::Object(_) if deduced || schema.is_some_and(|s| !s.atomic_map) => Shape::Map,
        Value::Array(_) if !deduced && schema.is_some_and(|s| s.list != ListType::Atomic) => Shape::List,
        _ => Shape::Leaf,
    }
}

fn below<'s>(schema: Option<&'s Schema>, name: &str) -> Option<&'s Schema> {
    schema.and_then(|s| s.field(name)).map(AsRef::as_ref)
}

fn items(schema: Option<&Schema>) -> Option<&Schema> {
    schema.and_then(|s| s.items.as_deref())
}

/// The step to an item of a list that is merged by key or is a set.
pub fn step_of(schema: Option<&Schema>, item: &Value, index: usize) -> Step {
    match schema.map(|s| &s.list) {
        Some(ListType::Set) => Step::Item(item.clone()),
        Some(ListType::Map(keys)) => {
            let default = |key: &str| items(schema).and_then(|s| s.properties.get(key)).and_then(|s| s.default.clone());
            let mut found: Vec<(String, Value)> = keys
                .iter()
                .filter_map(|key| Some((key.clone(), item.get(key).cloned().or_else(|| default(key))?)))
                .collect();
            found.sort_by(|a, b| a.0.cmp(&b.0));
            if found.is_empty() { Step::Index(index) } else { Step::Keys(found) }
        }
        _ => Step::Index(index),
    }
}

/// Compares two objects of one schema.
pub fn compare(schema: &Schema, old: &Value, new: &Value) -> Comparison {
    let mut comparison = Comparison::default();
    compare_at(Some(schema), Some(old), Some(new), &mut Vec::new(), &mut comparison);
    comparison
}

fn is_blank(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(_) => false,
    }
}

fn compare_at(
    schema: Option<&Schema>,
    old: Option<&Value>,
    new: Option<&Value>,
    path: &mut Vec<Step>,
    out: &mut Comparison,
) {
    if let (Some(a), Some(b)) = (old, new)
        && a == b
    {
        return;
    }
    match (old, new) {
        (Some(a), Some(b)) if !same_form(a, b) => {
            out.modified.insert(path);
            compare_inside(schema, Some(a), None, path, out);
            compare_inside(schema, None, Some(b), path, out);
        }
        _ => {
            let is_split = !(is_blank(old) && is_blank(new)) && compare_inside(schema, old, new, path, out);
            if !is_split && old.is_some() && new.is_some() {
                out.modified.insert(path);
            }
        }
    }
    if old.is_none() {
        out.added.insert(path);
    } else if new.is_none() {
        out.removed.insert(path);
    }
}

fn same_form(a: &Value, b: &Value) -> bool {
    a.is_null() || b.is_null() || a.is_object() == b.is_object() && a.is_array() == b.is_array()
}

/// Compares what is below a map or a list that is owned by parts. `false` if the value is owned as a whole.
fn compare_inside(
    schema: Option<&Schema>,
    old: Option<&Value>,
    new: Option<&Value>,
    path: &mut Vec<Step>,
    out: &mut Comparison,
) -> bool {
    let leader = [new, old].into_iter().flatten().find(|v| !v.is_null()).unwrap_or(&Value::Null);
    match shape(schema, leader) {
        Shape::Map => {
            let empty = Map::new();
            let a = old.and_then(Value::as_object).unwrap_or(&empty);
            let b = new.and_then(Value::as_object).unwrap_or(&empty);
            let only_old = a.keys().filter(|key| !b.contains_key(*key));
            for key in b.keys().chain(only_old) {
                path.push(Step::Field(key.clone()));
                compare_at(below(schema, key), a.get(key), b.get(key), path, out);
                path.pop();
            }
            true
        }
        Shape::List => {
            let a = indexed(schema, old);
            let b = indexed(schema, new);
            for (step, item) in &b {
                let before = a.iter().find(|(s, _)| s == step).map(|(_, item)| *item);
                path.push(step.clone());
                compare_at(items(schema), before, Some(item), path, out);
                path.pop();
            }
            for (step, item) in a.iter().filter(|(step, _)| !b.iter().any(|(s, _)| s == step)) {
                path.push(step.clone());
                compare_at(items(schema), Some(item), None, path, out);
                path.pop();
            }
            true
        }
        Shape::Leaf => false,
    }
}

fn indexed<'v>(schema: Option<&Schema>, list: Option<&'v Value>) -> Vec<(Step, &'v Value)> {
    let list = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().enumerate().map(|(i, item)| (step_of(schema, item, i), item)).collect()
}

/// The paths that an applied configuration names.
pub fn field_set(schema: &Schema, value: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    collect(Some(schema), value, &mut Vec::new(), &mut set);
    set
}

fn collect(schema: Option<&Schema>, value: &Value, path: &mut Vec<Step>, set: &mut FieldSet) {
    match (shape(schema, value), value) {
        (Shape::Map, Value::Object(map)) => {
            for (key, item) in map {
                path.push(Step::Field(key.clone()));
                collect(below(schema, key), item, path, set);
                let named = schema.is_some_and(|s| s.properties.contains_key(key));
                if !named || item.is_null() || item.as_object().is_some_and(Map::is_empty) {
                    set.insert(path);
                }
                path.pop();
            }
        }
        (Shape::List, Value::Array(list)) if !list.is_empty() => {
            for (index, item) in list.iter().enumerate() {
                path.push(step_of(schema, item, index));
                collect(items(schema), item, path, set);
                set.insert(path);
                path.pop();
            }
        }
        _ => set.insert(path),
    }
}

/// The live object with an applied configuration laid over it.
pub fn merge(schema: &Schema, live: &Value, applied: &Value) -> Value {
    merge_at(Some(schema), live, applied)
}

fn merge_at(schema: Option<&Schema>, live: &Value, applied: &Value) -> Value {
    match (shape(schema, applied), live, applied) {
        (Shape::Map, Value::Object(a), Value::Object(b)) => {
            let mut result = a.clone();
            for (key, value) in b {
                let merged = match a.get(key) {
                    Some(own) => merge_at(below(schema, key), own, value),
                    None => value.clone(),
                };
                result.insert(key.clone(), merged);
            }
            Value::Object(result)
        }
        (Shape::List, Value::Array(_), Value::Array(_)) => Value::Array(merge_lists(schema, live, applied)),
        _ => applied.clone(),
    }
}

/// Shared items follow the applied order; items of one side keep their place among them.
fn merge_lists(schema: Option<&Schema>, live: &Value, applied: &Value) -> Vec<Value> {
    let a = indexed(schema, Some(live));
    let b = indexed(schema, Some(applied));
    let mut left = a.iter().peekable();
    let mut result = Vec::with_capacity(a.len().max(b.len()));
    for (step, item) in &b {
        let own = a.iter().find(|(s, _)| s == step);
        if own.is_some() {
            while let Some((other, value)) = left.next_if(|(other, _)| other != step) {
                if !b.iter().any(|(s, _)| s == other) {
                    result.push((*value).clone());
                }
            }
            left.next_if(|(other, _)| other == step);
        }
        result.push(own.map_or_else(|| (*item).clone(), |(_, value)| merge_at(items(schema), value, item)));
    }
    result.extend(left.filter(|(step, _)| !b.iter().any(|(s, _)| s == step)).map(|(_, value)| (*value).clone()));
    result
}

/// The object without the named paths. A map or list that loses everything goes with them.
pub fn remove(schema: &Schema, value: &Value, paths: &FieldSet) -> Value {
    remove_at(Some(schema), value, paths).unwrap_or_else(|| Value::Object(Map::new()))
}

fn remove_at(schema: Option<&Schema>, value: &Value, paths: &FieldSet) -> Option<Value> {
    let cut = |step: &Step, item: &Value, schema: Option<&Schema>| -> Option<Value> {
        if paths.members.contains(step) {
            return None;
        }
        match paths.children.get(step) {
            Some(child) if !child.is_empty() => remove_at(schema, item, child),
            _ => Some(item.clone()),
        }
    };
    match (shape(schema, value), value) {
        (Shape::Map, Value::Object(map)) if !map.is_empty() => {
            let kept: Map<String, Value> = map
                .iter()
                .filter_map(|(key, item)| {
                    Some((key.clone(), cut(&Step::Field(key.clone()), item, below(schema, key))?))
                })
                .collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        (Shape::List, Value::Array(list)) if !list.is_empty() => {
            let kept: Vec<Value> = list
                .iter()
                .enumerate()
                .filter_map(|(i, item)| cut(&step_of(schema, item, i), item, items(schema)))
                .collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        _ => Some(value.clone()),
    }
}

/// The set with the fields of structs that have members below them added, so that removing them is possible.
pub fn with_named_parents(schema: Option<&Schema>, set: &FieldSet) -> FieldSet {
    let mut result = set.clone();
    for (step, child) in &set.children {
        let schema_below = match step {
            Step::Field(name) => {
                if schema.is_some_and(|s| s.properties.contains_key(name)) {
                    result.members.insert(step.clone());
                }
                below(schema, name)
            }
            _ => items(schema),
        };
        result.children.insert(step.clone(), with_named_parents(schema_below, child));
    }
    result
}

/// What a Go struct of this kind holds before anything is decoded into it: structs by value are empty, and
/// required fields are there as `null`. New objects of built-in kinds are compared with this.
pub fn zero_value(schema: &Schema) -> Value {
    let mut object = Map::new();
    for (name, field) in &schema.properties {
        let by_value = field.default.as_ref().is_some_and(|d| d.as_object().is_some_and(Map::is_empty));
        if by_value && field.kind == Type::Object {
            object.insert(name.clone(), zero_value(field));
        } else if schema.required.contains(name) {
            object.insert(name.clone(), Value::Null);
        }
    }
    Value::Object(object)
}
