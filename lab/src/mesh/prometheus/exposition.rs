//! What each pod exports for Prometheus: Istio's metrics with their real labels, and the target's own labels.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::tsdb::Labels;
use crate::mesh::State;
use crate::mesh::istiod::config::workload_label;
use crate::mesh::kubernetes::{PodKey, text};
use crate::mesh::traffic::counters::{BUCKETS, Counters, whole};
use crate::mesh::traffic::flow::{Flow, PASSTHROUGH};
use crate::mesh::traffic::outcome::{Outcome, Report};

/// Who calls and who is called, as Istio's metrics name them.
struct Party {
    workload: String,
    namespace: String,
    app: String,
    version: String,
    canonical: String,
    revision: String,
    principal: String,
    cluster: String,
}

impl Party {
    fn unknown() -> Party {
        let unknown = || "unknown".to_owned();
        Party {
            workload: unknown(),
            namespace: unknown(),
            app: unknown(),
            version: unknown(),
            canonical: unknown(),
            revision: "latest".into(),
            principal: unknown(),
            cluster: unknown(),
        }
    }

    fn of(state: &State, key: &PodKey) -> Party {
        let Some(pod) = state.pods.get(key) else { return Party::unknown() };
        let label = workload_label(pod);
        let mut parts = label.split(';').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        let (workload, namespace, canonical, revision, cluster) = (next(), next(), next(), next(), next());
        let labels = &pod["metadata"]["labels"];
        let own = |name: &str| labels[name].as_str().unwrap_or("unknown").to_owned();
        Party {
            app: own("app"),
            version: own("version"),
            principal: format!("spiffe://cluster.local/ns/{namespace}/sa/{}", text(&pod["spec"]["serviceAccountName"])),
            workload,
            namespace,
            canonical,
            revision,
            cluster,
        }
    }
}

/// One group of an exposition: a counter and its histogram, both with these labels.
pub struct Group<'a> {
    /// Distinguishes the group within its pod: side, stream, cluster, outcome.
    pub id: (bool, usize, usize, usize),
    /// Labels without the metric's name.
    pub labels: Box<dyn Fn() -> Labels + 'a>,
    /// What was counted.
    pub counters: &'a Counters,
    /// Which of it.
    pub outcome: Outcome,
}

/// Everything that a pod's sidecar counts by Istio's standard metrics.
pub fn groups<'a>(state: &'a State, key: &'a PodKey) -> Vec<Group<'a>> {
    let mut groups = Vec::new();
    if !state.spec.telemetry.istio_metrics {
        return groups;
    }
    for flow in state.traffic.flows.iter().filter(|flow| flow.proxied && flow.caller.as_ref() == Some(key)) {
        for (index, (cluster, totals)) in flow.totals.iter().enumerate() {
            for outcome in Outcome::ALL.into_iter().filter(|outcome| totals.counters.count(*outcome) > 0) {
                groups.push(Group {
                    id: (true, flow.stream, index, outcome as usize),
                    labels: Box::new(move || source_labels(state, key, flow, cluster, outcome)),
                    counters: &totals.counters,
                    outcome,
                });
            }
        }
    }
    if let Some(server) = state.traffic.servers.iter().find(|server| server.pod == *key)
        && state.proxies.contains_key(key)
    {
        for (place, counters) in server.from.iter().enumerate() {
            let Some(counters) = counters.as_deref() else { continue };
            let (stream, mutual) = (place / 2, place % 2 == 1);
            for outcome in Outcome::ALL {
                let Some(report) = outcome.at_server(server.error_code).filter(|_| counters.count(outcome) > 0) else {
                    continue;
                };
                groups.push(Group {
                    id: (false, stream, usize::from(mutual), outcome as usize),
                    labels: Box::new(move || destination_labels(state, key, stream, mutual, report)),
                    counters,
                    outcome,
                });
            }
        }
    }
    groups
}

