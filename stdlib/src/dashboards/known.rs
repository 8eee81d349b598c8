//! The dashboards that people install beside Istio, and by what their Services are told.
//!
//! Sources: Istio's own samples (`samples/addons`), the community's Helm charts (`app.kubernetes.io/name`), and the ports
//! and health pages in each project's documentation.

use meshbook_runtime::primitive::{Names, Param, Type};
use serde_json::Value;

use super::Place;
use crate::descriptor::param;
use crate::proxy::pod::strings;

/// One of them.
#[derive(Debug)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// Values of `app.kubernetes.io/name` or `app` of its Service.
    pub labels: &'static [&'static str],
    /// Names that its Service usually has.
    pub services: &'static [&'static str],
    /// The port on which it listens in its pod.
    pub port: u16,
    /// Other ports under which its Service offers it.
    pub others: &'static [u16],
    /// Pages that answer 200 while it is well; one is enough.
    pub health: &'static [&'static str],
    /// The port of its pod that has these pages, where it is another than its Service leads to.
    pub health_port: Option<u16>,
    /// What a person opens; empty if there is nothing to see.
    pub path: &'static str,
}

/// The collector of OpenTelemetry, which takes the spans of all proxies and hands them on. Its health is that of its
/// extension `health_check` (<https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/extension/healthcheckextension>).
pub static COLLECTOR: Known = Known {
    name: "OpenTelemetry collector",
    labels: &["otel-collector", "opentelemetry-collector"],
    services: &["otel-collector", "opentelemetry-collector"],
    port: 4317,
    others: &[4318, 55678],
    health: &["/"],
    health_port: Some(13133),
    path: "",
};

/// The parameter by which scripts name one of them.
pub const NAME: Param = param(
    "name",
    Type::String,
    "Prometheus, Grafana, Jaeger or Kiali; of `observability()` also OpenTelemetry collector",
)
.naming(Names::OneOf(&["Prometheus", "Grafana", "Jaeger", "Kiali", "OpenTelemetry collector"]));

/// All of them.
pub static KNOWN: [Known; 4] = [
    Known {
        name: "Prometheus",
        labels: &["prometheus"],
        services: &["prometheus", "prometheus-server", "prometheus-operated"],
        port: 9090,
        others: &[80],
        health: &["/-/ready"],
        health_port: None,
        path: "/graph",
    },
    Known {
        name: "Grafana",
        labels: &["grafana"],
        services: &["grafana"],
        port: 3000,
        others: &[80],
        health: &["/api/health"],
        health_port: None,
        path: "/dashboards",
    },
    Known {
        name: "Jaeger",
        labels: &["jaeger"],
        services: &["tracing", "jaeger-query", "jaeger"],
        port: 16_686,
        others: &[80],
        health: &["/jaeger/api/services", "/api/services"],
        health_port: None,
        path: "/",
    },
    Known {
        name: "Kiali",
        labels: &["kiali"],
        services: &["kiali"],
        port: 20_001,
        others: &[],
        health: &["/kiali/healthz", "/healthz"],
        health_port: None,
        path: "/kiali",
    },
];

impl Known {
    /// Its Service among these: one that has its label or its name, and its port. The one in a namespace whose name
    /// comes first, where there are several.
    pub fn find(&self, services: &[Value]) -> Option<Place> {
        let text = |service: &Value, pointer: &str| {
            service.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let mut found: Vec<(bool, Place)> = services
            .iter()
            .filter_map(|service| {
                let labels = strings(service.pointer("/metadata/labels"));
                let name = text(service, "/metadata/name");
                let labelled = ["app.kubernetes.io/name", "app"]
                    .iter()
                    .any(|key| labels.get(*key).is_some_and(|value| self.labels.contains(&value.as_str())));
                if !labelled && !self.services.contains(&name.as_str()) {
                    return None;
                }
                let port = self.port_of(service)?;
                Some((!labelled, Place { namespace: text(service, "/metadata/namespace"), service: name, port }))
            })
            .collect();
        found.sort_by(|a, b| (a.0, &a.1.namespace, &a.1.service).cmp(&(b.0, &b.1.namespace, &b.1.service)));
        found.into_iter().next().map(|(_, place)| place)
    }

    /// The Service's port that leads to it: by number, or by the number in its pods.
    fn port_of(&self, service: &Value) -> Option<u16> {
        let ports = service.pointer("/spec/ports").and_then(Value::as_array)?;
        let number = |port: &Value, key: &str| {
            port.get(key).and_then(Value::as_u64).and_then(|number| u16::try_from(number).ok())
        };
        let own =
            |port: &&Value| number(port, "port") == Some(self.port) || number(port, "targetPort") == Some(self.port);
        let other = |port: &&Value| number(port, "port").is_some_and(|number| self.others.contains(&number));
        let chosen = ports.iter().find(own).or_else(|| ports.iter().find(other))?;
        number(chosen, "port")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(namespace: &str, name: &str, labels: Value, ports: Value) -> Value {
        json!({ "metadata": { "namespace": namespace, "name": name, "labels": labels }, "spec": { "ports": ports } })
    }

    #[test]
    fn by_label_by_name_and_by_port() {
        let services = [
            service("a", "other", json!({ "app": "web" }), json!([{ "port": 3000 }])),
            service(
                "monitoring",
                "kps-grafana",
                json!({ "app.kubernetes.io/name": "grafana" }),
                json!([{ "port": 80, "targetPort": "http" }]),
            ),
            service(
                "istio-system",
                "tracing",
                json!({ "app": "jaeger" }),
                json!([{ "port": 16685 }, { "port": 80, "targetPort": 16686 }]),
            ),
            service("istio-system", "jaeger-collector", json!({ "app": "jaeger" }), json!([{ "port": 14268 }])),
            service("istio-system", "kiali", json!({}), json!([{ "port": 9090 }, { "port": 20001 }])),
        ];
        let found =
            |index: usize| KNOWN[index].find(&services).map(|place| (place.namespace, place.service, place.port));
        assert_eq!(found(0), None);
        assert_eq!(found(1), Some(("monitoring".into(), "kps-grafana".into(), 80)));
        assert_eq!(found(2), Some(("istio-system".into(), "tracing".into(), 80)));
        assert_eq!(found(3), Some(("istio-system".into(), "kiali".into(), 20_001)));
        assert_eq!(KNOWN[3].find(&[json!(null), json!({ "spec": { "ports": [{ "port": "x" }] } })]), None);
    }
}
