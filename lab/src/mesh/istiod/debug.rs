//! istiod's pages on port 15014: version, metrics, and the debug endpoints that istioctl and operators read.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Sent, plane, version};
use crate::mesh::State;
use crate::mesh::ca;
use crate::mesh::kubernetes::{PodKey, text};
use crate::mesh::page::{Ask, Page};
use crate::mesh::seed;
use crate::store::Object;
use crate::world::installation;

const LIST: &str = include_str!("../../../testdata/istio/istiod/debug.list");
const MESH: &str = include_str!("../../../testdata/istio/istiod/debug.mesh");
const METRICS: &str = include_str!("../../../testdata/istio/istiod/metrics");

/// The xDS types of the status page, with the words that its flat fields use.
const TYPES: [(&str, &str); 4] = [
    ("cluster", "type.googleapis.com/envoy.config.cluster.v3.Cluster"),
    ("endpoint", "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"),
    ("listener", "type.googleapis.com/envoy.config.listener.v3.Listener"),
    ("route", "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"),
];

/// A page of an istiod pod.
pub fn page(state: &State, key: &PodKey, ask: &Ask, now: Timestamp) -> Page {
    let snapshot = plane::knows(state, key);
    let path = ask.path.trim_end_matches('/');
    match path {
        "/version" => Page {
            status: 200,
            content_type: "text/plain; charset=utf-8",
            body: format!("{}-unknown-Clean", version_of(state, key)),
        },
        // 15014 has no such page; the readiness probe asks 8080, which the lab serves with the same pages.
        "/ready" => Page::text("404 page not found\n").with_status(404),
        "/metrics" => {
            Page { status: 200, content_type: "text/plain; version=0.0.4; charset=utf-8", body: metrics(state, key) }
        }
        "/debug/syncz" => Page::json(syncz(state, key, ask.get("namespace"), now).to_string()),
        "/debug/connections" => Page::json(connections(state, key).to_string()),
        "/debug/registryz" => Page::json(registry(snapshot.services()).to_string()),
        "/debug/configz" => {
            Page::json(json!(snapshot.istio_objects().map(|object| config(object)).collect::<Vec<_>>()).to_string())
        }
        "/debug/mesh" => {
            let mut mesh: Value = serde_json::from_str(MESH).expect("the recorded page is JSON");
            if !state.spec.telemetry.access_log
                && let Some(map) = mesh.as_object_mut()
            {
                map.remove("accessLogFile");
            }
            Page::json(mesh.to_string())
        }
        "/debug/clusterz" => {
            Page::json(json!([{"id": "Kubernetes", "secretName": "", "syncStatus": "synced"}]).to_string())
        }
        "/debug/list" => Page::json(LIST),
        "/debug/push_status" => {
            let empty: serde_json::Map<String, Value> = state
                .proxies
                .values()
                .flat_map(|proxy| proxy.config.clusters.values())
                .filter(|(c, _)| !c.host.is_empty() && c.endpoints.is_empty())
                .map(|(c, _)| (c.name.clone(), json!({})))
                .collect();
            Page::json(json!({"pilot_eds_no_instances": empty}).to_string())
        }
        _ => Page::text("404 page not found\n").with_status(404),
    }
}

fn nonce(key: &PodKey, number: u64, kind: &str, at: Timestamp) -> String {
    format!("{}{}", version(at, number), seed::uuid(seed::hash(number, &[&key.0, &key.1, kind])))
}

/// The version of an istiod's revision.
fn version_of(state: &State, istiod: &PodKey) -> String {
    let revision = state.pods.get(istiod).and_then(|pod| pod["metadata"]["labels"]["istio.io/rev"].as_str());
    installation::version(&state.spec, revision.unwrap_or("default"))
}

/// What an istiod has sent to its own proxies.
fn sent<'a>(state: &'a State, istiod: &'a PodKey) -> impl Iterator<Item = (&'a PodKey, &'a Sent)> {
    state.istiod.plane.proxies_of(istiod).filter_map(|key| Some((key, state.istiod.sent.get(key)?)))
}

fn syncz(state: &State, istiod: &PodKey, namespace: Option<&str>, now: Timestamp) -> Value {
    let mut all = Vec::new();
    for (key, sent) in sent(state, istiod).filter(|(key, _)| namespace.is_none_or(|wanted| wanted == key.0)) {
        let own = state.proxies.get(key).map_or("default", |proxy| plane::revision_of(&proxy.pod));
        let kind = if state.proxies.get(key).is_some_and(|proxy| proxy.router) { "router" } else { "sidecar" };
        let istio = installation::version(&state.spec, own);
        let mut status = json!({
            "cluster_id": "Kubernetes", "proxy": format!("{}.{}", key.1, key.0), "proxy_type": kind, "istio_version": istio,
        });
        let mut resources = json!({});
        let (number, at) = sent.sent;
        for (word, kind) in TYPES {
            let sent_nonce = nonce(key, number, word, at);
            let acked_nonce =
                if sent.acked == number { sent_nonce.clone() } else { nonce(key, sent.acked, word, sent.connected) };
            status[format!("{word}_sent")] = json!(sent_nonce);
            status[format!("{word}_acked")] = json!(acked_nonce);
            resources[kind] = json!({"sent": sent_nonce, "acked": acked_nonce, "sentTime": at.min(now).to_string()});
        }
        status["resources"] = resources;
        all.push(status);
    }
    json!(all)
}

