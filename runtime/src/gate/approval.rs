//! What a person has approved before the run: `--approve KIND[/NAME][=COUNT]`.

use std::str::FromStr;

/// Changes of one kind of object, or of one object, that need no asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Kind, in lower case: `destinationrule`.
    pub kind: String,
    /// Only the object of this name. What cannot be taken back, and what GitOps owns, has to be named.
    pub name: Option<String>,
    /// At most so many changes; `None` is any number.
    pub count: Option<u64>,
}

impl FromStr for Approval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` is not an approval: {why}; write for example destinationrule, destinationrule=2, deployment/front");
        let (object, count) = match text.split_once('=') {
            Some((object, count)) => (object, Some(count.parse().ok().filter(|count| *count > 0).ok_or_else(|| wrong("the count is not a whole number above 0"))?)),
            None => (text, None),
        };
        let (kind, name) = match object.split_once('/') {
            Some((kind, name)) => (kind, Some(name)),
            None => (object, None),
        };
        if kind.is_empty() || !kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(wrong("the kind is missing or not a kind"));
        }
        if name.is_some_and(|name| name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c))) {
            return Err(wrong("the name is not a name"));
        }
        Ok(Approval { kind: kind.to_ascii_lowercase(), name: name.map(Into::into), count })
    }
}
