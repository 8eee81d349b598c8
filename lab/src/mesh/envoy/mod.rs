//! A sidecar's HTTP pages: Envoy's admin interface (15000), the agent (15020, 15021) and Envoy's metrics (15090).

use std::fmt::Write as _;

use http::Method;
use jiff::Timestamp;
use serde_json::json;

use super::State;
use super::istiod::plane;
use super::kubernetes::{PodKey, text};
use super::page::{Ask, Page};
use super::prometheus::exposition;

mod certificates;
mod clusters;
pub mod config_dump;
mod load_balancing;
pub mod logs;
mod measure;
mod recorded;
mod router;
mod routes;
pub mod stats;
mod transport;

/// Log levels in Envoy's order.
const LEVELS: &[&str] = &["trace", "debug", "info", "warning", "warn", "error", "critical", "off"];

/// Paths that change something: Envoy refuses GET.
const MUTATIONS: &[&str] = &[
    "/logging",
    "/healthcheck/fail",
    "/healthcheck/ok",
    "/reset_counters",
    "/drain_listeners",
    "/runtime_modify",
    "/reopen_logs",
    "/quitquitquit",
    "/cpuprofiler",
    "/heapprofiler",
];

/// A page of port 15000.
pub fn admin(state: &mut State, key: &PodKey, ask: &Ask, now: Timestamp) -> Page {
    if MUTATIONS.contains(&ask.path) && ask.method != Method::POST {
        return Page::text(format!("Method {} not allowed, POST required.", ask.method)).with_status(405);
    }
    let Some(proxy) = state.proxies.get(key) else { return Page::text("no such proxy\n").with_status(404) };
    match ask.path {
        "/" | "/help" => Page::text(recorded::HELP),
        "/config_dump" => config_dump::page(state, key, ask, now),
        "/clusters" => clusters::page(state, key, ask),
        "/stats" | "/stats/prometheus" => stats::page(state, key, ask, now),
        "/server_info" => {
            let mut info = recorded::server_info().clone();
            let uptime = format!("{}s", now.as_second() - proxy.started.as_second());
            info["state"] = json!(if proxy.draining { "DRAINING" } else { "LIVE" });
            info["uptime_current_epoch"] = json!(uptime);
            info["uptime_all_epochs"] = json!(uptime);
            config_dump::identify(&mut info["node"], proxy, key);
            Page::json(config_dump::indented(&info))
        }
        "/ready" => {
            if proxy.draining {
                Page::text("DRAINING\n").with_status(503)
            } else {
                Page::text("LIVE\n")
            }
        }
        "/memory" => {
            let memory = state.memory(key, now);
            Page::json(config_dump::indented(&json!({
                "allocated": memory.allocated.to_string(), "heap_size": memory.heap.to_string(), "pageheap_unmapped": "0",
                "pageheap_free": memory.free.to_string(), "total_thread_cache": memory.caches.to_string(),
                "total_physical_bytes": memory.physical.to_string(),
            })))
        }
        "/certs" => certificates::page(state.spec.seed, proxy, key, now),
        "/listeners" => listeners(state, key, ask),
        "/logging" => logging(state, key, ask),
        "/healthcheck/fail" | "/healthcheck/ok" => {
            let draining = ask.path == "/healthcheck/fail";
            if let Some(proxy) = state.proxies.get_mut(key) {
                proxy.draining = draining;
            }
            Page::text("OK\n")
        }
        "/reopen_logs" | "/drain_listeners" => Page::text("OK\n"),
        "/hot_restart_version" => Page::text("disabled\n"),
        "/init_dump" => Page::json("{}\n"),
        _ => Page::text(format!("invalid path. {}", recorded::HELP)).with_status(404),
    }
}

fn listeners(state: &State, key: &PodKey, ask: &Ask) -> Page {
    let Some(proxy) = state.proxies.get(key) else { return Page::text("") };
    let mut all: Vec<(String, String, u16)> =
        vec![("0.0.0.0_15090".into(), "0.0.0.0".into(), 15090), ("0.0.0.0_15021".into(), "0.0.0.0".into(), 15021)];
    if proxy.router {
        all.extend(router::addresses(proxy));
        return listed(all, ask);
    }
    for (cluster, _) in
        proxy.config.clusters.values().filter(|(cluster, _)| !cluster.host.is_empty() && cluster.subset.is_empty())
    {
        let service = state.istiod.snapshot.services().iter().find(|s| {
            s["metadata"]["namespace"] == cluster.service.0.as_str()
                && s["metadata"]["name"] == cluster.service.1.as_str()
        });
        let ip = if cluster.http {
            "0.0.0.0"
        } else {
            service.map_or("0.0.0.0", |service| text(&service["spec"]["clusterIP"]))
        };
        let name = format!("{ip}_{}", cluster.port);
        if !all.iter().any(|(known, _, _)| *known == name) {
            all.push((name, ip.to_owned(), cluster.port));
        }
    }
    all.push(("virtualOutbound".into(), "0.0.0.0".into(), 15001));
    all.push(("virtualInbound".into(), "0.0.0.0".into(), 15006));
    listed(all, ask)
}

