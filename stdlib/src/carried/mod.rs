//! What the proxies of callers carry of a host: its clusters and its virtual hosts, as Envoy has them now.

pub mod changes;
pub mod gather;
pub mod walk;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::differences::compare::Configuration;
use crate::text::{count, some};

/// What the proxies of callers carry of a host.
#[derive(Clone, Debug)]
pub struct Carried(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `graph-core.summit`.
    host: String,
    /// Name of the virtual host that requests to it meet: `graph-core.summit.svc.cluster.local:8080`.
    virtual_host: String,
    /// By pod.
    proxies: Result<Vec<(String, Configuration)>, Missing>,
}

impl Carried {
    /// What was gathered.
    pub fn new(host: String, virtual_host: String, proxies: Result<Vec<(String, Configuration)>, Missing>) -> Self {
        Carried(Arc::new(Inner { host, virtual_host, proxies }))
    }

    /// The host, for messages.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The virtual host that requests to it meet.
    pub fn virtual_host(&self) -> &str {
        &self.0.virtual_host
    }

    /// The configurations by pod.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn proxies(&self) -> Result<&[(String, Configuration)], Failure> {
        let what = || format!("what the proxies carry of {}", self.0.host);
        self.0.proxies.as_deref().map_err(|missing| missing.failure(&what()))
    }

    /// Why nothing is known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.proxies.as_ref().err()
    }
}

impl Noun for Carried {
    const NAME: &'static str = "Carried";
    const DOC: &'static str = "What the proxies of all callers carry of a host, field by field, at one moment. May be missing: a proxy that did not answer, or no callers.";

    fn text(&self) -> String {
        match &self.0.proxies {
            Err(missing) => format!("what the proxies carry of {} has no data: {missing}", self.0.host),
            Ok(proxies) => format!("{} of callers of {}", count(proxies.len(), "proxy", "proxies"), self.0.host),
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::line(self.text());
        if let Ok(proxies) = &self.0.proxies {
            let names: Vec<String> = proxies.iter().map(|(name, _)| name.clone()).collect();
            table.note(some(&names, 6));
        }
        table
    }

    fn json(&self) -> Value {
        match &self.0.proxies {
            Err(missing) => json!({ "host": self.0.host, "missing": missing.to_string() }),
            Ok(proxies) => {
                json!({ "host": self.0.host, "proxies": proxies.iter().map(|(name, _)| name).collect::<Vec<_>>() })
            }
        }
    }
}
