//! Two configurations, resource by resource and field by field.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

/// A configuration: its resources by name.
pub type Configuration = BTreeMap<String, Value>;

/// How many fields are collected of one proxy.
const MOST: usize = 200;

/// Proxies that are configured alike, and otherwise than most.
#[derive(Clone, Debug, PartialEq)]
pub struct Other {
    /// Their pods.
    pub proxies: Vec<String>,
    /// In what they differ from most.
    pub fields: Vec<Field>,
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// `cluster outbound|8080||graph-core.summit.svc.cluster.local`.
    pub resource: String,
    /// Its path in the resource; empty if the whole resource is there or not.
    pub path: String,
    /// What it is there; `None` if it is absent.
    pub there: Option<Value>,
    /// What it is in most proxies.
    pub most: Option<Value>,
}

/// A value in a cell.
pub fn short(value: Option<&Value>) -> String {
    let text = match value {
        None => return "absent".into(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.path.as_str(), &self.there) {
            ("", Some(_)) => write!(f, "{} is only there", self.resource),
            ("", None) => write!(f, "{} is not there", self.resource),
            (path, there) => {
                write!(
                    f,
                    "{} has {path} {} instead of {}",
                    self.resource,
                    short(there.as_ref()),
                    short(self.most.as_ref())
                )
            }
        }
    }
}

/// The proxies that are not configured as most are, with what differs. Where two sets are equally large, the one of the
/// proxy whose name comes first counts as most.
pub fn others(all: &[(String, Configuration)]) -> Vec<Other> {
    let mut groups: Vec<(Vec<String>, &Configuration)> = Vec::new();
    for (name, configuration) in all {
        match groups.iter_mut().find(|(_, known)| *known == configuration) {
            Some((names, _)) => names.push(name.clone()),
            None => groups.push((vec![name.clone()], configuration)),
        }
    }
    // `max_by_key` takes the last of equals, so they are looked at from the end.
    let Some((most, _)) = groups.iter().enumerate().rev().max_by_key(|(_, (names, _))| names.len()) else {
        return Vec::new();
    };
    let (_, reference) = groups.remove(most);
    groups.into_iter().map(|(proxies, there)| Other { proxies, fields: fields(there, reference) }).collect()
}

/// In what a configuration differs from another.
pub fn fields(there: &Configuration, most: &Configuration) -> Vec<Field> {
    let mut found = Vec::new();
    let names: BTreeSet<&String> = there.keys().chain(most.keys()).collect();
    for resource in names {
        match (there.get(resource), most.get(resource)) {
            (Some(there), Some(most)) => walk(resource, String::new(), Some(there), Some(most), &mut found),
            (there, most) => found.push(Field {
                resource: resource.clone(),
                path: String::new(),
                there: there.map(|_| Value::Bool(true)),
                most: most.map(|_| Value::Bool(true)),
            }),
        }
        if found.len() >= MOST {
            break;
        }
    }
    found
}

fn walk(resource: &str, path: String, there: Option<&Value>, most: Option<&Value>, found: &mut Vec<Field>) {
    if there == most || found.len() >= MOST {
        return;
    }
    match (there, most) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(resource, inner, a.get(key), b.get(key), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if are_named(a) && are_named(b) => {
            let names: BTreeSet<&str> = a.iter().chain(b).filter_map(name).collect();
            for one in names {
                let find = |list: &'_ [Value]| list.iter().position(|item| name(item) == Some(one));
                let (a, b) = (find(a).and_then(|at| a.get(at)), find(b).and_then(|at| b.get(at)));
                walk(resource, format!("{path}[{one}]"), a, b, found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                walk(resource, format!("{path}[{index}]"), Some(a), Some(b), found);
            }
        }
        (there, most) => {
            found.push(Field { resource: resource.into(), path, there: there.cloned(), most: most.cloned() });
        }
    }
}

fn name(item: &Value) -> Option<&str> {
    item.get("name")?.as_str()
}

/// Whether the items of a list are told apart by their names.
fn are_named(list: &[Value]) -> bool {
    let names: BTreeSet<&str> = list.iter().filter_map(name).collect();
    !list.is_empty() && names.len() == list.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn of(limit: u64) -> Configuration {
        let cluster = json!({ "name": "a", "circuit_breakers": { "thresholds": [{ "max_connections": limit }] }, "filters": [{ "name": "x", "on": true }, { "name": "y" }] });
        BTreeMap::from([("cluster a".into(), cluster)])
    }

    #[test]
    fn the_one_that_is_not_as_most_are_is_named_with_the_field() {
        let all = [("p-1".to_owned(), of(4)), ("p-2".to_owned(), of(500)), ("p-3".to_owned(), of(500))];
        let others = others(&all);
        assert_eq!(others.len(), 1);
        assert_eq!(others[0].proxies, ["p-1"]);
        let told: Vec<_> = others[0].fields.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["cluster a has circuit_breakers.thresholds[0].max_connections 4 instead of 500"]);
    }

    #[test]
    fn equals_and_ties() {
        assert!(others(&[("p-1".into(), of(4)), ("p-2".into(), of(4))]).is_empty());
        assert!(others(&[]).is_empty());
        assert_eq!(others(&[("p-1".into(), of(4)), ("p-2".into(), of(5))])[0].proxies, ["p-2"]);
    }

    #[test]
    fn what_is_there_or_not_and_items_by_name() {
        let mut less = of(4);
        less.insert("route 80".into(), json!({}));
        let told =
            |a: &Configuration, b: &Configuration| fields(a, b).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(told(&less, &of(4)), ["route 80 is only there"]);
        assert_eq!(told(&of(4), &less), ["route 80 is not there"]);
        let mut turned = of(4);
        turned.get_mut("cluster a").expect("it")["filters"] = json!([{ "name": "y" }, { "name": "x", "on": false }]);
        assert_eq!(told(&turned, &of(4)), ["cluster a has filters[x].on false instead of true"]);
    }

    proptest! {
        #[test]
        fn alike_if_and_only_if_nothing_differs(a in value(), b in value()) {
            // Items that are told apart by name have no order.
            let wrap = |value: &Value| BTreeMap::from([("cluster a".to_owned(), value.clone())]);
            prop_assert!(fields(&wrap(&a), &wrap(&a)).is_empty());
            if a != b {
                prop_assert!(!fields(&wrap(&a), &wrap(&b)).is_empty());
            }
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(json!(1)), Just(json!("x")), Just(Value::Null), Just(json!(true))];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                prop::collection::btree_map("[a-c]", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }
}
