//! The alert: one result of an alerting rule that Prometheus holds pending or firing.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

use crate::text::first_line;

/// The annotation that names the runbook of an alert.
pub const RUNBOOK: &str = "runbook";

/// How far an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its expression has no result.
    Inactive,
    /// Its expression has a result, not yet for as long as the rule demands.
    Pending,
    /// It has been sent.
    Firing,
}

impl State {
    /// As Prometheus writes it.
    pub fn name(self) -> &'static str {
        match self {
            State::Inactive => "inactive",
            State::Pending => "pending",
            State::Firing => "firing",
        }
    }
}

/// One alert.
#[derive(Clone, Debug)]
pub struct Alert(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    state: State,
    since: Option<Timestamp>,
}

impl Alert {
    /// As Prometheus tells it.
    pub fn new(
        labels: BTreeMap<String, String>,
        annotations: BTreeMap<String, String>,
        state: State,
        since: Option<Timestamp>,
    ) -> Self {
        Alert(Arc::new(Inner { labels, annotations, state, since }))
    }

    /// The name of its rule.
    pub fn name(&self) -> &str {
        self.0.labels.get("alertname").map_or("", String::as_str)
    }

    /// Whether it has lasted as long as its rule demands.
    pub fn is_firing(&self) -> bool {
        self.0.state == State::Firing
    }

    /// The runbook that its annotation names.
    pub fn runbook(&self) -> Option<&str> {
        self.0.annotations.get(RUNBOOK).map(String::as_str).filter(|name| !name.is_empty())
    }

    fn annotation(&self, name: &str) -> String {
        self.0.annotations.get(name).map(|text| first_line(text)).unwrap_or_default()
    }
}

impl Noun for Alert {
    const NAME: &'static str = "Alert";
    const DOC: &'static str = "One alert that Prometheus holds pending or firing.";

    fn text(&self) -> String {
        let summary = self.annotation("summary");
        let about = if summary.is_empty() { String::new() } else { format!(" ({summary})") };
        format!("{}{about}", first_line(self.name()))
    }

    fn table(&self) -> Table {
        let mut table = Table::new(self.text(), &["ALERT", "STATE", "SINCE", "WHAT", "RUNBOOK"]);
        let summary = self.annotation("summary");
        let description = self.annotation("description");
        let what = [summary, description].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
        table.row([
            first_line(self.name()),
            self.0.state.name().into(),
            self.0.since.map_or_else(|| "-".into(), |at| at.strftime("%H:%M:%S").to_string()),
            what,
            self.runbook().map_or_else(|| "-".into(), first_line),
        ]);
        table
    }

    fn json(&self) -> Value {
        json!({
            "alert": self.name(), "state": self.0.state.name(), "since": self.0.since.map(|at| at.to_string()),
            "labels": self.0.labels, "annotations": self.0.annotations,
        })
    }
}
