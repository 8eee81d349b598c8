//! JSON of which there may be much, kept as its text: that takes a fifth of the memory of values.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// A value as its JSON. Copies share the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Document(Arc<str>);

impl Document {
    /// The document of a value.
    pub fn of(value: &Value) -> Self {
        Document(value.to_string().into())
    }

    /// The value, made anew from the text.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).expect("it was written from a value")
    }

    /// JSON without blanks or line breaks between its parts.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether it is an object or an array, and so may be long.
    pub fn is_nested(&self) -> bool {
        self.0.starts_with(['{', '['])
    }
}

/// As the value that it is.
impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_written_as_the_value_that_it_is() {
        let value = json!({ "b": [1, 2.5, null], "a": { "text": "one\n\"two\"" } });
        let document = Document::of(&value);
        assert_eq!(document.value(), value);
        assert_eq!(json!({ "inside": &document }), json!({ "inside": value }));
        assert_eq!(serde_json::to_string(&document).expect("it is JSON"), document.text());
        assert!(document.is_nested() && !Document::of(&json!("{")).is_nested());
    }
}
