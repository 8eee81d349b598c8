//! The causes: what a diagnosis comes to, as a noun.

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::finding::{Diagnosis, Finding};

/// What a diagnosis comes to.
#[derive(Clone, Debug)]
pub struct Causes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    subject: String,
    diagnosis: Diagnosis,
    notes: Vec<String>,
}

impl Causes {
    /// What was found wrong with the subject, for example `the control plane`.
    pub fn new(subject: impl Into<String>, diagnosis: Diagnosis) -> Self {
        Causes::with_notes(subject, diagnosis, Vec::new())
    }

    /// The same, with what a person should know of how it was looked for.
    pub fn with_notes(subject: impl Into<String>, diagnosis: Diagnosis, notes: Vec<String>) -> Self {
        Causes(Arc::new(Inner { subject: subject.into(), diagnosis, notes }))
    }

    /// All of them, the gravest first.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn found(&self) -> Result<&[Finding], Failure> {
        let what = || format!("what is wrong with {}", self.0.subject);
        self.0.diagnosis.as_deref().map_err(|missing| missing.failure(&what()))
    }

    /// Why nothing can be said, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.diagnosis.as_ref().err()
    }
}

impl Noun for Causes {
    const NAME: &'static str = "Causes";
    const DOC: &'static str = "What a diagnosis found to be wrong: causes in fixed words, the gravest first, each with its evidence and what to do next. May be missing, which is not the same as none.";

    fn text(&self) -> String {
        match &self.0.diagnosis {
            Err(missing) => format!("what is wrong cannot be told: {missing}"),
            Ok(found) => match found.as_slice() {
                [] => format!("nothing is wrong with {}", self.0.subject),
                [only] => only.what.clone(),
                [first, rest @ ..] => format!("{} (and {} more)", first.what, rest.len()),
            },
        }
    }

    fn table(&self) -> Table {
        let found = match &self.0.diagnosis {
            Ok(found) if !found.is_empty() => found,
            _ => {
                let mut table = Table::line(self.text());
                table.notes.extend(self.0.notes.iter().cloned());
                return table;
            }
        };
        let title = if found.len() == 1 {
            "one cause was found".into()
        } else {
            format!("{} causes were found, the gravest first", found.len())
        };
        let mut table = Table::new(title, &["CAUSE", "HARMS", "WHAT"]);
        for one in found {
            table.row([one.cause.into(), one.harms.clone(), one.what.clone()]);
        }
        for one in found {
            let of = if found.len() > 1 { format!("{}: ", one.cause) } else { String::new() };
            table.notes.extend(one.evidence.iter().map(|line| format!("{of}{line}")));
        }
        table.notes.extend(self.0.notes.iter().cloned());
        table
    }

    fn json(&self) -> Value {
        match &self.0.diagnosis {
            Err(missing) => json!({ "missing": missing.to_string(), "notes": self.0.notes }),
            Ok(found) => {
                let all = found.iter().map(|one| json!({ "cause": one.cause, "what": one.what, "evidence": one.evidence, "harm": one.harm, "harms": one.harms, "runbook": one.runbook, "arguments": one.arguments }));
                json!({ "causes": all.collect::<Vec<_>>(), "notes": self.0.notes })
            }
        }
    }
}
