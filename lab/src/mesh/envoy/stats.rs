//! `/stats`: which statistics a proxy exports and where they stand, in Envoy's three forms.
//!
//! Istio exports few by default; what `proxyStatsMatcher` lets through comes besides. Names of a cluster's statistics
//! end in `;` before the last part, since Istio sets `alt_stat_name` so.

use std::fmt::Write as _;

use jiff::Timestamp;
use regex::Regex;
use serde_json::{Value, json};

use super::measure::{Measured, measure};
use super::recorded;
use crate::mesh::istiod::plane::{self, Link};
use crate::mesh::kubernetes::PodKey;
use crate::mesh::memory::Memory;
use crate::mesh::page::{Ask, Page};
use crate::mesh::traffic::counters::BUCKETS;
use crate::mesh::{Proxy, State};

/// A statistic's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Figure {
    /// Only grows.
    Counter(u64),
    /// Goes up and down.
    Gauge(u64),
    /// A text.
    Text(String),
    /// A histogram of milliseconds: cumulative counts at [`BUCKETS`], their total, their sum.
    Histogram(Option<Box<([f64; 19], f64)>>),
}

/// A statistic by its full name.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistic {
    /// Such as `cluster.outbound|8080||graph-core.summit.svc.cluster.local;.upstream_rq_total`.
    pub name: String,
    /// Where it stands.
    pub figure: Figure,
}

/// Counters of every cluster that are nought in the lab: faults it does not simulate.
const NOUGHT: &[&str] = &[
    "upstream_cx_close_notify",
    "upstream_cx_connect_attempts_exceeded",
    "upstream_cx_connect_timeout",
    "upstream_cx_connect_with_0_rtt",
    "upstream_cx_destroy",
    "upstream_cx_destroy_local",
    "upstream_cx_destroy_local_with_active_rq",
    "upstream_cx_destroy_remote",
    "upstream_cx_destroy_remote_with_active_rq",
    "upstream_cx_destroy_with_active_rq",
    "upstream_cx_http2_total",
    "upstream_cx_http3_total",
    "upstream_cx_idle_timeout",
    "upstream_cx_max_duration_reached",
    "upstream_cx_max_requests",
    "upstream_cx_pool_overflow",
    "upstream_cx_preconnect_skipped",
    "upstream_cx_protocol_error",
    "upstream_rq_0rtt",
    "upstream_rq_cancelled",
    "upstream_rq_maintenance_mode",
    "upstream_rq_max_duration_reached",
    "upstream_rq_pending_failure_eject",
    "upstream_rq_per_try_idle_timeout",
    "upstream_rq_retry_backoff_ratelimited",
    "upstream_rq_retry_limit_exceeded",
    "upstream_rq_retry_overflow",
    "upstream_rq_rx_reset",
    "upstream_rq_rx_reset_no_error",
];

/// Statistics of a cluster with `outlierDetection`.
const OUTLIER: &[&str] = &[
    "ejections_active",
    "ejections_consecutive_5xx",
    "ejections_detected_consecutive_5xx",
    "ejections_detected_consecutive_gateway_failure",
    "ejections_detected_consecutive_local_origin_failure",
    "ejections_detected_degradation",
    "ejections_detected_failure_percentage",
    "ejections_detected_local_origin_failure_percentage",
    "ejections_detected_local_origin_success_rate",
    "ejections_detected_success_rate",
    "ejections_enforced_consecutive_5xx",
    "ejections_enforced_consecutive_gateway_failure",
    "ejections_enforced_consecutive_local_origin_failure",
    "ejections_enforced_failure_percentage",
    "ejections_enforced_local_origin_failure_percentage",
    "ejections_enforced_local_origin_success_rate",
    "ejections_enforced_success_rate",
    "ejections_enforced_total",
    "ejections_overflow",
    "ejections_success_rate",
    "ejections_total",
];

