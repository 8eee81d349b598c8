//! The room: whether a service could take more than it gets.

pub mod gather;
pub mod saturation;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::host::Host;
use crate::text::{figure, percent, time};
use saturation::CPU_FULL;

/// Whether a service could take more.
#[derive(Clone, Debug)]
pub struct Room(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Host,
    facts: Facts,
}

/// A figure, or why there is none.
pub type Known<T> = Result<T, Missing>;

/// What is known of a service's load.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Ready endpoints, and all of them.
    pub endpoints: Known<(usize, usize)>,
    /// CPU use as a part of the limit, of the pod that uses most of it.
    pub cpu: Known<f64>,
    /// 95th percentile of latency in seconds, and the source's side.
    pub p95: Known<f64>,
    /// Whether requests pile up at flat throughput.
    pub growing: Known<bool>,
    /// Requests inside the service's pods now.
    pub inside: Known<f64>,
    /// How many requests all callers together may have open; `None` without a bound.
    pub allowed: Known<(Option<u64>, usize)>,
}

impl Room {
    /// What was found.
    pub fn new(host: Host, facts: Facts) -> Self {
        Room(Arc::new(Inner { host, facts }))
    }

    /// Why the service is saturated, if it is.
    ///
    /// It is, if no endpoint is ready; or a pod uses 90 % of its CPU limit or more; or requests pile up inside it while its
    /// throughput is flat. A source that is missing is no reason for either answer.
    pub fn exhausted(&self) -> Option<String> {
        let facts = &self.0.facts;
        if let Ok((0, all)) = facts.endpoints {
            return Some(format!("none of its {all} endpoints is ready"));
        }
        if let Ok(cpu) = facts.cpu
            && cpu >= CPU_FULL
        {
            return Some(format!("a pod uses {} of its CPU limit", percent(cpu)));
        }
        (facts.growing == Ok(true)).then(|| "requests pile up inside it while its throughput is flat".to_owned())
    }

    /// Why nothing can be said about its load, if so: neither CPU, nor latency over time, nor what is inside is known.
    pub fn missing(&self) -> Option<Missing> {
        let facts = &self.0.facts;
        if self.exhausted().is_some() || facts.cpu.is_ok() || facts.growing.is_ok() || facts.inside.is_ok() {
            return None;
        }
        facts.cpu.as_ref().err().cloned()
    }

    /// Whether the service is saturated.
    ///
    /// # Errors
    /// `NO_DATA` if nothing is known about its load.
    pub fn is_exhausted(&self) -> Result<bool, Failure> {
        match self.missing() {
            Some(missing) => Err(missing.failure(&format!("the load of {}", self.0.host.text()))),
            None => Ok(self.exhausted().is_some()),
        }
    }
}

impl Noun for Room {
    const NAME: &'static str = "Room";
    const DOC: &'static str = "Whether a service could take more than it gets: ready endpoints, CPU, latency, what is inside it, and what all its callers together may send. What is not known is said and not guessed.";

    fn text(&self) -> String {
        let host = self.0.host.text();
        match (self.missing(), self.exhausted()) {
            (Some(missing), _) => format!("the load of {host} has no data: {missing}"),
            (None, Some(why)) => format!("{host} is saturated: {why}"),
            (None, None) => format!("{host} has room"),
        }
    }

    fn table(&self) -> Table {
        let facts = &self.0.facts;
        let mut table = Table::new(self.text(), &["WHAT", "NOW"]);
        let mut line = |what: &str, value: Result<String, &Missing>| {
            table.row([what.to_owned(), value.unwrap_or_else(ToString::to_string)]);
        };
        line("ready endpoints", facts.endpoints.as_ref().map(|(ready, all)| format!("{ready} of {all}")));
        line("CPU of its limit", facts.cpu.as_ref().map(|cpu| percent(*cpu)));
        line("latency, P95", facts.p95.as_ref().map(|seconds| time(*seconds)));
        line(
            "latency over time",
            facts.growing.as_ref().map(|growing| {
                if *growing { "grows while throughput is flat" } else { "follows throughput" }.to_owned()
            }),
        );
        line("requests inside", facts.inside.as_ref().map(|inside| figure(*inside)));
        line(
            "callers may open",
            facts.allowed.as_ref().map(|(places, callers)| match places {
                Some(places) => {
                    format!("{} by {}", figure_of(*places), crate::text::count(*callers, "proxy", "proxies"))
                }
                None => format!("any number, by {}", crate::text::count(*callers, "proxy", "proxies")),
            }),
        );
        table
    }

    fn json(&self) -> Value {
        let facts = &self.0.facts;
        fn known<T: Clone + Into<Value>>(fact: &Known<T>) -> Value {
            fact.as_ref().map_or_else(|missing| json!({ "missing": missing.to_string() }), |value| value.clone().into())
        }
        json!({
            "host": self.0.host.fqdn(),
            "exhausted": self.exhausted(),
            "endpointsReady": known(&facts.endpoints.clone().map(|(ready, _)| ready)),
            "endpoints": known(&facts.endpoints.clone().map(|(_, all)| all)),
            "cpuOfLimit": known(&facts.cpu),
            "p95Seconds": known(&facts.p95),
            "latencyGrowsAtFlatThroughput": known(&facts.growing),
            "requestsInside": known(&facts.inside),
            "callersMayOpen": known(&facts.allowed.clone().map(|(places, _)| json!(places))),
        })
    }
}

#[allow(clippy::cast_precision_loss, reason = "a number of places for people")]
fn figure_of(places: u64) -> String {
    figure(places as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::graph_core;

    fn unknown<T>() -> Known<T> {
        Err(Missing::NotExported("test".into()))
    }

    fn facts() -> Facts {
        Facts {
            endpoints: Ok((2, 2)),
            cpu: unknown(),
            p95: unknown(),
            growing: unknown(),
            inside: unknown(),
            allowed: unknown(),
        }
    }

    fn room(facts: Facts) -> Room {
        Room::new(graph_core(), facts)
    }

    #[test]
    fn each_sign_of_saturation_alone_is_enough() {
        for exhausted in [
            Facts { endpoints: Ok((0, 2)), ..facts() },
            Facts { cpu: Ok(0.93), ..facts() },
            Facts { growing: Ok(true), cpu: Ok(0.1), ..facts() },
        ] {
            assert!(room(exhausted).is_exhausted().expect("known"));
        }
        assert!(!room(Facts { cpu: Ok(0.5), ..facts() }).is_exhausted().expect("known"));
        assert!(!room(Facts { inside: Ok(3.0), ..facts() }).is_exhausted().expect("known"));
    }

    #[test]
    fn without_any_figure_of_load_nothing_is_guessed() {
        assert!(room(facts()).missing().is_some());
        assert!(room(facts()).is_exhausted().expect_err("no data").is_no_data());
        assert!(room(facts()).table().rows[1][1].contains("not exported"));
    }
}
