//! Listeners and routes of a gateway's proxy.
//!
//! No gateway was recorded; what stands here follows `buildGatewayListeners` and `buildGatewayHTTPRouteConfig` in Istio's
//! `pilot/pkg/networking/core/gateway.go`, upon the recorded listener of a sidecar.

use serde_json::{Value, json};

use super::config_dump::stamp;
use super::{recorded, routes};
use crate::mesh::Proxy;
use crate::mesh::istiod::routes::VirtualHost;

/// The ports on which a gateway listens, each with the name of its route configuration and the ports of its servers.
fn listening(proxy: &Proxy) -> Vec<(u16, String, Vec<u16>)> {
    let mut all: Vec<(u16, String, Vec<u16>)> = Vec::new();
    for server in &proxy.config.servers {
        match all.iter_mut().find(|(port, ..)| *port == server.listens) {
            Some((.., ports)) if ports.contains(&server.port) => {}
            Some((.., ports)) => ports.push(server.port),
            None => all.push((server.listens, server.route_name(), vec![server.port])),
        }
    }
    all
}

/// Names, addresses and ports of the listeners, as `/listeners` prints them.
pub fn addresses(proxy: &Proxy) -> Vec<(String, String, u16)> {
    let one = |(port, ..): (u16, String, Vec<u16>)| (format!("0.0.0.0_{port}"), "0.0.0.0".to_owned(), port);
    listening(proxy).into_iter().map(one).collect()
}

/// `dynamic_listeners`: one for each port, plain HTTP.
pub fn listeners(proxy: &Proxy) -> Vec<Value> {
    let pattern = recorded::member("ListenersConfigDump", "dynamic_listeners", "/name", "0.0.0.0_8080");
    let one = |(port, route_name, _): (u16, String, Vec<u16>)| {
        let name = format!("0.0.0.0_{port}");
        let mut chain = pattern["active_state"]["listener"]["filter_chains"][0].clone();
        if let Some(chain) = chain.as_object_mut() {
            chain.remove("filter_chain_match");
        }
        let manager = &mut chain["filters"][0]["typed_config"];
        manager["stat_prefix"] = json!(format!("outbound_{name};"));
        manager["rds"]["route_config_name"] = json!(route_name);
        // A gateway is the edge: it says who the client was, and trusts nobody's word on it.
        manager["use_remote_address"] = json!(true);
        manager["forward_client_cert_details"] = json!("SANITIZE_SET");
        manager["set_current_client_cert_details"] = json!({"subject": true, "cert": true, "dns": true, "uri": true});
        manager["server_name"] = json!("istio-envoy");
        json!({
            "name": name,
            "active_state": {
                "listener": {
                    "@type": "type.googleapis.com/envoy.config.listener.v3.Listener", "name": name,
                    "address": {"socket_address": {"address": "0.0.0.0", "port_value": port}},
                    "filter_chains": [chain], "traffic_direction": "OUTBOUND",
                    "max_connections_to_accept_per_socket_event": 1,
                },
                "last_updated": stamp(proxy.config.routes_updated),
            },
        })
    };
    listening(proxy).into_iter().map(one).collect()
}

/// The route configurations by name, with their virtual hosts.
pub fn routes(proxy: &Proxy) -> Vec<(String, Vec<Value>)> {
    let one = |(_, name, ports): (u16, String, Vec<u16>)| {
        let own = proxy.config.hosts.iter().filter(|host| ports.contains(&host.port));
        let mut hosts: Vec<Value> = own.map(|host| virtual_host(host)).collect();
        if hosts.is_empty() {
            // An empty list of routes makes Envoy answer 404 NR.
            hosts.push(json!({"name": format!("blackhole:{}", ports[0]), "domains": ["*"]}));
        }
        (name, hosts)
    };
    listening(proxy).into_iter().map(one).collect()
}

fn virtual_host(host: &VirtualHost) -> Value {
    let operation = |destination: &str| {
        let mut parts = destination.split('|');
        let (port, to) = (parts.nth(1).unwrap_or_default(), parts.next_back().unwrap_or_default());
        format!("{to}:{port}/*")
    };
    let one = |route: &crate::mesh::istiod::routes::Route| {
        let first = route.destinations.first().map_or("", |(cluster, _)| cluster.as_str());
        routes::route(route, &operation(first))
    };
    let routes: Vec<Value> = host.routes.iter().map(one).collect();
    json!({
        "name": format!("{}:{}", host.host, host.port), "domains": [host.host], "routes": routes,
        "include_request_attempt_count": true,
    })
}
