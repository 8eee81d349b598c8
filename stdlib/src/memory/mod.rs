//! The memory of a workload's sidecars: what they use, what they may, how it changes, and what they need it for.

pub mod cause;
pub mod container;
pub mod cure;
pub mod diagnose;
pub mod envoy;
pub mod gather;
pub mod judge;
pub mod slope;
pub mod told;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Span, Table};
use serde_json::{Value, json};

use crate::control_plane::ago;
use crate::text::{bytes, count, figure, percent, some};
use container::Container;
use envoy::Envoy;
use judge::Verdict;
use slope::Slope;
use told::Asked;

/// One sidecar.
#[derive(Clone, Debug)]
pub struct Sidecar {
    /// Its pod.
    pub pod: String,
    /// What the Pod object says.
    pub container: Container,
    /// `container_memory_working_set_bytes` now, or why not.
    pub working_set: Result<f64, Missing>,
    /// How the working set changes, or why nobody knows.
    pub slope: Result<Slope, Missing>,
    /// By which part its clusters and its connections changed meanwhile.
    pub meanwhile: Option<(f64, f64)>,
    /// What Envoy says itself, or why not.
    pub envoy: Result<Envoy, String>,
    /// Whether its figures are the last ones before it was killed: it waits to be started again.
    pub is_past: bool,
}

impl Sidecar {
    /// What it needs: its working set without what Envoy has freed and keeps.
    ///
    /// # Errors
    /// Why it is not known.
    pub fn need(&self) -> Result<f64, Missing> {
        let working_set = self.working_set.clone()?;
        Ok(working_set - self.envoy.as_ref().map_or(0.0, Envoy::idle))
    }

    /// The part of its limit that it needs; `None` without a limit.
    ///
    /// # Errors
    /// As [`Sidecar::need`].
    pub fn share(&self) -> Result<Option<f64>, Missing> {
        let need = self.need()?;
        Ok(self.container.resources.limit().map(|limit| need / limit))
    }

    /// When its working set reaches its limit, if it goes on like this.
    pub fn until_limit(&self) -> Option<Duration> {
        let (slope, limit) = (self.slope.as_ref().ok()?, self.container.resources.limit()?);
        let seconds = (limit - self.working_set.as_ref().ok()?) / slope.per_second;
        (slope.grows() && seconds.is_finite()).then(|| Duration::from_secs_f64(seconds.clamp(0.0, 1e10)))
    }

    /// Whether it was killed within a span before `now`.
    pub fn was_killed(&self, now: Timestamp, span: Span) -> bool {
        let passed = |at: Timestamp| Duration::try_from(now.duration_since(at)).unwrap_or_default();
        self.container.killed.is_some_and(|at| passed(at) <= span.0)
    }
}

/// The memory of a workload's sidecars, as it was when it was asked for.
#[derive(Clone, Debug)]
pub struct SidecarMemory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    work: ObjectRef,
    span: Span,
    seen: Result<Seen, Missing>,
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub now: Timestamp,
    /// The workload, as it was read.
    pub object: Value,
    /// Its sidecars, those that need most first.
    pub sidecars: Vec<Sidecar>,
    /// What it asks, or why nobody knows.
    pub asked: Result<Asked, Missing>,
    /// The Sidecar resource that applies to it.
    pub limited_by: Option<String>,
    /// Istio's root namespace.
    pub root: String,
}

impl SidecarMemory {
    /// What was seen.
    pub fn new(work: ObjectRef, span: Span, seen: Result<Seen, Missing>) -> Self {
        SidecarMemory(Arc::new(Inner { work, span, seen }))
    }

    /// The workload.
    pub fn work(&self) -> &ObjectRef {
        &self.0.work
    }

    /// The span that was looked at.
    pub fn span(&self) -> Span {
        self.0.span
    }

