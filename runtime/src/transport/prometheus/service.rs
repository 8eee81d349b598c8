//! Finding Prometheus in the cluster: its Service, and a ready pod behind it.

use serde_json::Value;

use crate::effect::{ObjectRef, ResourceKind};
use crate::failure::{FORBIDDEN, Failure, UNREACHABLE};
use crate::transport::kubernetes;
use crate::transport::port_forward::PodPort;
use crate::transport::server::Server;

/// Labels that the usual ways to install Prometheus put on its Service: charts and kube-prometheus, Istio's
/// samples, and the operator's governing Service, in the order of trust.
const LABELS: [&str; 3] = ["app.kubernetes.io/name=prometheus", "app=prometheus", "operated-prometheus=true"];

/// Namespaces in which it usually is, the likeliest first.
const NAMESPACES: [&str; 4] = ["istio-system", "monitoring", "observability", "prometheus"];

/// Finds the port of a ready pod: of the Service that was named, else of the likeliest one.
pub(super) async fn find(server: &Server, named: Option<&(String, String)>) -> Result<PodPort, Failure> {
    let services = match named {
        Some((namespace, name)) => {
            let kind = ResourceKind::namespaced("", "v1", "Service", "services");
            vec![kubernetes::get(server, &ObjectRef::new(kind, namespace, name)).await?]
        }
        None => candidates(server).await?,
    };
    let mut without_pods = Vec::new();
    for service in &services {
        let (Some(namespace), Some(name)) = (text(service, "/metadata/namespace"), text(service, "/metadata/name"))
        else {
            continue;
        };
        match behind(server, namespace, name, port_name(service)).await? {
            Some(found) => return Ok(found),
            None => without_pods.push(format!("{namespace}/{name}")),
        }
    }
    Err(match without_pods.as_slice() {
        [] => Failure::new(&UNREACHABLE, "no Prometheus is configured, and none was found as a Service of this cluster")
            .hint("put `[context.\"NAME\".prometheus]` with `url = \"http://…\"` or `service = \"NAMESPACE/NAME\"` into the configuration file"),
        services => Failure::new(&UNREACHABLE, format!("Prometheus has no ready pod (Service {})", services.join(", ")))
            .hint("look at its pods, or configure another Prometheus by `url` or `service`"),
    })
}

/// Services that look like Prometheus, the likeliest first.
async fn candidates(server: &Server) -> Result<Vec<Value>, Failure> {
    let kind = ResourceKind::namespaced("", "v1", "Service", "services");
    let mut everywhere = true;
    let mut refused = None;
    for labels in LABELS {
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
            for namespace in NAMESPACES {
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
        found.retain(|service| port_name(service).is_some());
        found.sort_by_key(rank);
        if !found.is_empty() {
            return Ok(found);
        }
    }
    match refused {
        Some(failure) => Err(Failure {
            message: format!("no Prometheus is configured, and it cannot be looked for: {}", failure.message),
            hint: Some("configure it by `url` or `service` under `[context.\"NAME\".prometheus]`".into()),
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

fn rank(service: &Value) -> (usize, bool, String) {
    let namespace = text(service, "/metadata/namespace").unwrap_or_default();
    let place = NAMESPACES.iter().position(|usual| *usual == namespace).unwrap_or(NAMESPACES.len());
    // A chart gives the same name to Prometheus' companions; the server itself is this component.
    let component = text(service, "/metadata/labels/app.kubernetes.io~1component");
    let companion = !matches!(component, None | Some("server" | "prometheus"));
    (place, companion, format!("{namespace}/{}", text(service, "/metadata/name").unwrap_or_default()))
}

/// The name of the port that serves the API (which may be empty, where there is but one); `None` if there is none.
fn port_name(service: &Value) -> Option<&str> {
    let ports = service.pointer("/spec/ports")?.as_array()?;
    let name = |port: &'_ Value| port["name"].as_str().map(str::to_owned).unwrap_or_default();
    let usual = ["web", "http-web", "http", "http-prometheus", "prometheus"];
    let by_name = usual.iter().find_map(|usual| ports.iter().find(|port| name(port) == *usual));
    let chosen = by_name
        .or_else(|| ports.iter().find(|port| port["port"] == 9090))
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

    #[test]
    fn the_likeliest_service_comes_first() {
        let service = |namespace: &str, name: &str, component: Option<&str>| json!({"metadata": {"namespace": namespace, "name": name, "labels": {"app.kubernetes.io/component": component}}});
        let mut services = [
            service("elsewhere", "prometheus", None),
            service("monitoring", "a-adapter", Some("metrics-adapter")),
            service("monitoring", "prometheus", Some("server")),
            service("istio-system", "prometheus", None),
        ];
        services.sort_by_key(rank);
        let names: Vec<&str> = services.iter().map(|service| text(service, "/metadata/name").unwrap()).collect();
        assert_eq!(names, ["prometheus", "prometheus", "a-adapter", "prometheus"]);
        assert_eq!(text(&services[0], "/metadata/namespace"), Some("istio-system"));
    }

    #[test]
    fn the_port_is_the_one_of_the_api() {
        let ports = |ports: Value| port_name(&json!({"spec": {"ports": ports}})).map(str::to_owned);
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
