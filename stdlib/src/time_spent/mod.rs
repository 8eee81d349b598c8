//! Where the time of a request goes: own work, waiting in the caller's proxy, retries, each dependency.

pub mod gather;
pub mod parts;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Span, Table};
use serde_json::{Value, json};

use crate::host::Host;
use crate::rule::{Limits, Rule};
use crate::text::{and, figure, percent, time};
use parts::{Part, Parts};

/// Where the time of a request to a host goes.
#[derive(Clone, Debug)]
pub struct TimeSpent(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Host,
    span: Span,
    spent: Result<Spent, Missing>,
}

/// What was found.
#[derive(Debug)]
pub struct Spent {
    /// The parts.
    pub parts: Parts,
    /// The rules that bound what callers may have open, with the narrowest limits in force.
    pub pools: Vec<(Rule, Limits)>,
    /// What a person should know.
    pub notes: Vec<String>,
}

const CALLERS: &str = "Prometheus: duration by reporter=source";
const BOTH: &str = "Prometheus: duration by reporter=source less reporter=destination";
const SERVER: &str = "Prometheus: duration by reporter=destination";

/// `store.summit` of `store.summit.svc.cluster.local`; other names as they are.
pub fn short(fqdn: &str) -> &str {
    fqdn.split_once(".svc.").map_or(fqdn, |(name, _)| name)
}

impl TimeSpent {
    /// What was found.
    pub fn new(host: Host, span: Span, spent: Result<Spent, Missing>) -> Self {
        TimeSpent(Arc::new(Inner { host, span, spent }))
    }

    /// Why nothing is known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.spent.as_ref().err()
    }

    /// What was found.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn spent(&self) -> Result<&Spent, Failure> {
        let what = || format!("where the time of requests to {} goes", self.0.host.text());
        self.0.spent.as_ref().map_err(|missing| missing.failure(&what()))
    }

    /// The largest part.
    ///
    /// # Errors
    /// As [`TimeSpent::spent`].
    pub fn largest(&self) -> Result<Part, Failure> {
        Ok(self.spent()?.parts.largest())
    }

    /// The slowest dependency, as `name.namespace`; empty if there is none.
    ///
    /// # Errors
    /// As [`TimeSpent::spent`].
    pub fn dependency(&self) -> Result<String, Failure> {
        Ok(self.spent()?.parts.dependencies.first().map(|(name, _)| short(name).to_owned()).unwrap_or_default())
    }

    /// The rules whose pools can make requests wait.
    ///
    /// # Errors
    /// As [`TimeSpent::spent`].
    pub fn rules(&self) -> Result<Vec<Rule>, Failure> {
        Ok(self.spent()?.pools.iter().map(|(rule, _)| rule.clone()).collect())
    }
}

fn largest_of(parts: &Parts) -> String {
    match (parts.largest(), parts.dependencies.first()) {
        (Part::Dependency, Some((name, seconds))) => format!("{} of it for {}", time(*seconds), short(name)),
        (Part::Waiting, _) => format!("{} of it waiting in its caller's proxy", time(parts.waiting)),
        (Part::Retries, _) => format!("{} of it in retries", time(parts.retries)),
        _ => format!("{} of it its own work", time(parts.own)),
    }
}

impl Noun for TimeSpent {
    const NAME: &'static str = "TimeSpent";
    const DOC: &'static str = "Where the time of a request to a host goes, on average over a span: the service's own work, waiting in the caller's proxy, retries, and each service that it asks itself. The parts sum to the whole. May be missing: then no part is.";

    fn text(&self) -> String {
        let host = self.0.host.text();
        match &self.0.spent {
            Ok(spent) => {
                format!(
                    "a request to {host} takes {} on average, {}",
                    time(spent.parts.total),
                    largest_of(&spent.parts)
                )
            }
            Err(missing) => format!("where the time of requests to {host} goes has no data: {missing}"),
        }
    }

    fn table(&self) -> Table {
        let Ok(spent) = &self.0.spent else { return Table::line(self.text()) };
        let parts = &spent.parts;
        let mut table = Table::new(self.text(), &["PART", "TIME", "SHARE", "WHAT", "SOURCE"]);
        let share = |seconds: f64| percent(seconds / parts.total);
        let mut line = |part: &str, seconds: f64, what: String, source: &str| {
            table.row([part.to_owned(), time(seconds), share(seconds), what, source.to_owned()]);
        };
        line("own work", parts.own, "in its pods, waiting for a free place there included".into(), SERVER);
        for (name, seconds) in &parts.dependencies {
            line("dependency", *seconds, short(name).to_owned(), CALLERS);
        }
        let pools: Vec<_> = spent.pools.iter().map(|(rule, limits)| format!("{limits} by {}", rule.text())).collect();
        let pools = if pools.is_empty() { "no limit on connections".into() } else { and(&pools) };
        line("waiting", parts.waiting, format!("in the callers' proxies: {pools}"), BOTH);
        let attempts = (parts.attempts * 100.0).round() / 100.0;
        let word = if attempts == 1.0 { "attempt" } else { "attempts" };
        let attempts = format!("{} {word} for each request", figure(attempts));
        line("retries", parts.retries, attempts, "Prometheus: requests by reporter=destination over reporter=source");
        table.rows.sort_by_key(|row| std::cmp::Reverse(row_order(row, parts)));
        for note in &spent.notes {
            table.note(note.clone());
        }
        table
    }

    fn json(&self) -> Value {
        let (host, span) = (self.0.host.fqdn(), self.0.span.to_string());
        match &self.0.spent {
            Err(missing) => json!({ "host": host, "span": span, "missing": missing.to_string() }),
            Ok(spent) => {
                let parts = &spent.parts;
                let dependencies: serde_json::Map<_, _> =
                    parts.dependencies.iter().map(|(name, seconds)| (name.clone(), json!(seconds))).collect();
                json!({
                    "host": host, "span": span, "largest": parts.largest().word(), "totalSeconds": parts.total,
                    "ownWorkSeconds": parts.own, "waitingSeconds": parts.waiting, "retriesSeconds": parts.retries,
                    "dependencySeconds": dependencies, "attemptsPerRequest": parts.attempts,
                    "pools": spent.pools.iter().map(|(rule, limits)| json!({ "rule": rule.text(), "limits": limits.json() })).collect::<Vec<_>>(),
                    "notes": spent.notes,
                })
            }
        }
    }
}

/// Microseconds of a row's part: rows stand in the order of their times.
fn row_order(row: &[String], parts: &Parts) -> i64 {
    let seconds = match row.first().map(String::as_str) {
        Some("own work") => parts.own,
        Some("waiting") => parts.waiting,
        Some("retries") => parts.retries,
        _ => {
            let name = row.get(3).map(String::as_str).unwrap_or_default();
            parts.dependencies.iter().find(|(fqdn, _)| short(fqdn) == name).map_or(0.0, |(_, seconds)| *seconds)
        }
    };
    // A mean of requests is far below the range.
    (seconds * 1e6) as i64
}