    /// What was seen.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn seen(&self) -> Result<&Seen, Failure> {
        self.0.seen.as_ref().map_err(|missing| missing.failure(&self.what()))
    }

    /// As it was seen, for those that go on without a failure.
    pub fn outcome(&self) -> Result<&Seen, Missing> {
        self.0.seen.as_ref().map_err(Clone::clone)
    }

    /// What is wrong, if anything is.
    ///
    /// # Errors
    /// Why it cannot be told.
    pub fn verdict(&self) -> Result<Option<Verdict>, Missing> {
        judge::judge(self.outcome()?, self.0.span)
    }

    /// Why what is wrong cannot be told, if so.
    pub fn missing(&self) -> Option<Missing> {
        self.verdict().err()
    }

    /// What it is about, in words.
    pub fn what(&self) -> String {
        format!("the memory of the sidecars of {}", self.0.work)
    }
}

impl Seen {
    /// Of all sidecars, the one that holds most clusters.
    pub fn most_clusters(&self) -> Option<f64> {
        self.sidecars.iter().filter_map(|one| one.envoy.as_ref().ok()).map(|one| one.clusters).reduce(f64::max)
    }

    /// The lowest memory limit in effect, in bytes.
    pub fn lowest_limit(&self) -> Option<f64> {
        self.sidecars.iter().filter_map(|one| one.container.resources.limit()).reduce(f64::min)
    }

    /// The most that one needs, in bytes.
    pub fn most_needed(&self) -> Option<f64> {
        self.sidecars.iter().filter_map(|one| one.need().ok()).reduce(f64::max)
    }

    /// The sidecar that grows most, of those that grow for good.
    pub fn growing(&self) -> Option<(&Sidecar, Slope)> {
        let slopes = self.sidecars.iter().filter_map(|one| Some((one, *one.slope.as_ref().ok()?)));
        slopes.filter(|(_, slope)| slope.grows()).max_by(|a, b| a.1.per_second.total_cmp(&b.1.per_second))
    }

    /// How often their containers were killed for memory within a span.
    pub fn killed(&self, span: Span) -> Vec<&Sidecar> {
        self.sidecars.iter().filter(|one| one.was_killed(self.now, span)).collect()
    }

    /// Clusters and hosts, in one sentence.
    pub fn told(&self) -> String {
        let clusters = self
            .most_clusters()
            .map_or("an unknown number of clusters".to_owned(), |clusters| format!("{} clusters", figure(clusters)));
        match &self.asked {
            Ok(asked) => {
                let hosts: Vec<_> = asked
                    .hosts
                    .iter()
                    .filter_map(|host| host.split_once('/'))
                    .map(|(_, host)| host.to_owned())
                    .collect();
                format!(
                    "they hold {clusters}; the workload asks {}: {}",
                    count(hosts.len(), "service", "services"),
                    if hosts.is_empty() { "none".into() } else { some(&hosts, 3) }
                )
            }
            Err(missing) => format!("they hold {clusters}; what the workload asks is not known: {missing}"),
        }
    }
}

/// How fast it grows, in words.
pub(crate) fn growth(slope: &Slope) -> String {
    format!("{} a minute over {}", bytes(slope.per_second * 60.0), Span(Duration::from_secs(slope.over.as_secs())))
}

impl Noun for SidecarMemory {
    const NAME: &'static str = "SidecarMemory";
    const DOC: &'static str = "The memory of a workload's sidecars as it was when it was asked for: working sets and limits, how they change over time, kills, what Envoy has allocated, and how much configuration it holds. May be missing.";