fn connections(state: &State, istiod: &PodKey) -> Value {
    let clients: Vec<Value> = sent(state, istiod)
        .map(|(key, sent)| {
            let ip = state.proxies.get(key).map_or("-", |proxy| proxy.ip.as_str());
            let port = 32_768 + seed::hash(0, &[&key.0, &key.1]) % 28_000;
            json!({"connectionId": format!("{}.{}-{}", key.1, key.0, sent.connection), "connectedAt": sent.connected.to_string(), "address": format!("{ip}:{port}")})
        })
        .collect();
    json!({"totalClients": clients.len(), "clients": clients})
}

fn registry(services: &[Object]) -> Value {
    let one = |service: &Value| {
        let (namespace, name) = (text(&service["metadata"]["namespace"]), text(&service["metadata"]["name"]));
        let ports: Vec<Value> = service["spec"]["ports"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|port| {
                let protocol = if text(&port["name"]).starts_with("http") && !text(&port["name"]).starts_with("https") {
                    "HTTP"
                } else if text(&port["name"]).starts_with("grpc") {
                    "GRPC"
                } else if text(&port["name"]).starts_with("https") {
                    "HTTPS"
                } else {
                    "TCP"
                };
                json!({"name": port["name"], "port": port["port"], "protocol": protocol})
            })
            .collect();
        json!({
            "Attributes": {
                "ServiceRegistry": "Kubernetes", "Name": name, "Namespace": namespace, "Labels": service["metadata"]["labels"], "ExportTo": null,
                "Visibility": 0, "LabelSelectors": service["spec"]["selector"], "Aliases": null, "ClusterExternalAddresses": {"Addresses": null},
                "ClusterExternalPorts": null, "PassthroughTargetPorts": null, "Type": service["spec"]["type"], "ExternalName": "", "NodeLocal": false,
                "TrafficDistribution": 0, "ObjectName": "", "DNSConnectStrategy": 0, "PublishNotReadyAddresses": false,
            },
            "ports": ports, "creationTime": service["metadata"]["creationTimestamp"], "hostname": format!("{name}.{namespace}.svc.cluster.local"),
            "clusterVIPs": {"Addresses": {"Kubernetes": [service["spec"]["clusterIP"]]}}, "defaultAddress": service["spec"]["clusterIP"],
            "Resolution": 0, "MeshExternal": false, "ResourceVersion": service["metadata"]["resourceVersion"],
        })
    };
    json!(services.iter().map(|service| one(service)).collect::<Vec<_>>())
}

fn config(object: &Value) -> Value {
    let mut metadata = object["metadata"].clone();
    if let Some(map) = metadata.as_object_mut() {
        map.remove("managedFields");
    }
    json!({"kind": object["kind"], "apiVersion": object["apiVersion"], "metadata": metadata, "spec": object["spec"]})
}

/// The figures of an istiod's metrics that follow from the lab's state; a label is part of the name.
pub fn figures(state: &State, istiod: &PodKey) -> Vec<(String, f64)> {
    let proxies = state.istiod.plane.proxies_of(istiod).count() as f64;
    let pushes = state.istiod.plane.pushes.get(istiod).copied().unwrap_or(0) as f64 + proxies;
    let uptime = (state.traffic.ticks as f64 * crate::mesh::traffic::TICK).floor();
    let mut all = vec![
        (format!("pilot_xds{{version=\"{}\"}}", version_of(state, istiod)), proxies),
        (format!("pilot_info{{version=\"{}-unknown-Clean\"}}", version_of(state, istiod)), 1.0),
        ("pilot_services".to_owned(), plane::knows(state, istiod).services().len() as f64),
        ("istiod_uptime_seconds".to_owned(), uptime),
        ("citadel_server_root_cert_expiry_timestamp".to_owned(), ca::root_expires().as_second() as f64),
    ];
    all.extend(["cds", "eds", "lds", "rds"].map(|kind| (format!("pilot_xds_pushes{{type=\"{kind}\"}}"), pushes)));
    // An istiod that has pushed no change yet has no such figures. Each push reached its proxy within half a second.
    let changes = state.istiod.plane.pushes.get(istiod).copied().unwrap_or(0) as f64;
    if changes > 0.0 {
        for bound in ["0.1", "0.5", "1", "3", "5", "10", "20", "30", "+Inf"] {
            let within = if bound == "0.1" { 0.0 } else { changes };
            all.push((format!("pilot_proxy_convergence_time_bucket{{le=\"{bound}\"}}"), within));
        }
        all.push(("pilot_proxy_convergence_time_sum".to_owned(), changes * 0.25));
        all.push(("pilot_proxy_convergence_time_count".to_owned(), changes));
    }
    all
}

/// The recorded page with the lab's figures in their places.
fn metrics(state: &State, istiod: &PodKey) -> String {
    let figures = figures(state, istiod);
    let mut out = String::new();
    for line in METRICS.lines() {
        let Some((name, _)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) else {
            let _ = writeln!(out, "{line}");
            continue;
        };
        // The version is a label's value, so the page's own line is another series.
        let same = |figure: &str| {
            let both = |start: &str| figure.starts_with(start) && name.starts_with(start);
            figure == name || both("pilot_xds{") || both("pilot_info{")
        };
        let _ = match figures.iter().find(|(figure, _)| same(figure)) {
            Some((figure, value)) => writeln!(out, "{figure} {value}"),
            None => writeln!(out, "{line}"),
        };
    }
    // The recorded istiod had not yet pushed a change, and so had no such figures.
    let mut convergence =
        figures.iter().filter(|(name, _)| name.starts_with("pilot_proxy_convergence_time")).peekable();
    if convergence.peek().is_some() {
        out.push_str("# TYPE pilot_proxy_convergence_time histogram\n");
    }
    for (name, value) in convergence {
        let _ = writeln!(out, "{name} {value}");
    }
    out
}