/// What `proxyStatsMatcher` lets through for a pod: the mesh's expressions, or the pod's own instead.
pub fn inclusions(pod: &Value, mesh: &[String]) -> Vec<Regex> {
    let annotation = pod["metadata"]["annotations"]["proxy.istio.io/config"].as_str();
    let own: Option<Vec<String>> = annotation.and_then(|yaml| {
        let config: Value = serde_saphyr::from_str(yaml).ok()?;
        let matcher = &config["proxyStatsMatcher"];
        let list = |name: &str| -> Vec<String> {
            matcher[name].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mut all = list("inclusionRegexps");
        all.extend(list("inclusionPrefixes").iter().map(|prefix| format!("{}.*", regex::escape(prefix))));
        all.extend(list("inclusionSuffixes").iter().map(|suffix| format!(".*{}", regex::escape(suffix))));
        (!matcher.is_null()).then_some(all)
    });
    let expressions = own.unwrap_or_else(|| mesh.to_vec());
    expressions.iter().filter_map(|expression| Regex::new(&format!("^(?:{expression})$")).ok()).collect()
}

/// What a proxy exports of the names that are wanted, in the order of its page.
pub fn statistics(state: &State, key: &PodKey, now: Timestamp, wanted: &dyn Fn(&str) -> bool) -> Vec<Statistic> {
    let Some(proxy) = state.proxies.get(key) else { return Vec::new() };
    let link = state.istiod.plane.links.get(key);
    let mut all = defaults(proxy, link, &state.memory(key, now), now, wanted);
    let inclusions = &proxy.inclusions;
    if !inclusions.is_empty() {
        let static_clusters = ["BlackHoleCluster", "PassthroughCluster", "agent", "prometheus_stats", "sds-grpc"];
        let configured = proxy
            .config
            .clusters
            .iter()
            .map(|(name, (cluster, _))| (name.as_str(), !cluster.policy.outlier_detection.is_null()));
        for (name, outlier) in static_clusters.into_iter().map(|name| (name, false)).chain(configured) {
            let measured = measure(state, key, name);
            for (part, figure) in cluster(&measured, outlier) {
                let full = format!("cluster.{name};.{part}");
                // What is wanted first: of thousands of names it is mostly few.
                if wanted(&full) && inclusions.iter().any(|regex| regex.is_match(&full)) {
                    all.push(Statistic { name: full, figure });
                }
            }
        }
    }
    let rank = |statistic: &Statistic| match statistic.figure {
        Figure::Text(_) => 0,
        Figure::Counter(_) | Figure::Gauge(_) => 1,
        Figure::Histogram(_) => 2,
    };
    all.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name)));
    all
}

/// `cluster_manager.active_clusters`: those of istiod and those of the bootstrap.
pub fn active_clusters(proxy: &Proxy) -> u64 {
    proxy.config.clusters.len() as u64 + 7
}

