//! What istiod tells a gateway: the servers for which it listens, and the hosts that its clients may ask for.
//!
//! As `MergeGateways` in Istio's `pilot/pkg/model/gateway.go` and `buildGatewayHTTPRouteConfig` in
//! `pilot/pkg/networking/core/gateway.go` do it, for HTTP servers without TLS. A Gateway of the Gateway API is translated
//! into one of Istio's first ([`api`]), as istiod does.

use serde_json::Value;

use super::config::Snapshot;
use super::routes::{self, VirtualHost};
use crate::mesh::kubernetes::{key_of, text};

pub mod api;
pub mod deploy;
pub mod status;

/// One server of a Gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// The Gateway, `NAMESPACE/NAME`.
    pub gateway: String,
    /// The port as the Gateway names it: the one of its Service.
    pub port: u16,
    /// The port on which the proxy listens: the Service's `targetPort`.
    pub listens: u16,
    /// `NAMESPACE/HOST` or `HOST`.
    hosts: Vec<String>,
}

impl Server {
    /// The name of the route configuration that its listener asks for.
    pub fn route_name(&self) -> String {
        format!("http.{}", self.listens)
    }

    /// The hosts of a VirtualService that come in by this server.
    fn admits(&self, object: &Value) -> Vec<String> {
        let (namespace, _) = key_of(object);
        let own = key_of_gateway(&self.gateway).0;
        let open = self.hosts.iter().filter_map(|entry| match entry.split_once('/') {
            Some((place, host)) => {
                let fits = place == "*" || place == namespace || (place == "." && namespace == own);
                fits.then_some(host)
            }
            None => Some(entry.as_str()),
        });
        let asked: Vec<&str> =
            object["spec"]["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut admitted: Vec<String> = Vec::new();
        for host in open {
            for asked in asked.iter().copied() {
                let narrower = if covers(host, asked) {
                    asked
                } else if covers(asked, host) {
                    host
                } else {
                    continue;
                };
                if !admitted.iter().any(|known| known == narrower) {
                    admitted.push(narrower.to_owned());
                }
            }
        }
        admitted
    }
}

fn key_of_gateway(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or(("", name))
}

/// Whether a host, which may be a wildcard, covers another.
pub fn covers(wide: &str, narrow: &str) -> bool {
    wide == narrow
        || wide.strip_prefix('*').is_some_and(|suffix| narrow.len() >= suffix.len() && narrow.ends_with(suffix))
}

fn selects(selector: &Value, pod: &Value) -> bool {
    selector.as_object().is_some_and(|labels| {
        !labels.is_empty() && labels.iter().all(|(key, value)| &pod["metadata"]["labels"][key] == value)
    })
}

/// The servers of all Gateways that select a pod.
pub fn servers(snapshot: &Snapshot, pod: &Value) -> Vec<Server> {
    let (namespace, _) = key_of(pod);
    let of_pod: Vec<_> = snapshot
        .services()
        .iter()
        .filter(|service| {
            service["metadata"]["namespace"] == namespace.as_str() && selects(&service["spec"]["selector"], pod)
        })
        .collect();
    let mut servers = Vec::new();
    for gateway in &snapshot.gateways {
        let (place, name) = key_of(gateway);
        // What is made of a Gateway of the Gateway API names the Service of its pods.
        let chosen = match gateway["metadata"]["annotations"][api::SERVICE].as_str() {
            Some(host) => of_pod.iter().any(|service| {
                let (namespace, name) = key_of(service);
                host == format!("{name}.{namespace}.svc.cluster.local")
            }),
            None => selects(&gateway["spec"]["selector"], pod),
        };
        if !chosen {
            continue;
        }
        for server in gateway["spec"]["servers"].as_array().into_iter().flatten() {
            let number = server["port"]["number"].as_u64().and_then(|number| u16::try_from(number).ok());
            let Some(port) = number.filter(|_| matches!(text(&server["port"]["protocol"]), "HTTP" | "HTTP2")) else {
                continue;
            };
            let ports = of_pod.iter().flat_map(|service| service["spec"]["ports"].as_array().into_iter().flatten());
            let target = ports.filter(|one| one["port"] == port).find_map(|one| one["targetPort"].as_u64());
            let hosts = server["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str);
            servers.push(Server {
                gateway: format!("{place}/{name}"),
                port,
                listens: target.and_then(|target| u16::try_from(target).ok()).unwrap_or(port),
                hosts: hosts.map(str::to_owned).collect(),
            });
        }
    }
    servers
}

/// The hosts that a gateway with these servers knows, each with its routes.
pub fn hosts(snapshot: &Snapshot, servers: &[Server]) -> Vec<VirtualHost> {
    let mut hosts: Vec<VirtualHost> = Vec::new();
    for server in servers {
        let (place, name) = key_of_gateway(&server.gateway);
        for object in snapshot.virtual_services.iter().chain(&snapshot.made_of_routes) {
            let (namespace, _) = key_of(object);
            let named = object["spec"]["gateways"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let is_bound = |one: &str| one == server.gateway || (one == name && namespace == place);
            let Some(gateway) = named.into_iter().find(|one| is_bound(one)) else { continue };
            let port_of = |host: &str| snapshot.only_port(host).unwrap_or(server.port);
            let routes = routes::of_virtual_service(object, gateway, port_of);
            for host in server.admits(object) {
                match hosts.iter_mut().find(|known| known.host == host && known.port == server.port) {
                    Some(known) => known.routes.extend(routes.iter().cloned()),
                    None => hosts.push(VirtualHost {
                        host,
                        port: server.port,
                        cluster_ip: String::new(),
                        namespace: namespace.clone(),
                        routes: routes.clone(),
                    }),
                }
            }
        }
    }
    hosts
}

/// The host that a gateway chooses for a name that a client asks for: the exact one, else the longest wildcard.
pub fn host<'a, H: AsRef<VirtualHost>>(hosts: &'a [H], name: &str, port: u16) -> Option<&'a H> {
    let on_port = || hosts.iter().filter(|host| host.as_ref().port == port);
    on_port().find(|host| host.as_ref().host == name).or_else(|| {
        on_port().filter(|host| covers(&host.as_ref().host, name)).max_by_key(|host| host.as_ref().host.len())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn server(hosts: &[&str]) -> Server {
        Server {
            gateway: "edge/public".into(),
            port: 80,
            listens: 8080,
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        }
    }

    fn service(namespace: &str, hosts: &[&str]) -> Value {
        json!({ "metadata": { "namespace": namespace, "name": "shop" }, "spec": { "hosts": hosts } })
    }

    #[test]
    fn the_narrower_of_two_hosts_comes_in() {
        for (open, namespace, asked, admitted) in [
            (&["*"] as &[&str], "summit", &["shop.example.com"] as &[&str], &["shop.example.com"] as &[&str]),
            (&["*.example.com"], "summit", &["shop.example.com", "shop.example.org"], &["shop.example.com"]),
            (&["shop.example.com"], "summit", &["*"], &["shop.example.com"]),
            (&["summit/*"], "summit", &["shop.example.com"], &["shop.example.com"]),
            (&["summit/*"], "north", &["shop.example.com"], &[]),
            (&["./*"], "summit", &["shop.example.com"], &[]),
            (&["./*"], "edge", &["shop.example.com"], &["shop.example.com"]),
            (&["*/*"], "north", &["shop.example.com"], &["shop.example.com"]),
        ] {
            assert_eq!(server(open).admits(&service(namespace, asked)), admitted, "{open:?} {namespace} {asked:?}");
        }
    }

    #[test]
    fn the_exact_host_comes_before_a_wildcard() {
        let one = |host: &str, port: u16| {
            Arc::new(VirtualHost {
                host: host.into(),
                port,
                cluster_ip: String::new(),
                namespace: "summit".into(),
                routes: Vec::new(),
            })
        };
        let hosts =
            [one("*", 80), one("*.example.com", 80), one("shop.example.com", 80), one("shop.example.com", 8443)];
        let found = |name: &str, port: u16| host(&hosts, name, port).map(|host| host.host.clone());
        assert_eq!(found("shop.example.com", 80).as_deref(), Some("shop.example.com"));
        assert_eq!(found("other.example.com", 80).as_deref(), Some("*.example.com"));
        assert_eq!(found("example.org", 80).as_deref(), Some("*"));
        assert_eq!(found("example.org", 8443), None);
    }
}
