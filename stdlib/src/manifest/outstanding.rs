//! What of a manifest a cluster does not have yet, or not as it was rendered, or what does not work yet.

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Document, Table};
use serde_json::{Value, json};

use super::Manifest;
use crate::desired::{self, Rule};
use crate::kubernetes::read;
use crate::text::count;

/// What is outstanding of a manifest.
#[derive(Clone, Debug)]
pub struct Outstanding(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    all: usize,
    parts: Vec<desired::Part>,
}

/// The outstanding objects of one kind.
#[derive(Clone, Debug)]
pub struct Part(pub(crate) desired::Part);

/// Holds a cluster against a manifest.
///
/// # Errors
/// What every read can end in.
pub fn gather(run: &Run, manifest: &Manifest) -> Result<Outstanding, Failure> {
    let names = manifest.objects().iter().map(|(reference, _)| reference.clone()).collect();
    let mut differing = Vec::new();
    for ((_, wanted), (reference, now)) in manifest.objects().iter().zip(read::find_all(run, names)?) {
        differing.extend(desired::differing(Rule::Rendered, reference, &Document::of(wanted), now));
    }
    let parts = desired::parts(Rule::Rendered, differing);
    Ok(Outstanding(Arc::new(Inner { all: manifest.objects().len(), parts })))
}

impl Outstanding {
    /// What is outstanding, kind by kind, in the order in which it is applied.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        self.0.parts.iter().cloned().map(Part)
    }

    /// What of it the API server would refuse, with its reason, before anything is made.
    ///
    /// # Errors
    /// What every read can end in.
    pub fn refused(&self, run: &Run) -> Result<Option<String>, Failure> {
        for part in &self.0.parts {
            if let Some(refused) = part.first_refused(run)? {
                return Ok(Some(refused));
            }
        }
        Ok(None)
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.0.parts.is_empty()
    }
}

impl Noun for Outstanding {
    const NAME: &'static str = "Outstanding";
    const DOC: &'static str = "What of a manifest is outstanding, object by object: what is not there, what is otherwise than it was rendered, and what does not work yet. What servers, controllers and istiod itself write is no difference.";

    fn text(&self) -> String {
        let all = count(self.0.all, "rendered object", "rendered objects");
        match self.0.parts.iter().map(desired::Part::len).sum::<usize>() {
            0 => format!("all of the {all} are there, and work"),
            some => format!("{some} of {all} {}", if some == 1 { "is outstanding" } else { "are outstanding" }),
        }
    }

    fn table(&self) -> Table {
        desired::table(self.text(), &self.0.parts, &[])
    }

    fn json(&self) -> Value {
        json!({ "objects": self.0.all, "outstanding": self.0.parts.iter().map(desired::Part::json).collect::<Vec<_>>() })
    }
}

impl Noun for Part {
    const NAME: &'static str = "ManifestPart";
    const DOC: &'static str = "The objects of one kind that are outstanding of a manifest.";

    fn text(&self) -> String {
        self.0.text()
    }

    fn json(&self) -> Value {
        self.0.json()
    }
}
