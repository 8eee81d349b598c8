//! The causes: what a diagnosis comes to, as a noun.

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use super::cause;
use crate::finding::{Diagnosis, Finding};
use crate::text::percent;

/// Whom a cause harms, and how much of them.
fn harmed(finding: &Finding) -> String {
    match finding.cause {
        cause::SLOW_API => "all, by delay".into(),
        cause::WEBHOOK => "what is new".into(),
        _ => format!("{} of the proxies", percent(finding.harm)),
    }
}

/// What a diagnosis comes to.
#[derive(Clone, Debug)]
pub struct Causes(Arc<Diagnosis>);

impl Causes {
    /// What was found.
    pub fn new(diagnosis: Diagnosis) -> Self {
        Causes(Arc::new(diagnosis))
    }

    /// All of them, the gravest first.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn found(&self) -> Result<&[Finding], Failure> {
        self.0.as_deref().map_err(|missing| missing.failure("what is wrong with the control plane"))
    }

    /// Why nothing can be said, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.as_ref().as_ref().err()
    }
}

impl Noun for Causes {
    const NAME: &'static str = "Causes";
    const DOC: &'static str = "What a diagnosis found to be wrong: causes in fixed words, the gravest first, each with its evidence and what to do next. May be missing, which is not the same as none.";

    fn text(&self) -> String {
        match self.0.as_ref() {
            Err(missing) => format!("what is wrong cannot be told: {missing}"),
            Ok(found) => match found.as_slice() {
                [] => "nothing is wrong with the control plane".into(),
                [only] => only.what.clone(),
                [first, rest @ ..] => format!("{} (and {} more)", first.what, rest.len()),
            },
        }
    }

    fn table(&self) -> Table {
        let found = match self.0.as_ref() {
            Ok(found) if !found.is_empty() => found,
            _ => return Table::line(self.text()),
        };
        let title = if found.len() == 1 {
            "one cause was found".into()
        } else {
            format!("{} causes were found, the gravest first", found.len())
        };
        let mut table = Table::new(title, &["CAUSE", "HARMS", "WHAT"]);
        for one in found {
            table.row([one.cause.into(), harmed(one), one.what.clone()]);
        }
        for one in found {
            let of = if found.len() > 1 { format!("{}: ", one.cause) } else { String::new() };
            table.notes.extend(one.evidence.iter().map(|line| format!("{of}{line}")));
        }
        table
    }

    fn json(&self) -> Value {
        match self.0.as_ref() {
            Err(missing) => json!({ "missing": missing.to_string() }),
            Ok(found) => {
                let all = found.iter().map(|one| json!({ "cause": one.cause, "what": one.what, "evidence": one.evidence, "harm": one.harm, "runbook": one.runbook, "arguments": one.arguments }));
                json!({ "causes": all.collect::<Vec<_>>() })
            }
        }
    }
}