fn source_labels(state: &State, key: &PodKey, flow: &Flow, cluster: &str, outcome: Outcome) -> Labels {
    let source = Party::of(state, key);
    let servers = flow
        .legs
        .iter()
        .filter(|leg| leg.cluster.as_ref().is_some_and(|c| c.name == cluster))
        .flat_map(|leg| leg.servers.first())
        .next();
    let server = servers.map(|index| &state.traffic.servers[*index]);
    // The peer is known from its answer: of what was never answered by it, the workload is unknown.
    let answered = matches!(
        outcome,
        Outcome::Ok
            | Outcome::ApplicationError
            | Outcome::ServerOverflow
            | Outcome::ApplicationDown
            | Outcome::Timeout
            | Outcome::TryTimeout
            | Outcome::ClientGone
    );
    let destination = match server.filter(|_| answered) {
        Some(server) => Party::of(state, &server.pod),
        None => Party::unknown(),
    };
    let report = outcome.at_caller(server.map_or(500, |server| server.error_code));
    let authority = &state.traffic.streams[flow.stream].authority;
    let all = |host: &str| labels("source", &source, &destination, host, report, "unknown");
    match cluster.rsplit('|').next() {
        // What a sidecar cannot tell by its cluster it takes from the authority that was asked for.
        Some(PASSTHROUGH) => named(all(authority), PASSTHROUGH),
        Some(host) if !host.is_empty() => all(host),
        // A gateway does not (`disableHostHeaderFallback` in Istio's pilot/pkg/model/telemetry.go).
        _ if state.proxies.get(key).is_some_and(|proxy| proxy.router) => all("unknown"),
        _ if outcome == Outcome::Blocked => named(all(authority), "BlackHoleCluster"),
        _ => all(authority),
    }
}

/// The labels with another `destination_service_name`.
fn named(mut labels: Labels, name: &str) -> Labels {
    labels.insert("destination_service_name".into(), name.to_owned());
    labels
}

fn destination_labels(state: &State, key: &PodKey, stream: usize, mutual: bool, report: Report) -> Labels {
    let place = stream;
    let stream = &state.traffic.streams[place];
    let caller = state
        .pods
        .iter()
        .find(|(pod, object)| {
            pod.0 == stream.source.0 && crate::mesh::istiod::config::workload_name(object) == stream.source.1
        })
        .map(|(pod, _)| pod);
    // What a sidecar only lets through does not say who sends it.
    let passes = |flow: &Flow| {
        let mut clusters = flow.legs.iter().filter_map(|leg| leg.cluster.as_ref());
        flow.stream == place && clusters.any(|cluster| cluster.name == PASSTHROUGH)
    };
    let proxied = caller.is_some_and(|caller| state.proxies.contains_key(caller))
        && (mutual || !state.traffic.flows.iter().any(passes));
    let elsewhere = stream.source_cluster != "Kubernetes";
    let source = match caller {
        Some(caller) if proxied => Party::of(state, caller),
        _ if elsewhere => Party {
            workload: stream.source.1.clone(),
            namespace: stream.source.0.clone(),
            app: stream.source.1.clone(),
            version: "v1".into(),
            canonical: stream.source.1.clone(),
            revision: "v1".into(),
            principal: format!("spiffe://cluster.local/ns/{}/sa/default", stream.source.0),
            cluster: stream.source_cluster.clone(),
        },
        _ => Party::unknown(),
    };
    let destination = Party::of(state, key);
    let name = state
        .proxies
        .get(key)
        .and_then(|proxy| proxy.config.clusters.values().find(|(cluster, _)| cluster.host.is_empty()))
        .map(|(cluster, _)| cluster.service.clone());
    let (namespace, name) = name.unwrap_or_else(|| (destination.namespace.clone(), destination.canonical.clone()));
    let policy = if mutual { "mutual_tls" } else { "none" };
    labels("destination", &source, &destination, &format!("{name}.{namespace}.svc.cluster.local"), report, policy)
}

