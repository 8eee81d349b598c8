//! The target: something that Prometheus scrapes, and how its last scrape went.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

use crate::text::first_line;

/// One target.
#[derive(Clone, Debug)]
pub struct Target(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    labels: BTreeMap<String, String>,
    url: String,
    health: String,
    error: String,
    scraped: Option<Timestamp>,
}

impl Target {
    /// As Prometheus tells it.
    pub fn new(
        labels: BTreeMap<String, String>,
        url: &str,
        health: &str,
        error: &str,
        scraped: Option<Timestamp>,
    ) -> Self {
        let (url, health, error) = (url.to_owned(), health.to_owned(), error.to_owned());
        Target(Arc::new(Inner { labels, url, health, error, scraped }))
    }

    /// A label's value; empty if it has none, as in Prometheus.
    pub fn label(&self, name: &str) -> &str {
        self.0.labels.get(name).map_or("", String::as_str)
    }

    /// Whether its last scrape was answered.
    pub fn is_up(&self) -> bool {
        self.0.health == "up"
    }

    /// Its pod, or its instance where the scrape configuration keeps no pod.
    fn name(&self) -> String {
        match (self.label("namespace"), self.label("pod")) {
            (_, "") => first_line(self.label("instance")),
            ("", pod) => first_line(pod),
            (namespace, pod) => first_line(&format!("{pod}.{namespace}")),
        }
    }
}

impl Noun for Target {
    const NAME: &'static str = "Target";
    const DOC: &'static str = "Something that Prometheus scrapes, and how its last scrape went.";

    fn text(&self) -> String {
        let error = if self.0.error.is_empty() { String::new() } else { format!(" ({})", self.0.error) };
        format!("{} is {}{error}", self.name(), first_line(&self.0.health))
    }

    fn table(&self) -> Table {
        let mut table = Table::new(self.text(), &["TARGET", "JOB", "HEALTH", "LAST SCRAPE", "ERROR"]);
        table.row([
            self.name(),
            first_line(self.label("job")),
            first_line(&self.0.health),
            self.0.scraped.map_or_else(|| "never".into(), |at| at.strftime("%H:%M:%S").to_string()),
            if self.0.error.is_empty() { "-".into() } else { self.0.error.clone() },
        ]);
        table
    }

    fn json(&self) -> Value {
        json!({
            "labels": self.0.labels, "url": self.0.url, "health": self.0.health, "error": self.0.error,
            "scraped": self.0.scraped.map(|at| at.to_string()),
        })
    }
}
