//! What speaks about the requests to a host: which source of evidence is there, and what has to be switched on.

pub mod gather;
pub mod matcher;
pub mod switch;

use std::sync::Arc;

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::host::Host;
use crate::text::{count, some};

/// What speaks about the requests to a host.
#[derive(Clone, Debug)]
pub struct Sources(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Host,
    seen: Result<Seen, Missing>,
    notes: Vec<String>,
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Whether Prometheus answers; why not.
    pub prometheus: Result<(), String>,
    /// Whether it has `istio_requests_total` of the host over the last minutes; why not.
    pub series: Result<(), String>,
    /// The workloads that call the host.
    pub callers: Vec<Caller>,
}

/// One workload that calls the host, and what its proxies tell of that. A word that does not say why is a source that speaks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub workload: String,
    /// How many proxies it has.
    pub proxies: usize,
    /// Envoy's statistics of the cluster to the host.
    pub statistics: Result<(), String>,
    /// Lines about the host in the access log.
    pub access_log: Result<(), String>,
    /// Spans.
    pub tracing: Result<(), String>,
}

/// A source that a script names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Prometheus answers.
    Prometheus,
    /// `istio_requests_total`.
    Series,
    /// Envoy's statistics.
    Statistics,
    /// The access log.
    AccessLog,
    /// Traces.
    Tracing,
}

impl Source {
    /// Reads its name.
    ///
    /// # Errors
    /// `TYPE` with the names that there are.
    pub fn parse(name: &str) -> Result<Self, Failure> {
        Ok(match name {
            "prometheus" => Source::Prometheus,
            "series" => Source::Series,
            "statistics" => Source::Statistics,
            "access_log" => Source::AccessLog,
            "tracing" => Source::Tracing,
            other => {
                return Err(Failure::new(
                    &TYPE,
                    format!("`{}` is no source of evidence", crate::text::first_line(other)),
                )
                .hint("prometheus, series, statistics, access_log or tracing"));
            }
        })
    }
}

impl Seen {
    /// Whether a source speaks, of every caller or of the workload of this name; why not. Of workloads that share the name,
    /// the one in the namespace `home` is meant, if there is one.
    ///
    /// # Errors
    /// Why it does not.
    pub fn speaks(&self, source: Source, workload: &str, home: &str) -> Result<(), String> {
        let of_callers = |told: &dyn Fn(&Caller) -> Result<(), String>| {
            let mut asked: Vec<&Caller> =
                self.callers.iter().filter(|caller| workload.is_empty() || caller.workload == workload).collect();
            if asked.is_empty() {
                return Err(format!("{workload} is none of the callers"));
            }
            if !workload.is_empty() && asked.iter().any(|caller| caller.namespace == home) {
                asked.retain(|caller| caller.namespace == home);
            }
            asked.into_iter().try_for_each(|caller| told(caller).map_err(|why| format!("{}: {why}", caller.workload)))
        };
        match source {
            Source::Prometheus => self.prometheus.clone(),
            Source::Series => self.series.clone(),
            Source::Statistics => of_callers(&|caller| caller.statistics.clone()),
            Source::AccessLog => of_callers(&|caller| caller.access_log.clone()),
            Source::Tracing => of_callers(&|caller| caller.tracing.clone()),
        }
    }

    /// Callers of which nothing speaks: neither series, nor statistics, nor access log.
    pub fn dark(&self) -> Vec<&Caller> {
        let is_dark =
            |caller: &&Caller| self.series.is_err() && caller.statistics.is_err() && caller.access_log.is_err();
        self.callers.iter().filter(is_dark).collect()
    }
}

impl Sources {
    /// What was seen of a host's sources.
    pub fn new(host: Host, seen: Result<Seen, Missing>, notes: Vec<String>) -> Self {
        Sources(Arc::new(Inner { host, seen, notes }))
    }

    /// What was seen.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn seen(&self) -> Result<&Seen, Failure> {
        self.0.seen.as_ref().map_err(|missing| missing.failure(&format!("what speaks about {}", self.0.host.text())))
    }

    /// Why nothing is known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.seen.as_ref().err()
    }

    /// What to switch on, in a sentence; empty if nothing has to be.
    pub fn advice(&self) -> String {
        let Ok(seen) = &self.0.seen else { return String::new() };
        let dark = seen.dark();
        let Some(first) = dark.first() else { return String::new() };
        let names: Vec<String> =
            dark.iter().map(|caller| format!("{}.{}", caller.workload, caller.namespace)).collect();
        format!(
            "nothing tells what becomes of the requests of {} to {}: run this with `workload={}` and `statistics=true` (its pods are replaced once) or `access_log=true` (nothing restarts)",
            some(&names, 3),
            self.0.host.text(),
            first.workload
        )
    }
}