fn listed(all: Vec<(String, String, u16)>, ask: &Ask) -> Page {
    if ask.get("format") == Some("json") {
        let list: Vec<_> = all.iter().map(|(name, ip, port)| json!({"name": name, "local_address": {"socket_address": {"address": ip, "port_value": port}}})).collect();
        return Page::json(config_dump::indented(&json!({"listener_statuses": list})));
    }
    let mut out = String::new();
    for (name, ip, port) in all {
        let _ = writeln!(out, "{name}::{ip}:{port}");
    }
    Page::text(out)
}

fn logging(state: &mut State, key: &PodKey, ask: &Ask) -> Page {
    let Some(proxy) = state.proxies.get_mut(key) else { return Page::text("") };
    let defaults: Vec<(&str, &str)> =
        recorded::LOGGING.lines().filter_map(|line| line.trim().split_once(": ")).collect();
    let known = |logger: &str| defaults.iter().any(|(name, _)| *name == logger);
    let mut wanted: Vec<(String, String)> = Vec::new();
    for (name, value) in &ask.query {
        match name.as_str() {
            "level" => wanted.extend(defaults.iter().map(|(logger, _)| ((*logger).to_owned(), value.clone()))),
            "paths" => {
                for pair in value.split(',') {
                    let Some((logger, level)) = pair.split_once(':') else {
                        return usage("error: empty logger name or empty logger level");
                    };
                    wanted.push((logger.to_owned(), level.to_owned()));
                }
            }
            logger => wanted.push((logger.to_owned(), value.clone())),
        }
    }
    if let Some((logger, _)) = wanted.iter().find(|(logger, _)| !known(logger)) {
        return usage(&format!("error: unknown logger name {logger}"));
    }
    if wanted.iter().any(|(_, level)| !LEVELS.contains(&level.as_str())) {
        return usage("error: unknown logger level");
    }
    proxy.levels.extend(
        wanted.into_iter().map(|(logger, level)| (logger, if level == "warn" { "warning".to_owned() } else { level })),
    );
    let mut out = String::from("active loggers:\n");
    for (logger, level) in defaults {
        let _ = writeln!(out, "  {logger}: {}", proxy.levels.get(logger).map_or(level, String::as_str));
    }
    out.push('\n');
    Page::text(out)
}

fn usage(error: &str) -> Page {
    Page::text(format!("{error}\nusage: /logging?<name>=<level> (change single level)\nusage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\nusage: /logging?level=<level> (change all levels)\nlevels: trace debug info warning error critical off\n")).with_status(400)
}

/// A page of the agent, port 15020.
pub fn agent(state: &State, key: &PodKey, ask: &Ask, now: Timestamp) -> Page {
    match ask.path {
        "/stats/prometheus" | "/metrics" => {
            let mut out: String = recorded::agent().fold(String::new(), |mut out, line| {
                out.push_str(line);
                out.push('\n');
                out
            });
            if let Some(link) = state.istiod.plane.links.get(key) {
                out.push_str(&plane::agent_metrics(link, now));
            }
            if ask.path == "/stats/prometheus" {
                out.push_str(&prometheus(state, key, ask, now).body);
            }
            Page { status: 200, content_type: "text/plain; version=0.0.4; charset=utf-8", body: out }
        }
        "/healthz/ready" => readiness(state, key, ask),
        _ => Page::text("404 page not found\n").with_status(404),
    }
}

/// A page of port 15021.
pub fn readiness(state: &State, key: &PodKey, ask: &Ask) -> Page {
    let ready = state.proxies.get(key).is_some_and(|proxy| !proxy.draining);
    match (ask.path, ready) {
        ("/healthz/ready", true) => Page::text(""),
        ("/healthz/ready", false) => Page::text("").with_status(503),
        _ => Page::text("404 page not found\n").with_status(404),
    }
}

/// `/stats/prometheus` of port 15090: Envoy's statistics and Istio's metrics.
pub fn prometheus(state: &State, key: &PodKey, ask: &Ask, now: Timestamp) -> Page {
    if ask.path != "/stats/prometheus" && ask.path != "/metrics" {
        return Page::text("404 page not found\n").with_status(404);
    }
    let mut out = stats::prometheus(&stats::statistics(state, key, now, &|_| true));
    out.push_str(&exposition::istio_metrics(state, key));
    Page::text(out)
}
