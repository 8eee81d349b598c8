//! Whom the workloads of a mesh trust: its root certificates.

pub mod gather;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

/// One root certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// SHA-256 of the certificate, in hexadecimal digits.
    pub fingerprint: String,
    /// Its subject (RFC 4514).
    pub subject: String,
    /// The end of its validity, RFC 3339.
    pub until: String,
}

/// The root certificates of a mesh.
#[derive(Clone, Debug)]
pub struct TrustRoot(Arc<Result<Vec<Root>, Missing>>);

impl TrustRoot {
    fn new(roots: Result<Vec<Root>, Missing>) -> Self {
        TrustRoot(Arc::new(roots))
    }

    /// The certificates.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn roots(&self) -> Result<&[Root], Failure> {
        self.0.as_ref().as_deref().map_err(|missing| missing.failure("the root of trust"))
    }

    /// Why nothing is known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.as_ref().as_ref().err()
    }

    /// Whether a certificate is trusted in both.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn shares(&self, other: &Self) -> Result<bool, Failure> {
        let others = other.roots()?;
        Ok(self.roots()?.iter().any(|root| others.iter().any(|other| other.fingerprint == root.fingerprint)))
    }
}

impl Noun for TrustRoot {
    const NAME: &'static str = "TrustRoot";
    const DOC: &'static str = "The root certificates that the workloads of a mesh trust. May be missing.";

    fn text(&self) -> String {
        match &*self.0 {
            Err(missing) => format!("the root of trust is not known: {missing}"),
            Ok(roots) => {
                let each: Vec<_> = roots.iter().map(|root| format!("{} {}", root.subject, short(root))).collect();
                format!("root {}", crate::text::and(&each))
            }
        }
    }

    fn table(&self) -> Table {
        let Ok(roots) = &*self.0 else { return Table::line(self.text()) };
        let mut table = Table::new("root certificates", &["SHA-256", "NOT AFTER", "SUBJECT"]);
        for root in roots {
            table.row([short(root).to_owned(), root.until.clone(), root.subject.clone()]);
        }
        table
    }

    fn json(&self) -> Value {
        match &*self.0 {
            Err(missing) => json!({ "missing": missing.to_string() }),
            Ok(roots) => roots
                .iter()
                .map(|root| json!({ "sha256": root.fingerprint, "subject": root.subject, "not_after": root.until }))
                .collect(),
        }
    }

    fn same(&self, other: &Self) -> Result<bool, Failure> {
        Ok(self.roots()? == other.roots()?)
    }
}

/// So much of a fingerprint as people compare.
fn short(root: &Root) -> &str {
    root.fingerprint.get(..16).unwrap_or(&root.fingerprint)
}
