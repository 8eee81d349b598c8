//! What a service needs to take part in the mesh, and what of it is there.

pub mod file;
pub mod gather;

use std::sync::Arc;

use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

use crate::checklist::{self, Item, State};
use crate::text::and;

/// The items of the checklist, by the words that scripts use.
pub const ITEMS: [&str; 7] =
    ["injection", "sidecar", "probes", "destination rule", "virtual service", "metrics", "traces"];

/// What of a service's onboarding is done.
#[derive(Clone, Debug)]
pub struct Onboarding(Arc<(String, Vec<Item>)>);

impl Onboarding {
    /// Of a host.
    pub fn new(host: String, items: Vec<Item>) -> Self {
        Onboarding(Arc::new((host, items)))
    }

    /// Whether an item is not there; `None` if there is no such item.
    pub fn lacks(&self, what: &str) -> Option<bool> {
        self.0.1.iter().find(|item| item.what == what).map(|item| item.state != State::There)
    }

    /// What was seen of an item.
    pub fn seen(&self, what: &str) -> &str {
        self.0.1.iter().find(|item| item.what == what).map_or("", |item| &item.seen)
    }
}

impl Noun for Onboarding {
    const NAME: &'static str = "Onboarding";
    const DOC: &'static str = "What a service needs to take part in the mesh, item by item: injection, sidecar, probes, destination rule, virtual service, metrics, traces; and what of it is there.";

    fn text(&self) -> String {
        let those = |state: State| -> Vec<String> {
            self.0.1.iter().filter(|item| item.state == state).map(|item| item.what.to_owned()).collect()
        };
        let (lacking, unknown) = (those(State::Lacking), those(State::Unknown));
        let lacks = if lacking.is_empty() { "lacks nothing".into() } else { format!("lacks: {}", and(&lacking)) };
        let untold =
            if unknown.is_empty() { String::new() } else { format!("; it cannot be told of: {}", and(&unknown)) };
        format!("{} {lacks}{untold}", self.0.0)
    }

    fn table(&self) -> Table {
        checklist::table(self.text(), &self.0.1)
    }

    fn json(&self) -> Value {
        json!({ "host": self.0.0, "items": checklist::json(&self.0.1) })
    }
}