fn state(told: &Result<(), String>) -> String {
    match told {
        Ok(()) => "speaks".into(),
        Err(why) => why.clone(),
    }
}

impl Noun for Sources {
    const NAME: &'static str = "Sources";
    const DOC: &'static str = "Which sources of evidence speak about the requests to a host: Prometheus and its series, and of each caller Envoy's statistics, access log and traces. May be missing.";

    fn text(&self) -> String {
        match &self.0.seen {
            Err(missing) => format!("what speaks about {} is not known: {missing}", self.0.host.text()),
            Ok(seen) if seen.dark().is_empty() => {
                format!("{} of {} can be seen", count(seen.callers.len(), "caller", "callers"), self.0.host.text())
            }
            Ok(_) => self.advice(),
        }
    }

    fn table(&self) -> Table {
        let Ok(seen) = &self.0.seen else { return Table::line(self.text()) };
        let mut table =
            Table::new(format!("what speaks about the requests to {}", self.0.host.text()), &["SOURCE", "OF", "STATE"]);
        table.row(["Prometheus".into(), "the mesh".into(), state(&seen.prometheus)]);
        table.row(["istio_requests_total".into(), "all callers".into(), state(&seen.series)]);
        for caller in &seen.callers {
            let of =
                format!("{}.{} ({})", caller.workload, caller.namespace, count(caller.proxies, "proxy", "proxies"));
            table.row(["Envoy's statistics".into(), of.clone(), state(&caller.statistics)]);
            table.row(["access log".into(), of.clone(), state(&caller.access_log)]);
            table.row(["traces".into(), of, state(&caller.tracing)]);
        }
        table.notes.extend(self.0.notes.iter().cloned());
        table
    }

    fn json(&self) -> Value {
        match &self.0.seen {
            Err(missing) => json!({ "host": self.0.host.fqdn(), "missing": missing.to_string() }),
            Ok(seen) => {
                let why = |told: &Result<(), String>| told.as_ref().err().cloned();
                let callers = seen.callers.iter().map(|caller| json!({
                    "namespace": caller.namespace, "workload": caller.workload, "proxies": caller.proxies,
                    "statistics_missing": why(&caller.statistics), "access_log_missing": why(&caller.access_log), "tracing_missing": why(&caller.tracing),
                }));
                json!({ "host": self.0.host.fqdn(), "prometheus_missing": why(&seen.prometheus), "series_missing": why(&seen.series), "callers": callers.collect::<Vec<_>>() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(workload: &str, statistics: bool, access_log: bool) -> Caller {
        let told = |speaks: bool| if speaks { Ok(()) } else { Err("no".to_owned()) };
        Caller {
            namespace: "summit".into(),
            workload: workload.into(),
            proxies: 2,
            statistics: told(statistics),
            access_log: told(access_log),
            tracing: told(false),
        }
    }

    #[test]
    fn one_source_is_enough_and_none_is_not() {
        let seen = |series: bool, callers| Seen {
            prometheus: Ok(()),
            series: if series { Ok(()) } else { Err("none".into()) },
            callers,
        };
        let dark = |seen: &Seen| seen.dark().iter().map(|caller| caller.workload.clone()).collect::<Vec<_>>();
        let callers =
            || vec![caller("front", false, false), caller("reports", true, false), caller("batch", false, true)];
        assert_eq!(dark(&seen(false, callers())), ["front"]);
        assert!(dark(&seen(true, callers())).is_empty());
        let seen = seen(false, callers());
        assert_eq!(seen.speaks(Source::Statistics, "reports", "summit"), Ok(()));
        assert_eq!(seen.speaks(Source::Statistics, "", "summit"), Err("front: no".into()));
        assert!(seen.speaks(Source::AccessLog, "nobody", "summit").is_err() && Source::parse("logs").is_err());
    }

    #[test]
    fn of_two_workloads_of_one_name_the_own_namespaces_is_meant() {
        let elsewhere = Caller { namespace: "batch".into(), ..caller("front", false, false) };
        let callers = vec![elsewhere, caller("front", true, false)];
        let seen = Seen { prometheus: Ok(()), series: Ok(()), callers };
        assert_eq!(seen.speaks(Source::Statistics, "front", "summit"), Ok(()));
        assert!(seen.speaks(Source::Statistics, "front", "batch").is_err());
        assert!(seen.speaks(Source::Statistics, "front", "third").is_err(), "of both, where neither is one's own");
        assert!(seen.speaks(Source::Statistics, "", "summit").is_err(), "every caller");
    }
}
