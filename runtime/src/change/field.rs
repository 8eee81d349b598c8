//! Paths of fields in an object, as people write them: `spec.subsets[v2].trafficPolicy.connectionPool`.

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
        Step::Item { by, is } => value.as_array()?.iter().find(|item| identity(item, by).as_ref() == Some(is)),
    })
}

/// The identity of a list's item by a field such as `name` or `port.number`.
pub fn identity(item: &Value, by: &str) -> Option<Identity> {
    match by.split('.').try_fold(item, |value, key| value.get(key))? {
        Value::String(text) => Some(Identity::Text(text.clone())),
        Value::Number(number) => number.as_u64().map(Identity::Number),
        _ => None,
    }
}
