//! Whether Istio can be installed into a cluster, or upgraded in it: the checks of `istioctl x precheck`.
//!
//! `istioctl/pkg/precheck/precheck.go` of Istio 1.31: the version of Kubernetes (IST0142), the permissions of whoever installs
//! (IST0141), the versions of the Gateway API's CRDs (IST0156, IST0172), alpha annotations (IST0136). An error there is one
//! here; alpha annotations are told, and stop nobody.

pub mod alpha;
pub mod gather;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::text::count;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Istio will not work.
    Error,
    /// It will not with one of its next versions.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// istioctl's code.
    pub code: &'static str,
    /// How much it matters.
    pub level: Level,
    /// What was found.
    pub what: String,
}

/// What the checks came to.
#[derive(Clone, Debug)]
pub struct Precheck(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    version: String,
    seen: Result<Seen, Missing>,
}

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    /// The API server's version.
    pub kubernetes: String,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What was looked at, and what is worth knowing.
    pub notes: Vec<String>,
    /// What nobody here knows of this version, if anything.
    pub unknown: Option<Missing>,
}

impl Precheck {
    fn new(version: &str, seen: Result<Seen, Missing>) -> Self {
        Precheck(Arc::new(Inner { version: version.to_owned(), seen }))
    }

    /// Why it is not known whether it can be installed, if so. An error that was found is known all the same.
    pub fn missing(&self) -> Option<&Missing> {
        match &self.0.seen {
            Err(missing) => Some(missing),
            Ok(seen) if seen.findings.iter().any(|one| one.level == Level::Error) => None,
            Ok(seen) => seen.unknown.as_ref(),
        }
    }

    /// The findings.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn findings(&self) -> Result<&[Finding], Failure> {
        let seen = self.0.seen.as_ref().map_err(|missing| missing.failure("what Istio finds in this cluster"))?;
        Ok(&seen.findings)
    }

    /// Whether there is no error.
    ///
    /// # Errors
    /// As [`Precheck::findings`]; `NO_DATA` too where what the version needs is not known.
    pub fn is_passed(&self) -> Result<bool, Failure> {
        if let Some(missing) = self.missing() {
            return Err(missing.failure("what Istio finds in this cluster"));
        }
        Ok(self.findings()?.iter().all(|finding| finding.level != Level::Error))
    }
}

impl Noun for Precheck {
    const NAME: &'static str = "Precheck";
    const DOC: &'static str = "Whether Istio of a version can be installed into the cluster: what `istioctl x precheck` looks at. May be missing.";

    fn text(&self) -> String {
        let seen = match &self.0.seen {
            Err(missing) => {
                return format!("it is not known whether Istio {} can be installed: {missing}", self.0.version);
            }
            Ok(seen) => seen,
        };
        if let Some(missing) = self.missing() {
            return format!("it is not known whether Istio {} can be installed: {missing}", self.0.version);
        }
        let errors: Vec<&Finding> = seen.findings.iter().filter(|one| one.level == Level::Error).collect();
        match errors.as_slice() {
            [] => format!("Istio {} can be installed: Kubernetes {}", self.0.version, seen.kubernetes),
            [one] => format!("Istio {} cannot be installed: {} ({})", self.0.version, one.what, one.code),
            [one, rest @ ..] => format!(
                "Istio {} cannot be installed: {} ({}), and {} more",
                self.0.version,
                one.what,
                one.code,
                rest.len()
            ),
        }
    }

    fn table(&self) -> Table {
        let Ok(seen) = &self.0.seen else { return Table::line(self.text()) };
        let mut table = if seen.findings.is_empty() {
            Table::line(self.text())
        } else {
            let title = format!("{} for Istio {}", count(seen.findings.len(), "finding", "findings"), self.0.version);
            let mut table = Table::new(title, &["CODE", "LEVEL", "FOUND"]);
            for finding in &seen.findings {
                let level = if finding.level == Level::Error { "error" } else { "warning" };
                table.row([finding.code.to_owned(), level.to_owned(), finding.what.clone()]);
            }
            table
        };
        table.notes.extend(seen.notes.iter().cloned());
        table
    }

    fn json(&self) -> Value {
        match &self.0.seen {
            Err(missing) => json!({ "version": self.0.version, "missing": missing.to_string() }),
            Ok(seen) => json!({
                "version": self.0.version, "kubernetes": seen.kubernetes, "notes": seen.notes,
                "findings": seen.findings.iter().map(|one| json!({ "code": one.code, "error": one.level == Level::Error, "what": one.what })).collect::<Vec<_>>(),
            }),
        }
    }
}