fn labels(reporter: &str, source: &Party, destination: &Party, host: &str, report: Report, policy: &str) -> Labels {
    let mut host_parts = host.split('.');
    let service = host_parts.next().unwrap_or(host);
    let namespace = host_parts.next().filter(|_| host.ends_with(".svc.cluster.local")).unwrap_or("unknown");
    let mut all = BTreeMap::new();
    let mut put = |name: &str, value: &str| {
        all.insert(name.to_owned(), value.to_owned());
    };
    put("reporter", reporter);
    for (side, party) in [("source", source), ("destination", destination)] {
        put(&format!("{side}_workload"), &party.workload);
        put(&format!("{side}_workload_namespace"), &party.namespace);
        put(&format!("{side}_app"), &party.app);
        put(&format!("{side}_version"), &party.version);
        put(&format!("{side}_canonical_service"), &party.canonical);
        put(&format!("{side}_canonical_revision"), &party.revision);
        put(
            &format!("{side}_principal"),
            if policy == "mutual_tls" || reporter == "source" { &party.principal } else { "unknown" },
        );
        put(&format!("{side}_cluster"), &party.cluster);
    }
    put("destination_service", host);
    put("destination_service_name", service);
    put("destination_service_namespace", namespace);
    put("request_protocol", "http");
    put("response_code", &report.code.to_string());
    put("response_flags", report.flags);
    put("grpc_response_status", "");
    put("connection_security_policy", policy);
    all.retain(|_, value| !value.is_empty());
    all
}

/// Istio's metrics of one pod in Prometheus' text format, as its sidecar's page shows them.
pub fn istio_metrics(state: &State, key: &PodKey) -> String {
    let groups = groups(state, key);
    if groups.is_empty() {
        return String::new();
    }
    let written: Vec<String> = groups
        .iter()
        .map(|group| {
            (group.labels)().iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect::<Vec<_>>().join(",")
        })
        .collect();
    let mut out = String::from("# TYPE istio_requests_total counter\n");
    for (group, labels) in groups.iter().zip(&written) {
        let _ = writeln!(out, "istio_requests_total{{{labels}}} {}", group.counters.count(group.outcome));
    }
    out.push_str("# TYPE istio_request_duration_milliseconds histogram\n");
    for (group, labels) in groups.iter().zip(&written) {
        let Some(histogram) = &group.counters.durations[group.outcome as usize] else { continue };
        for (bound, count) in BUCKETS.iter().zip(histogram.buckets) {
            let _ =
                writeln!(out, "istio_request_duration_milliseconds_bucket{{{labels},le=\"{bound}\"}} {}", whole(count));
        }
        let total = group.counters.count(group.outcome);
        let _ = writeln!(out, "istio_request_duration_milliseconds_bucket{{{labels},le=\"+Inf\"}} {total}");
        let _ = writeln!(out, "istio_request_duration_milliseconds_sum{{{labels}}} {}", histogram.sum);
        let _ = writeln!(out, "istio_request_duration_milliseconds_count{{{labels}}} {total}");
    }
    out
}

/// The labels that a scrape adds to everything of a pod: job, instance, namespace, pod, node, and the pod's own labels.
pub fn target_labels(state: &State, key: &PodKey, job: &str, port: u16) -> Labels {
    let mut all = BTreeMap::new();
    if let Some(pod) = state.pods.get(key) {
        for (name, value) in pod["metadata"]["labels"].as_object().into_iter().flatten() {
            let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            all.insert(name, text(value).to_owned());
        }
        all.insert("instance".into(), format!("{}:{port}", text(&pod["status"]["podIP"])));
        all.insert("node".into(), text(&pod["spec"]["nodeName"]).to_owned());
    }
    all.insert("job".into(), job.to_owned());
    all.insert("namespace".into(), key.0.clone());
    all.insert("pod".into(), key.1.clone());
    all
}
