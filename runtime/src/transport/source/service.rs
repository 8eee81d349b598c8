//! Finding a source in the cluster: its Service, and a ready pod behind it.

use serde_json::Value;

use crate::effect::{ObjectRef, ResourceKind};
use crate::failure::{FORBIDDEN, Failure, UNREACHABLE};
use crate::transport::kubernetes;
use crate::transport::port_forward::PodPort;
use crate::transport::server::Server;

use super::product::Product;

/// Finds the port of a ready pod: of the Service that was named, else of the likeliest one.
pub(super) async fn find(
    server: &Server,
    product: &Product,
    named: Option<&(String, String)>,
) -> Result<PodPort, Failure> {
    let services = match named {
        Some((namespace, name)) => {
            let kind = ResourceKind::namespaced("", "v1", "Service", "services");
            vec![kubernetes::get(server, &ObjectRef::new(kind, namespace, name)).await?]
        }
        None => candidates(server, product).await?,
    };
    let (name, section) = (product.name, product.section);
    let mut without_pods = Vec::new();
    for service in &services {
        let (Some(namespace), Some(own)) = (text(service, "/metadata/namespace"), text(service, "/metadata/name"))
        else {
            continue;
        };
        match behind(server, namespace, own, port_name(product, service)).await? {
            Some(found) => return Ok(found),
            None => without_pods.push(format!("{namespace}/{own}")),
        }
    }
    Err(match without_pods.as_slice() {
        [] => Failure::new(&UNREACHABLE, format!("no {name} is configured, and none was found as a Service of this cluster"))
            .hint(format!("put `[context.\"NAME\".{section}]` with `url = \"http://…\"` or `service = \"NAMESPACE/NAME\"` into the configuration file")),
        services => Failure::new(&UNREACHABLE, format!("{name} has no ready pod (Service {})", services.join(", ")))
            .hint("look at its pods, or configure another one by `url` or `service`"),
    })
}

