//! Objects of which there may be many, kept as their JSON: text takes a fifth of the memory of values.

use std::sync::Arc;

use serde_json::Value;

/// An object.
#[derive(Clone, Debug, PartialEq)]
pub struct Document(Arc<str>);

impl Document {
    /// The document of an object.
    pub fn of(object: &Value) -> Self {
        Document(object.to_string().into())
    }

    /// The object, made anew from the text.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).expect("it was written from a value")
    }

    /// JSON without blanks or line breaks between its parts.
    pub fn text(&self) -> &str {
        &self.0
    }
}