/// The statistics of Istio's default filter, as recorded, with what depends on this proxy.
fn defaults(
    proxy: &Proxy,
    link: Option<&Link>,
    memory: &Memory,
    now: Timestamp,
    wanted: &dyn Fn(&str) -> bool,
) -> Vec<Statistic> {
    let clusters = active_clusters(proxy);
    let uptime = u64::try_from(now.as_second() - proxy.started.as_second()).unwrap_or(0);
    let listeners = proxy.config.hosts.len() as u64 + 4;
    let changed = u64::try_from(proxy.config.routes_updated.as_millisecond()).unwrap_or(0);
    recorded::STATS
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| {
            let figure = match (name, value.parse::<u64>()) {
                ("cluster_manager.cds.version_text" | "listener_manager.lds.version_text", _) => {
                    Figure::Text(proxy.config.version.clone())
                }
                ("cluster_manager.active_clusters" | "cluster_manager.cluster_added", _) => Figure::Counter(clusters),
                ("listener_manager.listener_added" | "listener_manager.total_listeners_active", _) => {
                    Figure::Counter(listeners)
                }
                (
                    "cluster_manager.cds.update_time"
                    | "listener_manager.lds.update_time"
                    | "cluster_manager.cds.config_reload_time_ms",
                    _,
                ) => Figure::Counter(changed),
                (name, Ok(recorded)) if name.starts_with("cluster.xds-grpc;.") => {
                    let part = &name["cluster.xds-grpc;.".len()..];
                    Figure::Counter(link.and_then(|link| plane::statistics(link, now, part)).unwrap_or(recorded))
                }
                ("server.uptime", _) => Figure::Counter(uptime),
                ("server.memory_allocated", _) => Figure::Counter(memory.allocated),
                ("server.memory_heap_size", _) => Figure::Counter(memory.heap),
                ("server.memory_physical_size", _) => Figure::Counter(memory.physical),
                ("server.total_connections", _) => Figure::Counter(memory.connections),
                ("server.state", _) => Figure::Counter(u64::from(proxy.draining)),
                (_, Ok(number)) => Figure::Counter(number),
                (_, Err(_)) => Figure::Histogram(None),
            };
            let figure = match figure {
                Figure::Counter(value) if is_gauge(name) => Figure::Gauge(value),
                other => other,
            };
            Statistic { name: name.to_owned(), figure }
        })
        .collect()
}

fn is_gauge(name: &str) -> bool {
    const COUNTERS_OF_THE_SERVER: &[&str] = &[
        "debug_assertion_failures",
        "dropped_stat_flushes",
        "dynamic_unknown_fields",
        "envoy_bug_failures",
        "envoy_notifications",
        "static_unknown_fields",
        "watchdog_mega_miss",
        "watchdog_miss",
        "wip_protos",
    ];
    const GAUGES: &[&str] = &[
        "active_clusters",
        "deferred_stream_close",
        "max_host_weight",
        "pending_send_bytes",
        "upstream_queue_overloaded",
        "version",
        "warming_clusters",
        "warming_state",
        "workers_pinned",
        "workers_started",
    ];
    let last = name.rsplit('.').next().unwrap_or(name);
    let endings = ["_active", "_open", "_buffered", "_time", "_time_ms"];
    let beginnings = ["membership_", "total_listeners", "total_filter_chains"];
    endings.iter().any(|ending| last.ends_with(ending))
        || (beginnings.iter().any(|beginning| last.starts_with(beginning)) && last != "membership_change")
        || (name.starts_with("server.") && !COUNTERS_OF_THE_SERVER.contains(&last))
        || GAUGES.contains(&last)
}

/// A cluster's statistics by the part after its name. Those of traffic exist from the first request on, as Envoy makes
/// them then (`enable_deferred_creation_stats` in Istio's bootstrap): not yet there is not nought.
fn cluster(measured: &Measured, outlier: bool) -> Vec<(String, Figure)> {
    let used = measured.completed() + measured.attempts > 0;
    let mut all = if used { traffic(measured) } else { Vec::new() };
    for (name, value) in [
        ("default.cx_open", measured.connections_full()),
        ("default.cx_pool_open", false),
        ("default.rq_open", measured.requests_full()),
        ("default.rq_pending_open", measured.pending_full()),
        ("default.rq_retry_open", false),
        ("high.cx_open", false),
        ("high.cx_pool_open", false),
        ("high.rq_open", false),
        ("high.rq_pending_open", false),
        ("high.rq_retry_open", false),
    ] {
        all.push((format!("circuit_breakers.{name}"), Figure::Gauge(u64::from(value))));
    }
    if outlier {
        for name in OUTLIER {
            let ejected = measured.ejected.len() as u64;
            let figure = match *name {
                "ejections_active" => Figure::Gauge(ejected),
                // Each of them once: they are ejected anew whenever they come back, which is not counted here.
                "ejections_enforced_total"
                | "ejections_enforced_consecutive_5xx"
                | "ejections_detected_consecutive_5xx" => Figure::Counter(ejected),
                _ => Figure::Counter(0),
            };
            all.push((format!("outlier_detection.{name}"), figure));
        }
    }
    all
}

