//! Gathers what is known of the memory of a workload's sidecars: Pods, Envoys, Prometheus.

use std::time::Duration;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};
use serde_json::Value;

use super::envoy::Envoy;
use super::slope::{Slope, change};
use super::{Seen, Sidecar, SidecarMemory, container, told};
use crate::envoy::admin;
use crate::evidence::window::Sample;
use crate::evidence::{absorb, root};
use crate::kubernetes::{kinds, read};
use crate::prometheus::{self, Series, quote};
use crate::proxy::pod::{PROXY, PodFacts};
use crate::text::count;

/// So far apart are the samples that are asked for: finer than most scrapes, which costs nothing but their number.
const STEP: Duration = Duration::from_secs(30);
/// A host that was asked once in this time is kept: jobs run by the week.
const ASKED: Span = Span(Duration::from_secs(7 * 24 * 3600));

/// Looks at a workload's sidecars, and back over a span.
///
/// # Errors
/// What every read of the API server can end in; a source that does not answer is missing instead.
pub fn gather(run: &Run, work: &ObjectRef, span: Span) -> Result<SidecarMemory, Failure> {
    Ok(SidecarMemory::new(work.clone(), span, seen(run, work, span)?))
}

fn seen(run: &Run, work: &ObjectRef, span: Span) -> Result<Result<Seen, Missing>, Failure> {
    let namespace = work.namespace.clone().unwrap_or_default();
    let object = read::get(run, work)?;
    let pods = read::view(run, kinds::pod(), Some(&namespace), None)?;
    let own: Vec<(PodFacts, container::Container)> = pods
        .iter()
        .map(|pod| (PodFacts::of(pod), container::of(pod)))
        .filter(|(facts, _)| facts.workload == work.name && facts.is_running)
        .filter_map(|(facts, container)| Some((facts, container?)))
        .collect();
    if own.is_empty() {
        return Ok(Err(Missing::NotExported(format!("no pod of {work} runs a sidecar (a container {PROXY})"))));
    }
    let now = run.now()?;
    if own.len() > 20 {
        run.progress(Some(&format!("asking {} about their memory", count(own.len(), "proxy", "proxies"))));
    }
    let pages = run.read_all(own.iter().map(|(facts, _)| admin::memory(&namespace, &facts.name)).collect());
    run.progress(None);
    let past = past(run, &namespace, &own, span)?;
    let mut sidecars = Vec::with_capacity(own.len());
    for ((facts, container), page) in own.into_iter().zip(pages) {
        // What does not run has no figures now, and its last ones are what it was killed with.
        let is_past = container.is_down();
        let envoy = match page {
            _ if is_past => past.before_the_kill(&facts.name),
            Ok(reply) => admin::body(reply).and_then(|body| Envoy::parse(&body)),
            Err(failure) => Err(absorb(failure)?),
        };
        let pod = facts.name;
        let now_or_last = if is_past { &past.working_set } else { &past.now };
        let working_set = now_or_last.of(&pod).and_then(|samples| {
            samples.last().map(|(_, value)| *value).ok_or_else(|| Missing::NoSeries(format!("{WORKING_SET} of {pod}")))
        });
        let course = past.working_set.of(&pod);
        let slope = course.and_then(|samples| Slope::of(&samples));
        let meanwhile = slope.as_ref().ok().and_then(|slope| {
            let changed = |past: &Past| past.of(&pod).ok().and_then(|samples| change(&samples, slope.window));
            Some((changed(&past.clusters)?, changed(&past.connections)?))
        });
        sidecars.push(Sidecar { pod, container, working_set, slope, meanwhile, envoy, is_past });
    }
    sidecars.sort_by(|a, b| {
        let need = |one: &Sidecar| one.need().unwrap_or(0.0);
        need(b).total_cmp(&need(a)).then_with(|| a.pod.cmp(&b.pod))
    });
    if let Some(why) = sidecars.iter().all(|one| one.working_set.is_err()).then(|| sidecars[0].working_set.clone()) {
        return Ok(Err(why.expect_err("all of them are missing")));
    }
    let root = root::namespace(run)?;
    let labels = object.pointer("/spec/template/metadata/labels").unwrap_or(&Value::Null);
    let limited_by = told::sidecar(run, &namespace, &root, labels)?;
    let asked = told::asked(run, work, ASKED)?;
    Ok(Ok(Seen { now, object, sidecars, asked, limited_by, root }))
}

/// cAdvisor's figure that the kernel's limit is held against.
const WORKING_SET: &str = "container_memory_working_set_bytes";

/// The series of one figure, by pod.
struct Past(Result<Vec<Series>, Missing>);

impl Past {
    fn of(&self, pod: &str) -> Result<Vec<Sample>, Missing> {
        let series = self.0.as_ref().map_err(Clone::clone)?;
        series
            .iter()
            .find(|one| one.label("pod") == pod)
            .map(|one| one.samples.clone())
            .ok_or_else(|| Missing::NoSeries(format!("{WORKING_SET}{{container=\"{PROXY}\"}} of {pod}")))
    }
}

struct Course {
    now: Past,
    working_set: Past,
    clusters: Past,
    connections: Past,
    allocated: Past,
    physical: Past,
}

impl Course {
    /// What a proxy that was killed said of itself when it was last scraped.
    fn before_the_kill(&self, pod: &str) -> Result<Envoy, String> {
        let last = |past: &Past| {
            let samples = past.of(pod).map_err(|missing| missing.to_string())?;
            samples.last().map(|(_, value)| *value).ok_or_else(|| format!("{pod} waits to be started again"))
        };
        Ok(Envoy {
            allocated: last(&self.allocated)?,
            physical: last(&self.physical)?,
            connections: last(&self.connections)?,
            clusters: last(&self.clusters)?,
        })
    }
}

fn past(run: &Run, namespace: &str, own: &[(PodFacts, container::Container)], span: Span) -> Result<Course, Failure> {
    let names: Vec<_> = own.iter().map(|(facts, _)| regex::escape(&facts.name)).collect();
    let select = |metric: &str, more: &str| {
        format!("max by (pod) ({metric}{{namespace={},pod=~{}{more}}})", quote(namespace), quote(&names.join("|")))
    };
    let proxy = format!(",container={}", quote(PROXY));
    let working_set = select(WORKING_SET, &proxy);
    let now = Past(prometheus::ask(run, "working sets of its sidecars", working_set.clone())?);
    let course = |what: &str, query: &str| prometheus::ask_past(run, what, query, span.0.max(STEP), STEP).map(Past);
    // Asked only for those that cannot be asked themselves.
    let waits = own.iter().any(|(_, container)| container.is_down());
    let last = |metric: &str| match waits {
        true => course(&format!("{metric} before the kill"), &select(metric, "")),
        false => Ok(Past(Err(Missing::NoSeries(metric.to_owned())))),
    };
    Ok(Course {
        now,
        working_set: course("working sets over time", &working_set)?,
        clusters: course("clusters over time", &select("envoy_cluster_manager_active_clusters", ""))?,
        connections: course("connections over time", &select("envoy_server_total_connections", ""))?,
        allocated: last("envoy_server_memory_allocated")?,
        physical: last("envoy_server_memory_physical_size")?,
    })
}
