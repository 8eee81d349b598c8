//! Log lines of containers.

pub mod gather;

use std::sync::Arc;

use jiff::Timestamp;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

/// A line that a container wrote.
#[derive(Clone, Debug)]
pub struct LogLine(Arc<Facts>);

/// What a line says, when, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Facts {
    /// When the container runtime received it.
    pub at: Timestamp,
    /// The pod's name.
    pub pod: String,
    /// The line, without secrets and control characters.
    pub message: String,
}

impl LogLine {
    /// A line that was read.
    pub fn new(facts: Facts) -> Self {
        LogLine(Arc::new(facts))
    }

    /// What it says.
    pub fn facts(&self) -> &Facts {
        &self.0
    }
}

impl Facts {
    /// Reads a line as `timestamps=true` writes it: the time (RFC 3339), a space, what was written.
    pub fn parse(pod: &str, line: &str) -> Option<Self> {
        let (at, message) = line.split_once(' ').unwrap_or((line, ""));
        let at = at.parse().ok()?;
        let message = meshbook_runtime::record::redact::text(message.trim_end_matches('\r'));
        // What a terminal would obey is not for a terminal; a tab is written by many loggers between fields.
        let message = message.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        Some(Facts { at, pod: pod.to_owned(), message })
    }
}

impl Noun for LogLine {
    const NAME: &'static str = "LogLine";
    const DOC: &'static str = "A line that a container wrote, with its time.";

    fn text(&self) -> String {
        self.0.message.clone()
    }

    fn table(&self) -> Table {
        let mut table = Table::new("a line", &["TIME", "POD", "LINE"]);
        table.row([self.0.at.strftime("%H:%M:%S%.3f").to_string(), self.0.pod.clone(), self.0.message.clone()]);
        table
    }

    fn json(&self) -> Value {
        json!({ "time": self.0.at.to_string(), "pod": self.0.pod, "line": self.0.message })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_has_a_time_and_no_secret() {
        let line = "2026-01-05T10:00:00.123456789Z login token: password=hunter2hunter2\tok\u{1b}[31m";
        let facts = Facts::parse("front-1", line).expect("a line");
        assert_eq!(facts.at.to_string(), "2026-01-05T10:00:00.123456789Z");
        assert!(!facts.message.contains("hunter2") && !facts.message.contains('\u{1b}'), "{}", facts.message);
        assert_eq!(Facts::parse("front-1", "2026-01-05T10:00:00Z").expect("an empty line").message, "");
        assert_eq!(Facts::parse("front-1", "a line that was cut in its time"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(line in ".{0,80}") {
            let _ = Facts::parse("p", &line);
        }
    }
}