/// The statistics of a cluster's traffic; those that are always nought come first.
fn traffic(measured: &Measured) -> Vec<(String, Figure)> {
    let mut all: Vec<(String, Figure)> = Vec::with_capacity(90);
    let mut counter = |name: &str, value: u64| all.push((name.to_owned(), Figure::Counter(value)));
    for name in NOUGHT {
        counter(name, 0);
    }
    counter("upstream_cx_connect_fail", measured.connect_fail);
    counter("upstream_cx_http1_total", measured.connections);
    counter("upstream_cx_none_healthy", measured.none_healthy);
    // Counts attempts to open a connection beyond the limit, not requests: recorded were 40 against 85,114 refusals.
    counter(
        "upstream_cx_overflow",
        if measured.pending_overflow + measured.active_overflow > 0 { 10 * measured.connections } else { 0 },
    );
    counter("upstream_cx_rx_bytes_total", measured.attempts * 137);
    counter("upstream_cx_total", measured.connections);
    counter("upstream_cx_tx_bytes_total", measured.attempts * 262);
    counter("upstream_rq_active_overflow", measured.active_overflow);
    counter("upstream_rq_pending_overflow", measured.pending_overflow);
    counter("upstream_rq_pending_total", measured.waited.min(measured.attempts));
    counter("upstream_rq_per_try_timeout", measured.per_try_timeouts);
    counter("upstream_rq_retry", measured.retries);
    counter("upstream_rq_retry_backoff_exponential", measured.retries);
    counter("upstream_rq_retry_success", measured.retry_success);
    counter("upstream_rq_timeout", measured.timeouts);
    counter("upstream_rq_total", measured.attempts);
    counter("upstream_rq_tx_reset", measured.timeouts + measured.per_try_timeouts);
    counter("upstream_rq_completed", measured.completed());
    if measured.completed() > 0 {
        for prefix in ["", "external."] {
            for (code, count) in &measured.codes {
                counter(&format!("{prefix}upstream_rq_{code}"), *count);
            }
            for class in 1..=5 {
                if measured.class(class) > 0 {
                    counter(&format!("{prefix}upstream_rq_{class}xx"), measured.class(class));
                }
            }
        }
        counter("external.upstream_rq_completed", measured.completed());
    }
    for (name, value) in [
        ("upstream_cx_active", measured.connections),
        ("upstream_cx_rx_bytes_buffered", measured.connections * 137),
        ("upstream_cx_tx_bytes_buffered", 0),
        ("upstream_rq_active", measured.active),
        ("upstream_rq_pending_active", measured.pending),
    ] {
        all.push((name.to_owned(), Figure::Gauge(value)));
    }
    let times = (measured.successes > 0).then(|| Box::new(measured.answered));
    if times.is_some() {
        all.push(("external.upstream_rq_time".into(), Figure::Histogram(times.clone())));
        all.push(("upstream_rq_time".into(), Figure::Histogram(times)));
    }
    for name in ["upstream_cx_connect_ms", "upstream_cx_length_ms", "upstream_rq_per_cx"] {
        all.push((name.into(), Figure::Histogram(None)));
    }
    all
}

