//! What a diagnosis says: its causes, each with its evidence and with what to run next.

use meshbook_runtime::value::Missing;

/// One cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The cause, in the words by which runbooks tell causes apart: `overload`, `TLS switched off by a rule`.
    pub cause: &'static str,
    /// One sentence: what is wrong, on which object, how much of it.
    pub what: String,
    /// The figures that it stands on, each with its source.
    pub evidence: Vec<String>,
    /// The share (0 to 1) of the requests or proxies in question that it harms.
    pub harm: f64,
    /// The same for people: `31 % of the requests`, `what is new`.
    pub harms: String,
    /// The runbook that deals with it, as a path below `runbooks/`.
    pub runbook: &'static str,
    /// Its arguments, each `NAME=VALUE`.
    pub arguments: Vec<String>,
}

/// What a diagnosis comes to: all causes that it found, the gravest first; none if it looked and found nothing; or why
/// it could not look.
pub type Diagnosis = Result<Vec<Finding>, Missing>;
