//! Sets of field paths, and their JSON form `FieldsV1` in `metadata.managedFields`.
//!
//! The form is that of `sigs.k8s.io/structured-merge-diff`: `f:name` is a field, `k:{"key":value}` an item of a
//! list by its keys, `v:value` an item of a set, `i:n` an item by position; `.` says that the path itself belongs
//! to the set besides paths below it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A field of a struct or a map.
    Field(String),
    /// An item of a list, by the values of its keys, sorted by key.
    Keys(Vec<(String, Value)>),
    /// An item of a set of scalars.
    Item(Value),
    /// An item of a list by position.
    Index(usize),
}

impl Step {
    fn rank(&self) -> u8 {
        match self {
            Step::Field(_) => 0,
            Step::Keys(_) => 1,
            Step::Item(_) => 2,
            Step::Index(_) => 3,
        }
    }

    /// The step as `FieldsV1` writes it.
    pub fn encode(&self) -> String {
        match self {
            Step::Field(name) => format!("f:{name}"),
            Step::Keys(keys) => {
                let object: Map<String, Value> = keys.iter().cloned().collect();
                format!("k:{}", Value::Object(object))
            }
            Step::Item(value) => format!("v:{value}"),
            Step::Index(index) => format!("i:{index}"),
        }
    }

    /// Reads a step; `None` if it is none.
    pub fn decode(text: &str) -> Option<Step> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "f" => Some(Step::Field(rest.to_owned())),
            "k" => {
                let Ok(Value::Object(object)) = serde_json::from_str(rest) else { return None };
                let mut keys: Vec<(String, Value)> = object.into_iter().collect();
                keys.sort_by(|a, b| a.0.cmp(&b.0));
                Some(Step::Keys(keys))
            }
            "v" => serde_json::from_str(rest).ok().map(Step::Item),
            "i" => rest.parse().ok().map(Step::Index),
            _ => None,
        }
    }
}

impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Step {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Step::Field(a), Step::Field(b)) => a.cmp(b),
            (Step::Keys(a), Step::Keys(b)) => {
                let compare = |(x, y): (&(String, Value), &(String, Value))| {
                    x.0.cmp(&y.0).then_with(|| compare_scalars(&x.1, &y.1))
                };
                a.iter().zip(b).map(compare).find(|o| o.is_ne()).unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            (Step::Item(a), Step::Item(b)) => compare_scalars(a, b),
            (Step::Index(a), Step::Index(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

fn compare_scalars(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => {
            x.as_f64().unwrap_or_default().total_cmp(&y.as_f64().unwrap_or_default())
        }
        (Value::String(x), Value::String(y)) => x.cmp(y),
        _ => a.to_string().cmp(&b.to_string()),
    }
}

/// A path as messages show it: `.spec.containers[name="app"].image`.
pub fn display(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Field(name) => text.push_str(&format!(".{name}")),
            Step::Keys(keys) => {
                let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                text.push_str(&format!("[{}]", keys.join(",")));
            }
            Step::Item(value) => text.push_str(&format!("[={value}]")),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// A set of paths, as a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    pub(super) members: BTreeSet<Step>,
    pub(super) children: BTreeMap<Step, FieldSet>,
}

impl FieldSet {
    /// Whether there is no path in it.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.values().all(FieldSet::is_empty)
    }

    /// Adds a path.
    pub fn insert(&mut self, path: &[Step]) {
        match path {
            [] => {}
            [last] => {
                self.members.insert(last.clone());
            }
            [first, rest @ ..] => match self.children.get_mut(first) {
                Some(child) => child.insert(rest),
                None => self.children.entry(first.clone()).or_default().insert(rest),
            },
        }
    }

    /// Whether the path is in the set.
    pub fn has(&self, path: &[Step]) -> bool {
        match path {
            [] => false,
            [last] => self.members.contains(last),
            [first, rest @ ..] => self.children.get(first).is_some_and(|child| child.has(rest)),
        }
    }

    /// The paths of either.
    pub fn union(&self, other: &FieldSet) -> FieldSet {
        let mut result = self.clone();
        result.members.extend(other.members.iter().cloned());
        for (step, child) in &other.children {
            let merged = result.children.get(step).map_or_else(|| child.clone(), |own| own.union(child));
            result.children.insert(step.clone(), merged);
        }
        result
    }

    /// The paths of this set that are not in the other.
    pub fn difference(&self, other: &FieldSet) -> FieldSet {
        let members = self.members.difference(&other.members).cloned().collect();
        self.keep(members, |step, child| match other.children.get(step) {
            Some(removed) => child.difference(removed),
            None => child.clone(),
        })
    }

    /// The paths of this set that are neither in the other nor below one of its paths.
    pub fn recursive_difference(&self, other: &FieldSet) -> FieldSet {
        let members = self.members.difference(&other.members).cloned().collect();
        self.keep(members, |step, child| match other.children.get(step) {
            _ if other.members.contains(step) => FieldSet::default(),
            Some(removed) => child.recursive_difference(removed),
            None => child.clone(),
        })
    }

    /// The paths of both.
    pub fn intersection(&self, other: &FieldSet) -> FieldSet {
        let members = self.members.intersection(&other.members).cloned().collect();
        self.keep(members, |step, child| match other.children.get(step) {
            Some(shared) => child.intersection(shared),
            None => FieldSet::default(),
        })
    }

    fn keep(&self, members: BTreeSet<Step>, child_of: impl Fn(&Step, &FieldSet) -> FieldSet) -> FieldSet {
        let children = self
            .children
            .iter()
            .map(|(step, child)| (step.clone(), child_of(step, child)))
            .filter(|(_, child)| !child.is_empty())
            .collect();
        FieldSet { members, children }
    }

    /// Every path, in order.
    pub fn paths(&self) -> Vec<Vec<Step>> {
        let mut paths = Vec::new();
        self.collect(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect(&self, prefix: &mut Vec<Step>, paths: &mut Vec<Vec<Step>>) {
        let steps: BTreeSet<&Step> = self.members.iter().chain(self.children.keys()).collect();
        for step in steps {
            prefix.push(step.clone());
            if self.members.contains(step) {
                paths.push(prefix.clone());
            }
            if let Some(child) = self.children.get(step) {
                child.collect(prefix, paths);
            }
            prefix.pop();
        }
    }

    /// The set as `FieldsV1`.
    pub fn encode(&self) -> Value {
        let mut object = Map::new();
        let steps: BTreeSet<&Step> = self.members.iter().chain(self.children.keys()).collect();
        for step in steps {
            let mut inner = Map::new();
            if let Some(child) = self.children.get(step).filter(|c| !c.is_empty()) {
                if self.members.contains(step) {
                    inner.insert(".".into(), Value::Object(Map::new()));
                }
                if let Value::Object(below) = child.encode() {
                    inner.extend(below);
                }
            }
            object.insert(step.encode(), Value::Object(inner));
        }
        Value::Object(object)
    }

    /// Reads `FieldsV1`; `None` if it is malformed.
    pub fn decode(value: &Value) -> Option<FieldSet> {
        let mut set = FieldSet::default();
        for (key, below) in value.as_object()? {
            if key == "." {
                continue;
            }
            let step = Step::decode(key)?;
            let inner = below.as_object()?;
            if inner.is_empty() || inner.contains_key(".") {
                set.members.insert(step.clone());
            }
            let child = FieldSet::decode(below)?;
            if !child.is_empty() {
                set.children.insert(step, child);
            }
        }
        Some(set)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
    use super::*;
    use serde_json::json;

    #[test]
    fn encodes_as_the_api_server_does() {
        let fields = json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {".": {}, "f:image": {}}}, "f:finalizers": {"v:\"a\"": {}}}
        });
        let set = FieldSet::decode(&fields).unwrap();
        assert_eq!(set.encode(), fields);
        let shown: Vec<String> = set.paths().iter().map(|p| display(p)).collect();
        assert_eq!(
            shown,
            [
                ".metadata.labels",
                ".metadata.labels.app",
                ".spec.containers[name=\"app\"]",
                ".spec.containers[name=\"app\"].image",
                ".spec.finalizers[=\"a\"]"
            ]
        );
    }

    #[test]
    fn a_malformed_step_is_refused() {
        assert_eq!(FieldSet::decode(&json!({"spec": {}})), None);
        assert_eq!(FieldSet::decode(&json!({"k:{": {}})), None);
    }
}