/// `/stats` and `/stats/prometheus`.
pub fn page(state: &State, key: &PodKey, ask: &Ask, now: Timestamp) -> Page {
    let form = if ask.path == "/stats/prometheus" { "prometheus" } else { ask.get("format").unwrap_or("text") };
    let filter = match ask.get("filter").map(Regex::new) {
        Some(Err(error)) => return Page::text(format!("Invalid re2 regex: {error}\n")).with_status(400),
        Some(Ok(filter)) => Some(filter),
        None => None,
    };
    let kind = ask.get("type").unwrap_or("All");
    if !["All", "Counters", "Gauges", "Histograms", "TextReadouts"].contains(&kind) {
        return Page::text("usage: /stats?type=(All|Counters|Gauges|Histograms|TextReadouts)\n").with_status(400);
    }
    let used_only = ask.query.iter().any(|(name, _)| name == "usedonly");
    let wanted = |name: &str| filter.as_ref().is_none_or(|filter| filter.is_match(name));
    let mut statistics = statistics(state, key, now, &wanted);
    statistics.retain(|statistic| {
        let of_kind = match statistic.figure {
            Figure::Counter(_) => matches!(kind, "All" | "Counters"),
            Figure::Gauge(_) => matches!(kind, "All" | "Gauges"),
            Figure::Histogram(_) => matches!(kind, "All" | "Histograms"),
            Figure::Text(_) => matches!(kind, "All" | "TextReadouts"),
        };
        let used =
            !used_only || !matches!(&statistic.figure, Figure::Counter(0) | Figure::Gauge(0) | Figure::Histogram(None));
        of_kind && used
    });
    match form {
        "text" => Page::text(text(&statistics)),
        "json" => Page::json(json_form(&statistics).to_string()),
        "prometheus" => Page::text(prometheus(&statistics)),
        _ => Page::text("usage: /stats?format=(html|active-html|text|json|prometheus)\n").with_status(400),
    }
}

const QUANTILES: [f64; 10] = [0.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 100.0];

/// The value (ms) below which a share of the recorded values lies, straight between bucket bounds.
fn quantile(histogram: &([f64; 19], f64), percent: f64) -> f64 {
    let total = histogram.0[18];
    let rank = (total * percent / 100.0).max(1e-9);
    let index = histogram.0.iter().position(|count| *count >= rank).unwrap_or(18);
    let (low, below) = if index == 0 { (0.0, 0.0) } else { (BUCKETS[index - 1], histogram.0[index - 1]) };
    let inside = histogram.0[index] - below;
    if inside <= 0.0 { low } else { low + (BUCKETS[index] - low) * (rank - below) / inside }
}

fn text(statistics: &[Statistic]) -> String {
    let mut out = String::new();
    for Statistic { name, figure } in statistics {
        let _ = match figure {
            Figure::Counter(value) | Figure::Gauge(value) => writeln!(out, "{name}: {value}"),
            Figure::Text(value) => writeln!(out, "{name}: \"{value}\""),
            Figure::Histogram(None) => writeln!(out, "{name}: No recorded values"),
            Figure::Histogram(Some(histogram)) => {
                let quantiles: Vec<String> = QUANTILES
                    .iter()
                    .map(|percent| format!("P{percent}(nan,{})", quantile(histogram, *percent)))
                    .collect();
                writeln!(out, "{name}: {}", quantiles.join(" "))
            }
        };
    }
    out
}

fn json_form(statistics: &[Statistic]) -> Value {
    let mut list = Vec::new();
    let mut histograms = Vec::new();
    for Statistic { name, figure } in statistics {
        match figure {
            Figure::Counter(value) | Figure::Gauge(value) => list.push(json!({"name": name, "value": value})),
            Figure::Text(value) => list.push(json!({"name": name, "value": value})),
            Figure::Histogram(values) => {
                let values: Vec<Value> = QUANTILES
                    .iter()
                    .map(|percent| json!({"cumulative": values.as_ref().map(|histogram| quantile(histogram, *percent)), "interval": null}))
                    .collect();
                histograms.push(json!({"name": name, "values": values}));
            }
        }
    }
    if !histograms.is_empty() {
        list.push(json!({"histograms": {"supported_quantiles": [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100], "computed_quantiles": histograms}}));
    }
    json!({"stats": list})
}

