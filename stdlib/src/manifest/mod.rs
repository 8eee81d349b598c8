//! Objects that were rendered for an installation: what a cluster is to have.
//!
//! istioctl and Helm only render; what they have written is applied here, on the road of changes.

pub mod gather;
pub mod order;
pub mod outstanding;

use std::collections::BTreeMap;
use std::sync::Arc;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

use crate::text::{and, count};

/// Objects that were rendered.
#[derive(Clone, Debug)]
pub struct Manifest(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Where they come from: `istioctl 1.31.0, profile minimal`.
    source: String,
    /// In the order in which they are applied.
    objects: Vec<(ObjectRef, Value)>,
}

impl Manifest {
    /// Objects in the order in which they are applied.
    pub fn new(source: String, objects: Vec<(ObjectRef, Value)>) -> Self {
        Manifest(Arc::new(Inner { source, objects }))
    }

    /// Its objects.
    pub fn objects(&self) -> &[(ObjectRef, Value)] {
        &self.0.objects
    }

    /// The control planes in it: each Deployment of istiods, with the version of its image.
    pub fn control_planes(&self) -> impl Iterator<Item = (&ObjectRef, &str)> {
        self.0.objects.iter().filter_map(|(reference, object)| Some((reference, istiod_version(object)?)))
    }
}

/// The version of a Deployment of istiods, by the tag of its image; `None` of anything else.
pub fn istiod_version(object: &Value) -> Option<&str> {
    let is_istiod = object["kind"] == "Deployment"
        && object.pointer("/spec/template/metadata/labels/app").and_then(Value::as_str) == Some("istiod");
    let image =
        object.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str).filter(|_| is_istiod)?;
    Some(image.rsplit_once(':').map_or(image, |(_, tag)| tag))
}

impl Noun for Manifest {
    const NAME: &'static str = "Manifest";
    const DOC: &'static str = "Objects that istioctl or Helm has rendered: what a cluster is to have of an installation, in the order in which it is applied.";

    fn text(&self) -> String {
        format!("{} by {}", count(self.0.objects.len(), "object", "objects"), self.0.source)
    }

    fn table(&self) -> Table {
        let mut table = Table::new(self.text(), &["KIND", "OBJECTS"]);
        let mut kinds: Vec<(&str, usize)> = Vec::new();
        for (reference, _) in &self.0.objects {
            match kinds.iter_mut().find(|(kind, _)| *kind == reference.kind.kind) {
                Some((_, number)) => *number += 1,
                None => kinds.push((&reference.kind.kind, 1)),
            }
        }
        for (kind, number) in kinds {
            table.row([kind.to_owned(), number.to_string()]);
        }
        let planes: Vec<String> = self.control_planes().map(|(plane, version)| format!("{plane}: {version}")).collect();
        if !planes.is_empty() {
            table.note(format!("control plane: {}", and(&planes)));
            let others = self.control_planes().any(|(_, version)| !self.0.source.contains(version));
            if others && self.0.source.contains("istioctl") {
                table.note(
                    "its image is not of istioctl's version: istioctl was built with another, or a value names it",
                );
            }
        }
        table
    }

    fn json(&self) -> Value {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        self.0.objects.iter().for_each(|(reference, _)| *kinds.entry(&reference.kind.kind).or_default() += 1);
        json!({ "source": self.0.source, "objects": self.0.objects.iter().map(|(reference, _)| reference.to_string()).collect::<Vec<_>>(), "kinds": kinds })
    }
}
