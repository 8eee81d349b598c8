//! Timeouts along a chain: what a request may take, and what the requests may take that the service sends meanwhile.

pub mod gather;

use std::sync::Arc;
use std::time::Duration;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::host::Host;
use crate::route::policy::written;
use crate::text::{and, percent};

/// The share of requests that must end at a timeout for it to matter.
const OFTEN: f64 = 0.05;

/// Timeouts of a host and of what it asks.
#[derive(Clone, Debug)]
pub struct Timeouts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Host,
    seen: Result<Seen, Missing>,
}

/// What the routes say, and how requests end.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The route to the host, in words, and the longest that a request on it may take; `None` without a bound.
    pub outer: (String, Option<Duration>),
    /// The same of each service that it asks, with the service's name.
    pub inner: Vec<(String, String, Option<Duration>)>,
    /// The share of requests that ended because they took too long: by the route's timeout, or because the caller left.
    pub cut: f64,
}

impl Seen {
    /// The services that may work on when nobody waits for the host any more.
    pub fn outlasting(&self) -> Vec<&(String, String, Option<Duration>)> {
        let Some(outer) = self.outer.1 else { return Vec::new() };
        self.inner.iter().filter(|(_, _, longest)| longest.is_none_or(|longest| longest >= outer)).collect()
    }

    /// Whether requests end at the outer timeout while an inner one goes on.
    pub fn are_reversed(&self) -> bool {
        self.cut >= OFTEN && !self.outlasting().is_empty()
    }
}

impl Timeouts {
    /// What was seen.
    pub fn new(host: Host, seen: Result<Seen, Missing>) -> Self {
        Timeouts(Arc::new(Inner { host, seen }))
    }

    /// What was seen.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn seen(&self) -> Result<&Seen, Failure> {
        self.0.seen.as_ref().map_err(|missing| missing.failure(&format!("the timeouts of {}", self.0.host.text())))
    }
}

fn longest(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "as long as it likes".into(), written)
}

impl Noun for Timeouts {
    const NAME: &'static str = "Timeouts";
    const DOC: &'static str = "What a request to a host may take, and what the requests may take that the host sends to answer it, by their routes; and how many requests end because they took too long. May be missing.";

    fn text(&self) -> String {
        let host = self.0.host.text();
        match &self.0.seen {
            Err(missing) => format!("the timeouts of {host} have no data: {missing}"),
            Ok(seen) if seen.are_reversed() => {
                let inner: Vec<_> =
                    seen.outlasting().iter().map(|(name, _, time)| format!("{name} ({})", longest(*time))).collect();
                format!(
                    "{} of the requests to {host} end after {}, while it may go on to wait for {}: an inner timeout must be shorter than the outer one",
                    percent(seen.cut),
                    longest(seen.outer.1),
                    and(&inner)
                )
            }
            Ok(seen) => format!("{} of the requests to {host} end because they took too long", percent(seen.cut)),
        }
    }

    fn table(&self) -> Table {
        let Ok(seen) = &self.0.seen else { return Table::line(self.text()) };
        let mut table = Table::new(self.text(), &["TO", "AT MOST", "ROUTE"]);
        table.row([self.0.host.text(), longest(seen.outer.1), seen.outer.0.clone()]);
        for (name, route, time) in &seen.inner {
            table.row([name.clone(), longest(*time), route.clone()]);
        }
        table
    }

    fn json(&self) -> Value {
        let host = self.0.host.fqdn();
        let span = |duration: Option<Duration>| duration.map(written);
        match &self.0.seen {
            Err(missing) => json!({ "host": host, "missing": missing.to_string() }),
            Ok(seen) => {
                let inner: Vec<_> = seen
                    .inner
                    .iter()
                    .map(|(name, route, time)| json!({ "host": name, "route": route, "longest": span(*time) }))
                    .collect();
                json!({ "host": host, "route": seen.outer.0, "longest": span(seen.outer.1), "dependencies": inner, "cut": seen.cut, "reversed": seen.are_reversed() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(outer: Option<u64>, inner: Option<u64>, cut: f64) -> Seen {
        let span = |seconds: Option<u64>| seconds.map(Duration::from_secs);
        Seen {
            outer: ("route".into(), span(outer)),
            inner: vec![("store.summit".into(), "route".into(), span(inner))],
            cut,
        }
    }

    #[test]
    fn a_chain_is_reversed_if_the_inner_outlasts_the_outer_and_requests_are_cut() {
        assert!(seen(Some(3), Some(10), 0.9).are_reversed());
        assert!(seen(Some(3), None, 0.9).are_reversed(), "no timeout outlasts every timeout");
        assert!(!seen(Some(3), Some(2), 0.9).are_reversed());
        assert!(!seen(None, Some(10), 0.9).are_reversed());
        assert!(!seen(Some(3), Some(10), 0.01).are_reversed(), "nobody is cut");
    }
}
