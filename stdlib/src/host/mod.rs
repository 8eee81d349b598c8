//! The host: a Kubernetes Service, as callers and proxies name it.

pub mod resolve;

use std::collections::BTreeMap;
use std::sync::Arc;

use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

use crate::proxy::pod::strings;

/// A Service: who is asked.
#[derive(Clone, Debug)]
pub struct Host(Arc<Service>);

#[derive(Debug)]
struct Service {
    name: String,
    namespace: String,
    domain: String,
    fqdn: String,
    ports: Vec<Port>,
    selector: BTreeMap<String, String>,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The Service's own number.
    pub number: u16,
    /// The container's, where it is given as a number.
    pub target: Option<u16>,
}

impl Host {
    /// Reads a Service object.
    pub fn of(service: &Value, domain: &str) -> Self {
        let text = |pointer: &str| service.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, namespace) = (text("/metadata/name"), text("/metadata/namespace"));
        let number =
            |port: &Value, key: &str| port.get(key).and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok());
        let ports = service.pointer("/spec/ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let ports = ports
            .iter()
            .filter_map(|port| {
                let own = number(port, "port")?;
                let target = if port.get("targetPort").is_some_and(Value::is_string) {
                    None
                } else {
                    number(port, "targetPort").or(Some(own))
                };
                Some(Port { number: own, target })
            })
            .collect();
        let fqdn = format!("{name}.{namespace}.svc.{domain}");
        Host(Arc::new(Service {
            name,
            namespace,
            domain: domain.into(),
            fqdn,
            ports,
            selector: strings(service.pointer("/spec/selector")),
        }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// The cluster's DNS domain, `cluster.local` unless the proxies say otherwise.
    pub fn domain(&self) -> &str {
        &self.0.domain
    }

    /// Its full name, as Istio and Envoy know it.
    pub fn fqdn(&self) -> &str {
        &self.0.fqdn
    }

    /// Its ports.
    pub fn ports(&self) -> &[Port] {
        &self.0.ports
    }

    /// The ports of its containers, where they are known; empty if one is given by name.
    pub fn target_ports(&self) -> Vec<u16> {
        self.0.ports.iter().map(|port| port.target).collect::<Option<_>>().unwrap_or_default()
    }

    /// The port of the Service behind which an inbound cluster's port stands.
    pub fn service_port(&self, container_port: u16) -> u16 {
        let port = self.0.ports.iter().find(|port| port.target == Some(container_port));
        port.or(match self.0.ports.as_slice() {
            [only] => Some(only),
            _ => None,
        })
        .map_or(container_port, |port| port.number)
    }

    /// The labels that select its pods.
    pub fn selector(&self) -> &BTreeMap<String, String> {
        &self.0.selector
    }

    /// Whether an authority such as `graph-core.summit:8080` means this host, asked from a pod of `from`.
    pub fn is_named_by(&self, authority: &str, from: &str) -> bool {
        let name = authority
            .rsplit_once(':')
            .filter(|(_, port)| port.parse::<u16>().is_ok())
            .map_or(authority, |(name, _)| name);
        let service = &*self.0;
        let qualified = format!("{}.{}", service.name, service.namespace);
        name == service.fqdn
            || name == qualified
            || name.strip_suffix(".svc") == Some(&qualified)
            || (name == service.name && from == service.namespace)
    }
}

impl Noun for Host {
    const NAME: &'static str = "Host";
    const DOC: &'static str = "A service of the mesh: a Kubernetes Service, by the name that callers use.";

    fn text(&self) -> String {
        format!("{}.{}", self.0.name, self.0.namespace)
    }

    fn table(&self) -> Table {
        Table::line(format!("host {}", self.0.fqdn))
    }

    fn json(&self) -> Value {
        json!({ "host": self.0.fqdn })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn graph_core() -> Host {
        let service = json!({
            "metadata": { "name": "graph-core", "namespace": "summit" },
            "spec": { "selector": { "app": "graph-core" }, "ports": [{ "port": 8080 }, { "port": 90, "targetPort": 9090 }] },
        });
        Host::of(&service, "cluster.local")
    }

    #[test]
    fn a_service_by_all_its_names() {
        let host = graph_core();
        assert_eq!(host.fqdn(), "graph-core.summit.svc.cluster.local");
        assert_eq!(host.text(), "graph-core.summit");
        for authority in [
            "graph-core.summit:8080",
            "graph-core.summit",
            "graph-core.summit.svc",
            "graph-core.summit.svc.cluster.local:8080",
            "graph-core:8080",
        ] {
            assert!(host.is_named_by(authority, "summit"), "{authority}");
        }
        for (authority, from) in
            [("graph-core", "shop"), ("", "summit"), ("catalog.summit", "summit"), ("graph-core.shop", "summit")]
        {
            assert!(!host.is_named_by(authority, from), "{authority}");
        }
    }

    #[test]
    fn ports_of_containers_lead_back_to_the_services() {
        let host = graph_core();
        assert_eq!(host.target_ports(), [8080, 9090]);
        assert_eq!(host.service_port(9090), 90);
        assert_eq!(host.service_port(8080), 8080);
        let named = json!({ "metadata": { "name": "a", "namespace": "b" }, "spec": { "ports": [{ "port": 80, "targetPort": "http" }] } });
        let named = Host::of(&named, "cluster.local");
        assert!(named.target_ports().is_empty());
        assert_eq!(named.service_port(8080), 80, "the only port there is");
    }
}