    fn text(&self) -> String {
        let (what, work) = (self.what(), &self.0.work);
        match (&self.0.seen, self.verdict()) {
            (_, Err(missing)) => format!("{what} cannot be told: {missing}"),
            (Err(missing), Ok(_)) => format!("{what} cannot be told: {missing}"),
            (Ok(_), Ok(Some(verdict))) => verdict.what,
            (Ok(seen), Ok(None)) => {
                let most = seen.sidecars.iter().filter_map(|one| one.share().ok().flatten()).reduce(f64::max);
                let share = most.map_or("they have no limit".to_owned(), |share| {
                    format!("at most {} of their limit", percent(share))
                });
                format!("the sidecars of {work} have room: {share}, none grows, none was killed in {}", self.0.span)
            }
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(
            self.text(),
            &[
                "SIDECAR OF",
                "WORKING SET",
                "LIMIT",
                "GROWS",
                "ENVOY ALLOCATED",
                "CLUSTERS",
                "CONNECTIONS",
                "RESTARTS",
                "KILLED FOR MEMORY",
            ],
        );
        let Ok(seen) = &self.0.seen else {
            table.columns.clear();
            return table;
        };
        for one in &seen.sidecars {
            let grows = match &one.slope {
                Ok(slope) if slope.grows() => growth(slope),
                Ok(slope) => format!("no, over {}", Span(Duration::from_secs(slope.over.as_secs()))),
                Err(_) => "not known".into(),
            };
            let own = |get: fn(&Envoy) -> String| one.envoy.as_ref().map_or("-".to_owned(), get);
            table.row([
                one.pod.clone(),
                one.working_set.as_ref().map_or("-".to_owned(), |value| bytes(*value)),
                one.container.resources.memory_limit.clone().unwrap_or_else(|| "none".into()),
                grows,
                own(|envoy| bytes(envoy.allocated)),
                own(|envoy| figure(envoy.clusters)),
                own(|envoy| figure(envoy.connections)),
                one.container.restarts.to_string(),
                one.container.killed.map_or("-".to_owned(), |at| ago(seen.now, at)),
            ]);
        }
        table.note(seen.told());
        table.note(match &seen.limited_by {
            Some(sidecar) => format!("{sidecar} decides what they are told of"),
            None => "no Sidecar resource applies: they are told of every service of the mesh".into(),
        });
        let idle: Vec<_> =
            seen.sidecars.iter().filter(|one| one.envoy.as_ref().is_ok_and(|e| e.idle() > 0.0)).collect();
        if !idle.is_empty() {
            let most = idle.iter().filter_map(|one| one.envoy.as_ref().ok()).map(Envoy::idle).fold(0.0, f64::max);
            table.note(format!(
                "up to {} of a working set is freed already: Envoy fills it again before it takes more, and gives it back when its pod is replaced",
                bytes(most)
            ));
        }
        let past: Vec<String> = seen.sidecars.iter().filter(|one| one.is_past).map(|one| one.pod.clone()).collect();
        if !past.is_empty() {
            let wait = if past.len() == 1 { "waits" } else { "wait" };
            table.note(format!(
                "{} {wait} to be started again: the figures are the last ones before the kill, by Prometheus",
                some(&past, 5)
            ));
        }
        for (pod, why) in seen.sidecars.iter().filter_map(|one| Some((&one.pod, one.envoy.as_ref().err()?))).take(5) {
            table.note(format!("the proxy of {pod} did not answer: {}", crate::text::first_line(why)));
        }
        for (pod, why) in seen.sidecars.iter().filter_map(|one| Some((&one.pod, one.slope.as_ref().err()?))).take(5) {
            table.note(format!("how {pod} changes is not known: {why}"));
        }
        table.note("source: Prometheus: container_memory_working_set_bytes; Envoy: server.memory_allocated, cluster_manager.active_clusters; Kubernetes: status of the container");
        table
    }

    fn json(&self) -> Value {
        match &self.0.seen {
            Err(missing) => json!({ "missing": missing.to_string() }),
            Ok(seen) => json!({
                "workload": self.0.work.to_string(),
                "cause": self.verdict().ok().flatten().map(|verdict| verdict.cause),
                "missing": self.missing().map(|missing| missing.to_string()),
                "sidecars": seen.sidecars.iter().map(|one| json!({
                    "pod": one.pod,
                    "working_set_bytes": one.working_set.as_ref().ok(),
                    "limit_bytes": one.container.resources.limit(),
                    "bytes_per_second": one.slope.as_ref().ok().map(|slope| slope.per_second),
                    "grows": one.slope.as_ref().ok().map(Slope::grows),
                    "allocated_bytes": one.envoy.as_ref().ok().map(|envoy| envoy.allocated),
                    "clusters": one.envoy.as_ref().ok().map(|envoy| envoy.clusters),
                    "connections": one.envoy.as_ref().ok().map(|envoy| envoy.connections),
                    "restarts": one.container.restarts,
                    "killed": one.container.killed.map(|at| at.to_string()),
                })).collect::<Vec<_>>(),
                "asked": seen.asked.as_ref().ok().map(|asked| asked.hosts.iter().collect::<Vec<_>>()),
                "sidecar": seen.limited_by,
            }),
        }
    }
}
