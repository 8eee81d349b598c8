//! The rule: a DestinationRule, as it limits what may be open to a host.

pub mod limits;
pub mod lookup;
pub mod policy;
pub mod tls;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use limits::Limits;
use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

use crate::host::Host;
use crate::kubernetes::kinds;
use policy::Level;

/// A DestinationRule.
#[derive(Clone, Debug)]
pub struct Rule(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    object: ObjectRef,
    spec: Value,
    host: Host,
    levels: BTreeSet<Level>,
}

impl Rule {
    /// A rule for a host. `levels` are the places in it that matter: those that refuse, or all of them.
    pub fn new(object: &Value, host: &Host, levels: impl IntoIterator<Item = Level>) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let reference = ObjectRef::new(kinds::destination_rule(), text("/metadata/namespace"), text("/metadata/name"));
        let spec = object.get("spec").cloned().unwrap_or(Value::Null);
        Rule(Arc::new(Inner { object: reference, spec, host: host.clone(), levels: levels.into_iter().collect() }))
    }

    /// The object.
    pub fn object(&self) -> &ObjectRef {
        &self.0.object
    }

    /// The host that it was looked up for.
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// The places in it that matter.
    pub fn levels(&self) -> Vec<Level> {
        self.0.levels.iter().cloned().collect()
    }

    /// Whether it was written for this host alone: a wildcard holds for other hosts too.
    pub fn is_for_one_host(&self) -> bool {
        self.0.spec.get("host").and_then(Value::as_str).is_some_and(|host| !host.contains('*'))
    }

    /// What it prescribed when it was read, at each place that matters.
    pub fn limits(&self) -> Vec<(&Level, Limits)> {
        self.0.levels.iter().map(|level| (level, policy::limits_at(&self.0.spec, level))).collect()
    }

    /// The narrowest of its limits.
    pub fn tightest(&self) -> Limits {
        let narrow = |all: Limits, one: Limits| Limits {
            max_connections: all.max_connections.min(one.max_connections),
            max_pending_requests: all.max_pending_requests.min(one.max_pending_requests),
            max_requests: all.max_requests.min(one.max_requests),
        };
        self.limits().into_iter().fold(Limits::UNLIMITED, |all, (_, one)| narrow(all, one))
    }
}

impl Noun for Rule {
    const NAME: &'static str = "Rule";
    const DOC: &'static str = "A DestinationRule, with the places in it whose connection pools limit what may be open to a host: the rule itself, a subset, a port.";

    fn text(&self) -> String {
        self.0.object.to_string()
    }

    fn table(&self) -> Table {
        let mut table = Table::new(self.text(), &["WHERE", "LIMITS"]);
        for (level, limits) in self.limits().into_iter().filter(|(_, limits)| !limits.is_unlimited()) {
            table.row([level.to_string(), limits.to_string()]);
        }
        for level in &self.0.levels {
            if let Some(mode) = tls::mode_at(&self.0.spec, level) {
                table.note(format!("{} is {mode}", tls::path(level)));
            }
        }
        if table.rows.is_empty() {
            table.note("it sets no limit");
        }
        table
    }

    fn json(&self) -> Value {
        let places: Vec<_> = self
            .limits()
            .iter()
            .map(|(level, limits)| json!({ "where": level.to_string(), "limits": limits.json() }))
            .collect();
        json!({ "namespace": self.0.object.namespace, "name": self.0.object.name, "host": self.0.host.fqdn(), "limits": places })
    }
}