/// Envoy's Prometheus form with Istio's tag extraction: the cluster becomes label `cluster_name`, a status a label.
pub fn prometheus(statistics: &[Statistic]) -> String {
    /// A metric's name, its type, and its members' labels and figures.
    type Group<'a> = (String, &'static str, Vec<(String, &'a Figure)>);
    let mut groups: Vec<Group> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for statistic in statistics {
        let kind = match statistic.figure {
            Figure::Counter(_) => "counter",
            Figure::Gauge(_) => "gauge",
            Figure::Histogram(_) => "histogram",
            Figure::Text(_) => continue,
        };
        let (name, labels) = tagged(&statistic.name);
        let place = *places.entry(name.clone()).or_insert_with(|| {
            groups.push((name.clone(), kind, Vec::new()));
            groups.len() - 1
        });
        groups[place].2.push((labels, &statistic.figure));
    }
    let mut out = String::new();
    for (name, kind, members) in groups {
        let _ = writeln!(out, "# TYPE {name} {kind}");
        for (labels, figure) in members {
            match figure {
                Figure::Counter(value) | Figure::Gauge(value) => {
                    let _ = writeln!(out, "{name}{{{labels}}} {value}");
                }
                Figure::Histogram(values) => {
                    let (buckets, sum) = values.as_deref().copied().unwrap_or_default();
                    let comma = if labels.is_empty() { "" } else { "," };
                    for (bound, count) in BUCKETS.iter().zip(buckets) {
                        let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {}", count as u64);
                    }
                    let total = buckets[18] as u64;
                    let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {total}");
                    let _ = writeln!(out, "{name}_sum{{{labels}}} {sum}");
                    let _ = writeln!(out, "{name}_count{{{labels}}} {total}");
                }
                Figure::Text(_) => {}
            }
        }
    }
    out
}

/// The metric's name and labels of a statistic.
pub fn tagged(name: &str) -> (String, String) {
    let mut labels = String::new();
    let rest = match name.strip_prefix("cluster.").and_then(|rest| rest.split_once(";.")) {
        Some((cluster, rest)) => {
            let _ = write!(labels, "cluster_name=\"{cluster}\"");
            format!("cluster_{rest}")
        }
        None => name.to_owned(),
    };
    let mut rest = rest;
    if let Some((thread, tail)) = rest.strip_prefix("server.").and_then(|rest| rest.split_once(".watchdog_")) {
        let _ = write!(labels, "thread_name=\"{thread}\"");
        rest = format!("server.watchdog_{tail}");
    }
    if let Some((front, tail)) = rest.clone().rsplit_once("upstream_rq_") {
        let label = if tail.len() == 3 && tail.ends_with("xx") {
            Some("response_code_class")
        } else if tail.len() == 3 && tail.bytes().all(|byte| byte.is_ascii_digit()) {
            Some("response_code")
        } else {
            None
        };
        if let Some(label) = label {
            let _ = write!(labels, "{}{label}=\"{tail}\"", if labels.is_empty() { "" } else { "," });
            rest = format!("{front}upstream_rq");
        }
    }
    let clean: String = rest.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    (format!("envoy_{clean}"), labels)
}

/// Counters and gauges of the clusters of a proxy that have traffic, exported or not, without those that are always
/// nought: what a scrape asks for.
pub fn with_traffic(state: &State, key: &PodKey) -> Vec<Statistic> {
    let Some(proxy) = state.proxies.get(key) else { return Vec::new() };
    if proxy.inclusions.is_empty() {
        return Vec::new();
    }
    let mut all = Vec::new();
    for name in proxy.config.clusters.keys() {
        let measured = measure(state, key, name);
        if measured.completed() + measured.attempts == 0 {
            continue;
        }
        let figures = cluster(&measured, false)
            .into_iter()
            .skip(NOUGHT.len())
            .filter(|(_, figure)| !matches!(figure, Figure::Histogram(_)));
        all.extend(figures.map(|(part, figure)| Statistic { name: format!("cluster.{name};.{part}"), figure }));
    }
    all
}

/// Whether a proxy exports a cluster's statistic of this full name.
pub fn exports(state: &State, key: &PodKey, name: &str) -> bool {
    state.proxies.get(key).is_some_and(|proxy| proxy.inclusions.iter().any(|regex| regex.is_match(name)))
}
