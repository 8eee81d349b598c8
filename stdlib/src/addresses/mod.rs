//! Addresses at which something is reached: a Service from outside its cluster, or a DNS name.

pub mod gather;

use std::collections::BTreeSet;
use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::text::and;

/// The addresses of something.
#[derive(Clone, Debug)]
pub struct Addresses(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Whose: `Service istio-system/istio-ingressgateway`, `shop.example.com`.
    of: String,
    /// The name of a load balancer that has one instead of an address.
    by: Option<String>,
    known: Result<BTreeSet<String>, Missing>,
}

impl Addresses {
    fn new(of: String, by: Option<String>, known: Result<BTreeSet<String>, Missing>) -> Self {
        Addresses(Arc::new(Inner { of, by, known }))
    }

    /// Whose they are.
    pub fn of(&self) -> &str {
        &self.0.of
    }

    /// The addresses.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn known(&self) -> Result<&BTreeSet<String>, Failure> {
        self.0.known.as_ref().map_err(|missing| missing.failure(&format!("the address of {}", self.0.of)))
    }

    /// Why nothing is known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.known.as_ref().err()
    }
}

impl Noun for Addresses {
    const NAME: &'static str = "Addresses";
    const DOC: &'static str = "The addresses at which a Service is reached from outside its cluster, or to which a DNS name leads. May be missing.";

    fn text(&self) -> String {
        let addresses = match &self.0.known {
            Err(missing) => return format!("no known address ({missing})"),
            Ok(addresses) if addresses.is_empty() => return "no address".into(),
            Ok(addresses) => and(&addresses.iter().cloned().collect::<Vec<_>>()),
        };
        self.0.by.as_ref().map_or_else(|| addresses.clone(), |by| format!("{by} ({addresses})"))
    }

    fn table(&self) -> Table {
        Table::line(format!("{} leads to {}", self.0.of, self.text()))
    }

    fn json(&self) -> Value {
        match &self.0.known {
            Err(missing) => json!({ "of": self.0.of, "missing": missing.to_string() }),
            Ok(addresses) => {
                json!({ "of": self.0.of, "by": self.0.by, "addresses": addresses })
            }
        }
    }

    /// They are the same if they lead to the same addresses.
    fn same(&self, other: &Self) -> Result<bool, Failure> {
        Ok(self.known()? == other.known()?)
    }
}
