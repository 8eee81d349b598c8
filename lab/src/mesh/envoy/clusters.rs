//! `/clusters`: hosts, limits and host statistics of every cluster, as text and as JSON.
//!
//! In JSON, 64-bit counters are strings and zeros are left out, as protobuf's printer does.

use std::fmt::Write as _;

use regex::Regex;
use serde_json::{Value, json};

use super::measure::{Measured, measure};
use crate::mesh::State;
use crate::mesh::istiod::rules::Thresholds;
use crate::mesh::kubernetes::PodKey;
use crate::mesh::page::{Ask, Page};

struct Status {
    name: String,
    dynamic: bool,
    observability: String,
    eds: bool,
    limits: Thresholds,
    both_priorities: bool,
    hosts: Vec<Host>,
}

struct Host {
    address: String,
    port: u16,
    pipe: Option<String>,
    hostname: String,
    counters: [(&'static str, u64); 6],
    gauges: [(&'static str, u64); 3],
    ejected: bool,
}

/// Envoy's own defaults for a priority without thresholds.
const DEFAULTS: Thresholds =
    Thresholds { max_connections: 1024, max_pending_requests: 1024, max_requests: 1024, max_retries: 3 };

/// `/clusters` with `format=json` and `filter`.
pub fn page(state: &State, key: &PodKey, ask: &Ask) -> Page {
    let filter = match ask.get("filter").map(Regex::new) {
        Some(Err(error)) => return Page::text(format!("Invalid re2 regex: {error}\n")).with_status(400),
        Some(Ok(filter)) => Some(filter),
        None => None,
    };
    let all = statuses(state, key, &|name| filter.as_ref().is_none_or(|filter| filter.is_match(name)));
    if ask.get("format") == Some("json") {
        let list: Vec<Value> = all.iter().map(json_form).collect();
        Page::json(super::config_dump::indented(&json!({"cluster_statuses": list})))
    } else {
        Page::text(text(&all))
    }
}

fn statuses(state: &State, key: &PodKey, wanted: &dyn Fn(&str) -> bool) -> Vec<Status> {
    let Some(proxy) = state.proxies.get(key) else { return Vec::new() };
    let fixed = |name: &str, observability: &str, dynamic: bool, limits: Thresholds, hosts: Vec<Host>| Status {
        name: name.into(),
        dynamic,
        observability: format!("{observability};"),
        eds: false,
        limits,
        both_priorities: false,
        hosts,
    };
    let idle = |address: &str, port: u16, pipe: Option<&str>| Host {
        address: address.into(),
        port,
        pipe: pipe.map(str::to_owned),
        hostname: String::new(),
        counters: [
            ("cx_connect_fail", 0),
            ("cx_total", 1),
            ("rq_error", 0),
            ("rq_success", 0),
            ("rq_timeout", 0),
            ("rq_total", 1),
        ],
        gauges: [("cx_active", 1), ("rq_active", 0), ("rq_pending_active", 0)],
        ejected: false,
    };
    let wide =
        Thresholds { max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000, max_retries: 3 };
    let mut all = vec![fixed("BlackHoleCluster", "BlackHoleCluster", true, DEFAULTS, Vec::new())];
    if !proxy.router {
        all.push(fixed("InboundPassthroughCluster", "PassthroughCluster", true, Thresholds::default(), Vec::new()));
        all.push(fixed("PassthroughCluster", "PassthroughCluster", true, Thresholds::default(), Vec::new()));
    }
    all.extend([
        fixed("agent", "agent", false, DEFAULTS, vec![idle("127.0.0.1", 15020, None)]),
        fixed("prometheus_stats", "prometheus_stats", false, DEFAULTS, vec![idle("127.0.0.1", 15000, None)]),
        fixed(
            "sds-grpc",
            "sds-grpc",
            false,
            DEFAULTS,
            vec![idle("", 0, Some("./var/run/secrets/workload-spiffe-uds/socket"))],
        ),
        Status {
            both_priorities: true,
            ..fixed(
                "xds-grpc",
                "xds-grpc",
                false,
                wide,
                vec![idle("", 0, Some("/home/istio-proxy/etc/istio/proxy/XDS"))],
            )
        },
    ]);
    all.retain(|status| wanted(&status.name));
    for (name, (cluster, _)) in proxy.config.clusters.iter().filter(|(name, _)| wanted(name)) {
        let measured = measure(state, key, name);
        let hosts = if cluster.host.is_empty() {
            if measured.attempts == 0 {
                Vec::new()
            } else {
                vec![host(
                    &proxy.ip,
                    cluster.port,
                    format!("inbound|{}||{}:{}", cluster.port, proxy.ip, cluster.port),
                    &measured,
                    1,
                )]
            }
        } else {
            cluster
                .endpoints
                .iter()
                .map(|endpoint| {
                    let of = cluster.endpoints.len() as u64;
                    let mut host = host(&endpoint.address, endpoint.port, String::new(), &measured, of);
                    if measured.ejected.contains(&endpoint.pod) {
                        // Nothing new goes there; what is open ends soon.
                        host.ejected = true;
                        host.gauges.iter_mut().filter(|(name, _)| *name != "cx_active").for_each(|gauge| gauge.1 = 0);
                    }
                    host
                })
                .collect()
        };
        all.push(Status {
            name: name.clone(),
            dynamic: true,
            observability: format!("{name};"),
            eds: !cluster.host.is_empty(),
            limits: cluster.thresholds(),
            both_priorities: false,
            hosts,
        });
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// One of `of` hosts that share a cluster's requests equally.
fn host(address: &str, port: u16, hostname: String, measured: &Measured, of: u64) -> Host {
    let failed: u64 = measured.codes.iter().filter(|(code, _)| **code >= 500).map(|(_, count)| count).sum();
    Host {
        address: address.into(),
        port,
        pipe: None,
        hostname,
        counters: [
            ("cx_connect_fail", measured.connect_fail / of),
            ("cx_total", measured.connections.div_ceil(of)),
            ("rq_error", failed / of),
            ("rq_success", measured.successes / of),
            ("rq_timeout", measured.timeouts / of),
            ("rq_total", measured.attempts / of),
        ],
        gauges: [
            ("cx_active", measured.connections.div_ceil(of)),
            ("rq_active", measured.active / of),
            ("rq_pending_active", measured.pending / of),
        ],
        ejected: false,
    }
}

fn threshold(limits: Thresholds, high: bool) -> Value {
    let mut value = json!({});
    if high {
        value["priority"] = json!("HIGH");
    }
    for (name, limit) in [
        ("max_connections", limits.max_connections),
        ("max_pending_requests", limits.max_pending_requests),
        ("max_requests", limits.max_requests),
        ("max_retries", limits.max_retries),
    ] {
        value[name] = json!(limit);
    }
    value
}

fn json_form(status: &Status) -> Value {
    let mut value = json!({"name": status.name});
    if status.dynamic {
        value["added_via_api"] = json!(true);
    }
    let hosts: Vec<Value> = status.hosts.iter().map(host_json).collect();
    if !hosts.is_empty() {
        value["host_statuses"] = json!(hosts);
    }
    let high = if status.both_priorities { status.limits } else { DEFAULTS };
    value["circuit_breakers"] = json!({"thresholds": [threshold(status.limits, false), threshold(high, true)]});
    value["observability_name"] = json!(status.observability);
    if status.eds {
        value["eds_service_name"] = json!(status.name);
    }
    value
}

fn host_json(host: &Host) -> Value {
    let figure = |(name, value): &(&str, u64), gauge: bool| {
        let mut one = json!({});
        if gauge {
            one["type"] = json!("GAUGE");
        }
        if *value > 0 {
            one["value"] = json!(value.to_string());
        }
        one["name"] = json!(name);
        one
    };
    let stats: Vec<Value> = host
        .counters
        .iter()
        .map(|one| figure(one, false))
        .chain(host.gauges.iter().map(|one| figure(one, true)))
        .collect();
    let address = match &host.pipe {
        Some(path) => json!({"pipe": {"path": path}}),
        None => json!({"socket_address": {"address": host.address, "port_value": host.port}}),
    };
    let mut health = json!({"eds_health_status": "HEALTHY"});
    if host.ejected {
        health = json!({"failed_outlier_check": true, "eds_health_status": "HEALTHY"});
    }
    let mut value = json!({"address": address, "stats": stats, "health_status": health, "weight": 1});
    if !host.hostname.is_empty() {
        value["hostname"] = json!(host.hostname);
    }
    value["locality"] = json!({});
    value
}

fn text(all: &[Status]) -> String {
    let mut out = String::new();
    for status in all {
        let name = &status.name;
        let _ = writeln!(out, "{name}::observability_name::{}", status.observability);
        let high = if status.both_priorities { status.limits } else { DEFAULTS };
        for (priority, limits) in [("default_priority", status.limits), ("high_priority", high)] {
            let _ = writeln!(out, "{name}::{priority}::max_connections::{}", limits.max_connections);
            let _ = writeln!(out, "{name}::{priority}::max_pending_requests::{}", limits.max_pending_requests);
            let _ = writeln!(out, "{name}::{priority}::max_requests::{}", limits.max_requests);
            let _ = writeln!(out, "{name}::{priority}::max_retries::{}", limits.max_retries);
        }
        let _ = writeln!(out, "{name}::added_via_api::{}", status.dynamic);
        if status.eds {
            let _ = writeln!(out, "{name}::eds_service_name::{name}");
        }
        for host in &status.hosts {
            let address = host.pipe.clone().unwrap_or_else(|| format!("{}:{}", host.address, host.port));
            let mut figures: Vec<(&str, u64)> = host.counters.iter().chain(&host.gauges).copied().collect();
            figures.sort_unstable();
            for (figure, value) in figures {
                let _ = writeln!(out, "{name}::{address}::{figure}::{value}");
            }
            for (figure, value) in [
                ("hostname", host.hostname.as_str()),
                ("health_flags", if host.ejected { "/failed_outlier_check" } else { "healthy" }),
                ("weight", "1"),
                ("region", ""),
                ("zone", ""),
                ("sub_zone", ""),
                ("canary", "false"),
                ("priority", "0"),
                ("success_rate", "-1"),
                ("local_origin_success_rate", "-1"),
            ] {
                let _ = writeln!(out, "{name}::{address}::{figure}::{value}");
            }
        }
    }
    out
}
