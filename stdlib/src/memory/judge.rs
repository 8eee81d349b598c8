//! Which of the causes it is.

use std::time::Duration;

use meshbook_runtime::value::{Missing, Span};

use super::{Seen, Sidecar, cause, growth};
use crate::text::{bytes, count, figure, percent, some};

/// From this part of its limit on a sidecar has no room: what is beyond a burst can take.
pub const FULL: f64 = 0.8;
/// A leak that fills the limit only later than this is nobody's trouble today.
const FAR: Duration = Duration::from_secs(30 * 24 * 3600);
/// What clusters and connections may change by while memory grows, and the growth still not be theirs.
const STEADY: f64 = 0.05;
/// A configuration of fewer clusters is modest.
const MODEST: f64 = 100.0;
/// So many clusters for each service that is asked are more than are needed: ports and subsets make several of one.
const CLUSTERS_OF_ONE: f64 = 10.0;
/// What an Envoy of Istio has allocated before it is told of anything much, and for a connection, in bytes: 9.45 MB at
/// 17 clusters (recorded, Envoy 1.40), and some 50 kB with TLS on both sides.
const BARE: f64 = 9_500_000.0;
const OF_CONNECTION: f64 = 50_000.0;
/// A configuration that takes this part of the working set is worth limiting.
const MUCH: f64 = 0.25;

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// In its fixed words.
    pub cause: &'static str,
    /// One sentence.
    pub what: String,
    /// What to do.
    pub advice: String,
    /// The part of the sidecars that it concerns.
    pub harm: f64,
}

/// What is wrong with the memory of a workload's sidecars; `None` if they have room and none grows.
///
/// # Errors
/// Why it cannot be told.
pub fn judge(seen: &Seen, span: Span) -> Result<Option<Verdict>, Missing> {
    if let Some(verdict) = growing(seen)? {
        return Ok(Some(verdict));
    }
    let full: Vec<&Sidecar> = seen
        .sidecars
        .iter()
        .filter(|one| one.was_killed(seen.now, span) || matches!(one.share(), Ok(Some(share)) if share > FULL))
        .collect();
    if full.is_empty() {
        // Nothing is said of one that cannot be seen.
        if let Some(missing) = seen.sidecars.iter().find_map(|one| one.share().err()) {
            return Err(missing);
        }
        return if seen.sidecars.iter().any(|one| one.slope.is_ok()) { Ok(None) } else { Err(unknown_course(seen)) };
    }
    #[allow(clippy::cast_precision_loss, reason = "numbers of pods")]
    let harm = full.len() as f64 / seen.sidecars.len() as f64;
    let symptom = symptom(seen, &full, span);
    if full.iter().all(|one| one.container.resources.limit().is_none()) {
        let what = format!("{symptom}, and has no memory limit");
        let advice = format!(
            "{what}: the node ran out of memory, so look at what else runs there, and give the sidecars a request that says what they need"
        );
        return Ok(Some(Verdict { cause: cause::NODE, what, advice, harm }));
    }
    if let Some(verdict) = configuration(seen, &symptom, harm)? {
        return Ok(Some(verdict));
    }
    if seen.sidecars.iter().all(|one| one.slope.is_err()) {
        return Err(unknown_course(seen));
    }
    let limit = seen.lowest_limit().map_or("none".to_owned(), bytes);
    let what = format!("{symptom}: nothing grows, {}, and the limit is {limit}", modest(seen));
    let advice = format!(
        "{what}: raise it by all four annotations of the pod template, sidecar.istio.io/proxyMemoryLimit among them"
    );
    Ok(Some(Verdict { cause: cause::LOW_LIMIT, what, advice, harm }))
}

fn unknown_course(seen: &Seen) -> Missing {
    let why = seen.sidecars.iter().find_map(|one| one.slope.as_ref().err());
    why.cloned().unwrap_or_else(|| Missing::NoSeries("no samples over time".into()))
}

