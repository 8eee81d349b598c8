//! The object: a Kubernetes object as it is, for what has no noun of its own.

pub mod convert;
pub mod path;

use std::sync::Arc;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::noun::Noun;
use serde_json::Value;

/// A Kubernetes object.
#[derive(Clone, Debug)]
pub struct Object(Arc<(ObjectRef, Value)>);

impl Object {
    /// What was read.
    pub fn new(reference: ObjectRef, value: Value) -> Self {
        Object(Arc::new((reference, value)))
    }

    /// Which.
    pub fn reference(&self) -> &ObjectRef {
        &self.0.0
    }

    /// As the API server wrote it.
    pub fn value(&self) -> &Value {
        &self.0.1
    }
}

impl Noun for Object {
    const NAME: &'static str = "Object";
    const DOC: &'static str = "A Kubernetes object of any kind, as it was read.";

    fn text(&self) -> String {
        self.0.0.to_string()
    }

    fn json(&self) -> Value {
        let mut value = self.0.1.clone();
        // Who owns which field says nothing about the object, and fills pages.
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        value
    }
}