/// Services that look like Prometheus, the likeliest first.
async fn candidates(server: &Server, product: &Product) -> Result<Vec<Value>, Failure> {
    let kind = ResourceKind::namespaced("", "v1", "Service", "services");
    let mut everywhere = true;
    let mut refused = None;
    for labels in product.labels {
        let mut found = Vec::new();
        if everywhere {
            match kubernetes::list(server, &kind, None, Some(labels), None).await {
                Ok(list) => found = items(list),
                Err(failure) if std::ptr::eq(failure.code, &FORBIDDEN) => {
                    everywhere = false;
                    refused = Some(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        if !everywhere {
            // Who may not list everywhere may still list in one of the usual places.
            for namespace in product.namespaces {
                match kubernetes::list(server, &kind, Some(namespace), Some(labels), None).await {
                    Ok(list) => {
                        found.extend(items(list));
                        refused = None;
                    }
                    Err(failure) if std::ptr::eq(failure.code, &FORBIDDEN) => {}
                    Err(failure) => return Err(failure),
                }
            }
        }
        found.retain(|service| is_named(product, service) && port_name(product, service).is_some());
        found.sort_by_key(|service| rank(product, service));
        if !found.is_empty() {
            return Ok(found);
        }
    }
    match refused {
        Some(failure) => Err(Failure {
            message: format!("no {} is configured, and it cannot be looked for: {}", product.name, failure.message),
            hint: Some(format!("configure it by `url` or `service` under `[context.\"NAME\".{}]`", product.section)),
            ..failure
        }),
        None => Ok(Vec::new()),
    }
}

fn items(list: Value) -> Vec<Value> {
    match list {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

/// Whether a Service may serve the API: some products come with several, told apart by name.
fn is_named(product: &Product, service: &Value) -> bool {
    let name = text(service, "/metadata/name").unwrap_or_default();
    product.services.is_empty()
        || product.services.iter().any(|known| name == *known || name.ends_with(&format!("-{known}")))
}

fn rank(product: &Product, service: &Value) -> (usize, bool, usize, String) {
    let (namespaces, services) = (product.namespaces, product.services);
    let namespace = text(service, "/metadata/namespace").unwrap_or_default();
    let name = text(service, "/metadata/name").unwrap_or_default();
    let place = namespaces.iter().position(|usual| *usual == namespace).unwrap_or(namespaces.len());
    let named = services.iter().position(|usual| *usual == name).unwrap_or(services.len());
    // A chart gives the same name to Prometheus' companions; the server itself is this component.
    let component = text(service, "/metadata/labels/app.kubernetes.io~1component");
    let companion = component.is_some_and(|component| !product.components.contains(&component));
    (place, companion, named, format!("{namespace}/{name}"))
}

/// The name of the port that serves the API (which may be empty, where there is but one); `None` if there is none.
fn port_name<'a>(product: &Product, service: &'a Value) -> Option<&'a str> {
    let ports = service.pointer("/spec/ports")?.as_array()?;
    let name = |port: &'_ Value| port["name"].as_str().map(str::to_owned).unwrap_or_default();
    let by_name = product.ports.iter().find_map(|usual| ports.iter().find(|port| name(port) == *usual));
    let chosen = by_name
        .or_else(|| ports.iter().find(|port| port["port"] == product.port))
        .or_else(|| ports.first().filter(|_| ports.len() == 1))?;
    Some(chosen["name"].as_str().unwrap_or_default())
}

/// A ready pod behind a Service, from its EndpointSlices, which also give the pod's own port.
async fn behind(server: &Server, namespace: &str, name: &str, port: Option<&str>) -> Result<Option<PodPort>, Failure> {
    let kind = ResourceKind::namespaced("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices");
    let slices =
        kubernetes::list(server, &kind, Some(namespace), Some(&format!("kubernetes.io/service-name={name}")), None)
            .await?;
    Ok(items(slices).iter().find_map(|slice| ready(slice, port)))
}

fn ready(slice: &Value, port: Option<&str>) -> Option<PodPort> {
    let ports = slice["ports"].as_array()?;
    let number = ports
        .iter()
        .find(|entry| port.is_some_and(|name| entry["name"].as_str().unwrap_or_default() == name))
        .or(ports.first())?["port"]
        .as_u64()?;
    let port = u16::try_from(number).ok()?;
    slice["endpoints"].as_array()?.iter().find_map(|endpoint| {
        // Absent means ready (discovery/v1 EndpointConditions).
        let is_ready = endpoint.pointer("/conditions/ready").and_then(Value::as_bool).unwrap_or(true);
        let target = endpoint.get("targetRef").filter(|target| is_ready && target["kind"] == "Pod")?;
        let namespace = target["namespace"].as_str().or_else(|| text(slice, "/metadata/namespace"))?;
        Some(PodPort { namespace: namespace.to_owned(), pod: target["name"].as_str()?.to_owned(), port })
    })
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

    use serde_json::json;

    use super::*;

    static TESTED: Product = Product {
        name: "Prometheus",
        section: "prometheus",
        labels: &["app=prometheus"],
        services: &[],
        namespaces: &["istio-system", "monitoring"],
        components: &["server"],
        ports: &["web", "http"],
        port: 9090,
    };

    #[test]
    fn a_companion_with_a_foreign_name_is_left_out() {
        let jaeger = Product { services: &["tracing", "query"], ..TESTED };
        let named = |name: &str| is_named(&jaeger, &json!({"metadata": {"name": name}}));
        assert!(named("tracing") && named("simplest-query") && !named("jaeger-collector") && !named("zipkin"));
        assert!(is_named(&TESTED, &json!({"metadata": {"name": "whatever"}})));
    }

    #[test]
    fn the_likeliest_service_comes_first() {
        let service = |namespace: &str, name: &str, component: Option<&str>| json!({"metadata": {"namespace": namespace, "name": name, "labels": {"app.kubernetes.io/component": component}}});
        let mut services = [
            service("elsewhere", "prometheus", None),
            service("monitoring", "a-adapter", Some("metrics-adapter")),
            service("monitoring", "prometheus", Some("server")),
            service("istio-system", "prometheus", None),
        ];
        services.sort_by_key(|service| rank(&TESTED, service));
        let names: Vec<&str> = services.iter().map(|service| text(service, "/metadata/name").unwrap()).collect();
        assert_eq!(names, ["prometheus", "prometheus", "a-adapter", "prometheus"]);
        assert_eq!(text(&services[0], "/metadata/namespace"), Some("istio-system"));
    }

    #[test]
    fn the_port_is_the_one_of_the_api() {
        let ports = |ports: Value| port_name(&TESTED, &json!({"spec": {"ports": ports}})).map(str::to_owned);
        assert_eq!(
            ports(json!([{"name": "grpc", "port": 10901}, {"name": "http", "port": 9090}])).as_deref(),
            Some("http")
        );
        assert_eq!(
            ports(json!([{"name": "reloader-web", "port": 8080}, {"name": "api", "port": 9090}])).as_deref(),
            Some("api")
        );
        assert_eq!(ports(json!([{"port": 80}])).as_deref(), Some(""));
        assert_eq!(ports(json!([{"name": "a", "port": 1}, {"name": "b", "port": 2}])), None);
        assert_eq!(ports(json!([])), None);
    }

    #[test]
    fn only_ready_pods_count() {
        let slice = json!({"metadata": {"namespace": "monitoring"}, "ports": [{"name": "grpc", "port": 10901}, {"name": "web", "port": 9090}], "endpoints": [
            {"conditions": {"ready": false}, "targetRef": {"kind": "Pod", "name": "prometheus-0"}},
            {"conditions": {}, "targetRef": {"kind": "Node", "name": "n"}},
            {"conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": "prometheus-1"}}]});
        let found = ready(&slice, Some("web")).unwrap();
        assert_eq!((found.namespace.as_str(), found.pod.as_str(), found.port), ("monitoring", "prometheus-1", 9090));
        assert!(ready(&json!({"ports": [], "endpoints": []}), None).is_none());
        assert!(ready(&json!({"ports": [{"port": 99_999}], "endpoints": []}), None).is_none());
    }
}
