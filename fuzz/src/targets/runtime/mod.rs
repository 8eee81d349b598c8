//! What the runtime reads: scripts, values, records, files, answers.

pub mod answers;
pub mod change;
pub mod config;
pub mod kubeconfig;
pub mod matchers;
pub mod pages;
pub mod params;
pub mod record;
pub mod redact;
pub mod script;
pub mod span;
pub mod values;
