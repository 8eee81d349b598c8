//! Why a value is missing. Missing is not zero and not a pass.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, NO_DATA};

/// Why there is no data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", content = "detail", rename_all = "snake_case")]
pub enum Missing {
    /// The source answers, but does not export this statistic.
    NotExported(String),
    /// The source answers, but has no series for this selection.
    NoSeries(String),
    /// The newest sample is too old to speak for now.
    Stale(String),
    /// The value is not a number, as with a ratio of nothing to nothing.
    NotANumber(String),
    /// The source did not answer.
    Unreachable(String),
    /// The run is a plan, and only the mesh could answer after the planned changes.
    NotEvaluated(String),
}

impl Missing {
    /// The error that comparing or using the missing value is.
    pub fn failure(&self, what: &str) -> Failure {
        Failure::new(&NO_DATA, format!("{what} has no data: {self}")).hint(
            "ask `is_missing()` and `why()` before comparing; `reference/enable-evidence.rhai` says what to switch on",
        )
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::NotExported(what) => write!(f, "not exported: {what}"),
            Missing::NoSeries(what) => write!(f, "no series: {what}"),
            Missing::Stale(what) => write!(f, "stale: {what}"),
            Missing::NotANumber(what) => write!(f, "not a number: {what}"),
            Missing::Unreachable(what) => write!(f, "source unreachable: {what}"),
            Missing::NotEvaluated(what) => write!(f, "not evaluated: {what}"),
        }
    }
}
