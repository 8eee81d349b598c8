//! Paths of fields in an object, as people write them: `spec.subsets[v2].trafficPolicy.connectionPool`.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Step {
    /// A field of an object.
    Key(String),
    /// The item of a list whose `by` field (`name`, `port.number`) equals this value.
    Item {
        /// Field that identifies items, with dots.
        by: String,
        /// Its value.
        is: Identity,
    },
    /// The item of a list at this place, where items have no identity.
    At(usize),
}

/// The value of an identifying field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Identity {
    /// A number.
    Number(u64),
    /// A string.
    Text(String),
}

/// A path from the root of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(pub Vec<Step>);

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if key.contains(['.', '/']) => write!(f, "[\"{key}\"]")?,
                Step::Key(key) if index == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Item { is: Identity::Text(is), .. } => write!(f, "[{is}]")?,
                Step::Item { is: Identity::Number(is), .. } => write!(f, "[{is}]")?,
                Step::At(place) => write!(f, "[{place}]")?,
            }
        }
        Ok(())
    }
}

/// A field that no path leads to is absent.
pub fn get<'a>(object: &'a Value, path: &Path) -> Option<&'a Value> {
    path.0.iter().try_fold(object, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::At(place) => value.get(place),
        Step::Item { by, is } => find(value.as_array()?, by, is),
    })
}

/// How many steps of a path an object has: all of them if the field is there.
pub fn depth(object: &Value, path: &Path) -> usize {
    (1..=path.0.len())
        .take_while(|length| get(object, &Path(path.0[..*length].to_vec())).is_some_and(|value| !value.is_null()))
        .count()
}

/// The first item of a list with this identity.
pub fn find<'a>(items: &'a [Value], by: &str, is: &Identity) -> Option<&'a Value> {
    items.iter().find(|item| identity(item, by).as_ref() == Some(is))
}

/// The places of all items of a list with this identity.
pub fn positions(items: &[Value], by: &str, is: &Identity) -> Vec<usize> {
    let same = |(place, item): (usize, &Value)| (identity(item, by).as_ref() == Some(is)).then_some(place);
    items.iter().enumerate().filter_map(same).collect()
}

/// The identity of a list's item by a field such as `name` or `port.number`.
pub fn identity(item: &Value, by: &str) -> Option<Identity> {
    match by.split('.').try_fold(item, |value, key| value.get(key))? {
        Value::String(text) => Some(Identity::Text(text.clone())),
        Value::Number(number) => number.as_u64().map(Identity::Number),
        _ => None,
    }
}

/// Whether every list on the path tells all its items apart: only then does the path lead to one field.
pub fn is_unambiguous(object: &Value, path: &Path) -> bool {
    (0..path.0.len()).all(|length| match (&path.0[length], get(object, &Path(path.0[..length].to_vec()))) {
        (Step::Item { by, .. }, Some(Value::Array(items))) => identities(items, by).is_some(),
        _ => true,
    })
}

/// The identities of all items of a list, if each has one and no two share it.
pub fn identities(items: &[Value], by: &str) -> Option<Vec<Identity>> {
    let identities = items.iter().map(|item| identity(item, by)).collect::<Option<Vec<_>>>()?;
    let unique = identities.iter().collect::<BTreeSet<_>>().len() == identities.len();
    unique.then_some(identities)
}
