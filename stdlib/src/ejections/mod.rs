//! Ejections: hosts to which callers' proxies send nothing because outlier detection has found them failing.

pub mod gather;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::host::Host;
use crate::text::{and, count, some};

/// Hosts that are ejected now.
#[derive(Clone, Debug)]
pub struct Ejections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Host,
    seen: Result<Seen, Missing>,
}

/// What the callers' proxies say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Callers' proxies that answered.
    pub callers: usize,
    /// All hosts that they know.
    pub hosts: usize,
    /// Ejected hosts: the pod where it is known, else the address; and how many callers have ejected it.
    pub ejected: Vec<(String, usize)>,
    /// What ejects: the settings of each rule in one line.
    pub rules: Vec<String>,
}

impl Seen {
    /// Whether at least half of the hosts are ejected by at least half of the callers: the rest carries all the load.
    pub fn is_most(&self) -> bool {
        let by_most = self.ejected.iter().filter(|(_, callers)| 2 * callers >= self.callers).count();
        by_most > 0 && 2 * by_most >= self.hosts
    }
}

impl Ejections {
    /// What was seen.
    pub fn new(host: Host, seen: Result<Seen, Missing>) -> Self {
        Ejections(Arc::new(Inner { host, seen }))
    }

    /// What was seen.
    ///
    /// # Errors
    /// `NO_DATA` with the reason, if no caller's proxy answered.
    pub fn seen(&self) -> Result<&Seen, Failure> {
        let what = || format!("which hosts of {} are ejected", self.0.host.text());
        self.0.seen.as_ref().map_err(|missing| missing.failure(&what()))
    }

    /// Why nothing was seen, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.seen.as_ref().err()
    }
}

impl Noun for Ejections {
    const NAME: &'static str = "Ejections";
    const DOC: &'static str = "Hosts of a service that its callers' proxies have ejected: outlier detection found them failing, and the others carry their load. May be missing.";

    fn text(&self) -> String {
        let host = self.0.host.text();
        match &self.0.seen {
            Err(missing) => format!("which hosts of {host} are ejected has no data: {missing}"),
            Ok(seen) if seen.ejected.is_empty() => {
                format!("none of {} of {host} is ejected", count(seen.hosts, "host", "hosts"))
            }
            Ok(seen) => {
                let names: Vec<_> = seen.ejected.iter().map(|(name, _)| name.clone()).collect();
                let by = if seen.rules.is_empty() { String::new() } else { format!(", by {}", and(&seen.rules)) };
                format!("{} of {} hosts of {host} are ejected: {}{by}", names.len(), seen.hosts, some(&names, 6))
            }
        }
    }

    fn table(&self) -> Table {
        let Ok(seen) = &self.0.seen else { return Table::line(self.text()) };
        if seen.ejected.is_empty() {
            return Table::line(self.text());
        }
        let title = format!("{} of {} hosts of {} are ejected", seen.ejected.len(), seen.hosts, self.0.host.text());
        let mut table = Table::new(title, &["HOST", "EJECTED BY", "SOURCE"]);
        for (name, callers) in &seen.ejected {
            table.row([
                name.clone(),
                format!("{callers} of {}", count(seen.callers, "caller's proxy", "callers' proxies")),
                "Envoy: /clusters, failed_outlier_check".into(),
            ]);
        }
        for rule in &seen.rules {
            table.note(format!("set by {rule}"));
        }
        table
    }

    fn json(&self) -> Value {
        let host = self.0.host.fqdn();
        match &self.0.seen {
            Err(missing) => json!({ "host": host, "missing": missing.to_string() }),
            Ok(seen) => {
                let ejected: Vec<_> =
                    seen.ejected.iter().map(|(name, callers)| json!({ "host": name, "callers": callers })).collect();
                json!({ "host": host, "hosts": seen.hosts, "callers": seen.callers, "ejected": ejected, "rules": seen.rules })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(callers: usize, hosts: usize, ejected: &[usize]) -> Seen {
        let ejected = ejected.iter().enumerate().map(|(i, callers)| (format!("pod-{i}"), *callers)).collect();
        Seen { callers, hosts, ejected, rules: vec![] }
    }

    #[test]
    fn most_is_half_of_the_hosts_by_half_of_the_callers() {
        assert!(seen(2, 6, &[2, 2, 2, 2]).is_most());
        assert!(seen(2, 6, &[2, 1, 1]).is_most());
        assert!(!seen(2, 6, &[2, 2]).is_most());
        assert!(!seen(10, 6, &[1, 1, 1, 1]).is_most(), "one caller alone overloads nobody");
        assert!(!seen(2, 6, &[]).is_most());
        assert!(!seen(2, 0, &[]).is_most());
    }
}