/// Whether one of them grows for good, and with what.
fn growing(seen: &Seen) -> Result<Option<Verdict>, Missing> {
    let Some((one, slope)) = seen.growing() else { return Ok(None) };
    let until = one.until_limit();
    if until.is_some_and(|until| until > FAR) {
        return Ok(None);
    }
    let grows: Vec<&Sidecar> =
        seen.sidecars.iter().filter(|one| one.slope.as_ref().is_ok_and(super::Slope::grows)).collect();
    #[allow(clippy::cast_precision_loss, reason = "numbers of pods")]
    let harm = grows.len() as f64 / seen.sidecars.len() as f64;
    let Some((clusters, connections)) = one.meanwhile else {
        return Err(Missing::NoSeries(format!(
            "the sidecar of {} grows by {}, and whether its configuration and connections grow is not known: envoy_cluster_manager_active_clusters and envoy_server_total_connections have no series of it",
            one.pod,
            growth(&slope)
        )));
    };
    let reached = match (until, &one.container.resources.memory_limit) {
        (Some(until), Some(limit)) => format!("its limit of {limit} is reached in {}", roughly(until)),
        _ => "it has no limit: the node's memory is what ends it".into(),
    };
    let who = format!("the sidecar of {} grows by {}", one.pod, growth(&slope));
    if connections > STEADY {
        let what = format!("{who}, and its connections grew by {}: {reached}", percent(connections));
        let advice = format!("{what}. Find out who opens them: idle connections of clients, or a pool without a limit");
        return Ok(Some(Verdict { cause: cause::CONNECTIONS, what, advice, harm }));
    }
    if clusters > STEADY {
        let what = format!("{who}, and its clusters grew by {}: {reached}", percent(clusters));
        let advice = format!(
            "{what}. Find out who creates services, and let a Sidecar resource keep them from those who do not ask them"
        );
        return Ok(Some(Verdict { cause: cause::CONFIGURATION, what, advice, harm }));
    }
    let what = format!("{who} while its configuration and connections stay the same: {reached}");
    let advice = format!(
        "{what}. A restart only begins it anew. Take a heap profile (POST /heapprofiler), look for an EnvoyFilter or a Wasm plugin, and update Istio's proxy"
    );
    Ok(Some(Verdict { cause: cause::LEAK, what, advice, harm }))
}

/// Whether the configuration is what it needs memory for.
fn configuration(seen: &Seen, symptom: &str, harm: f64) -> Result<Option<Verdict>, Missing> {
    let known: Vec<(&Sidecar, &super::Envoy)> =
        seen.sidecars.iter().filter_map(|one| Some((one, one.envoy.as_ref().ok()?))).collect();
    let Some((_, envoy)) = known.iter().max_by(|a, b| a.1.clusters.total_cmp(&b.1.clusters)) else {
        let why = seen.sidecars.iter().find_map(|one| one.envoy.as_ref().err()).cloned().unwrap_or_default();
        return Err(Missing::Unreachable(format!("no proxy says how much configuration it holds: {why}")));
    };
    let part = |one: &Sidecar, envoy: &super::Envoy| {
        let configuration = envoy.allocated - BARE - OF_CONNECTION * envoy.connections;
        one.need().map_or(0.0, |need| configuration / need)
    };
    let most = known.iter().map(|(one, envoy)| part(one, envoy)).fold(0.0, f64::max);
    if envoy.clusters <= MODEST || most < MUCH {
        return Ok(None);
    }
    let asked = seen.asked.as_ref().map_err(|missing| {
        Missing::NoSeries(format!(
            "{} clusters take {} of the memory, and whether the workload asks that many is not known: {missing}",
            figure(envoy.clusters),
            percent(most)
        ))
    })?;
    #[allow(clippy::cast_precision_loss, reason = "numbers of services")]
    let needed = MODEST.min(CLUSTERS_OF_ONE * (asked.hosts.len() as f64 + 1.0));
    if envoy.clusters <= needed * 2.0 {
        return Ok(None);
    }
    let what = format!(
        "{symptom}; {} of it is the configuration of {} clusters, and the workload asks {}",
        percent(most),
        figure(envoy.clusters),
        count(asked.hosts.len(), "service", "services")
    );
    let advice = match &seen.limited_by {
        Some(sidecar) => {
            format!("{what}. {sidecar} already decides what its sidecars are told of: keep fewer hosts in it")
        }
        None if asked.hosts.is_empty() => {
            format!("{what}. Which of them it needs cannot be told from that: write a Sidecar resource by hand")
        }
        None => format!("{what}. A Sidecar resource that keeps what it asks would leave them room"),
    };
    Ok(Some(Verdict { cause: cause::CONFIGURATION, what, advice, harm }))
}

fn symptom(seen: &Seen, full: &[&Sidecar], span: Span) -> String {
    let killed = seen.killed(span);
    let all = seen.sidecars.len();
    if killed.is_empty() {
        let most = full.iter().filter_map(|one| one.share().ok().flatten()).fold(0.0, f64::max);
        return format!("{} of {all} sidecars need up to {} of their memory limit", full.len(), percent(most));
    }
    let names: Vec<String> = killed.iter().map(|one| one.pod.clone()).collect();
    format!("{} of {all} sidecars were killed for memory in {span} ({})", killed.len(), some(&names, 3))
}

fn modest(seen: &Seen) -> String {
    seen.most_clusters().map_or("the configuration is not known".to_owned(), |clusters| {
        format!("{} clusters are a modest configuration", figure(clusters))
    })
}

/// A time to come, as precisely as anybody knows it.
fn roughly(time: Duration) -> String {
    #[allow(clippy::cast_precision_loss, reason = "hours")]
    let hours = time.as_secs() as f64 / 3600.0;
    match hours {
        hours if hours < 1.0 => format!("about {} minutes", figure((hours * 60.0).round())),
        hours if hours < 48.0 => format!("about {} hours", figure(hours.round())),
        hours => format!("about {} days", figure((hours / 24.0).round())),
    }
}
