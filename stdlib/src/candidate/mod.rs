//! The candidate: one object that could apply, and why it does or does not.

use std::sync::Arc;

use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

/// An object that could apply to a caller and a host.
#[derive(Clone, Debug)]
pub struct Candidate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kind: &'static str,
    object: String,
    applies: bool,
    why: String,
}

impl Candidate {
    /// A candidate. `object` is written `KIND NAMESPACE/NAME`.
    pub fn new(kind: &'static str, object: impl Into<String>, applies: bool, why: impl ToString) -> Self {
        Candidate(Arc::new(Inner { kind, object: object.into(), applies, why: why.to_string() }))
    }

    /// Its kind.
    pub fn kind(&self) -> &'static str {
        self.0.kind
    }

    /// `DestinationRule summit/graph-core`.
    pub fn object(&self) -> &str {
        &self.0.object
    }

    /// Whether it applies.
    pub fn applies(&self) -> bool {
        self.0.applies
    }

    /// Why it does, or does not.
    pub fn why(&self) -> &str {
        &self.0.why
    }
}

impl Noun for Candidate {
    const NAME: &'static str = "Candidate";
    const DOC: &'static str = "An object of the mesh's configuration that could apply to a caller and a host, whether it does, and why: one link of the chain of precedence.";

    fn text(&self) -> String {
        let verb = if self.0.applies { "applies" } else { "does not apply" };
        format!("{} {verb}: {}", self.0.object, self.0.why)
    }

    fn table(&self) -> Table {
        Table::line(self.text())
    }

    fn json(&self) -> Value {
        json!({ "kind": self.0.kind, "object": self.0.object, "applies": self.0.applies, "why": self.0.why })
    }
}
