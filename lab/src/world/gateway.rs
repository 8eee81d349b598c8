//! What a world file says about ingress gateways, and what their chart leaves in the cluster.
//!
//! A `[[gateway]]` is one of the classic way: a Deployment and a Service, as the charts `gateway` and
//! `gateways/istio-ingress` of Istio 1.31 make them, to which Istio's Gateways are bound by labels. One of the Gateway API
//! is a Gateway among the `objects`: istiod makes its Deployment and its Service, `NAME-istio`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::objects::{ROOT_NAMESPACE, deployment_object};
use super::spec::Spec;

/// An ingress gateway of the classic way.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// The name of its Deployment and Service.
    #[serde(default = "name")]
    pub name: String,
    /// Its namespace.
    #[serde(default = "namespace")]
    pub namespace: String,
    /// Number of pods.
    #[serde(default = "replicas")]
    pub replicas: usize,
    /// `proxyStatsMatcher.inclusionRegexps` of its pods, by annotation `proxy.istio.io/config`.
    #[serde(default)]
    pub proxy_stats: Vec<String>,
}

fn name() -> String {
    "istio-ingressgateway".into()
}
fn namespace() -> String {
    ROOT_NAMESPACE.into()
}
fn replicas() -> usize {
    2
}

/// The label `istio` of a gateway's pods, by which Gateways select them: `istio-ingressgateway` has `ingressgateway`.
fn label(gateway: &Gateway) -> &str {
    gateway.name.strip_prefix("istio-").unwrap_or(&gateway.name)
}

/// The objects of every gateway, and the class of those of the Gateway API, which istiod itself makes.
pub(super) fn objects(spec: &Spec) -> Vec<Value> {
    let uses_api = spec.objects.iter().any(|object| object["spec"]["gatewayClassName"] == "istio");
    let class = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "istio"},
        "spec": {"controllerName": "istio.io/gateway-controller", "description": "The default Istio GatewayClass"},
    });
    uses_api.then_some(class).into_iter().chain(spec.gateway.iter().flat_map(one)).collect()
}

fn one(gateway: &Gateway) -> [Value; 3] {
    let Gateway { name, namespace, replicas, proxy_stats } = gateway;
    let labels = json!({"app": name, "istio": label(gateway)});
    let mut pod_labels = labels.clone();
    pod_labels["sidecar.istio.io/inject"] = json!("true");
    pod_labels["service.istio.io/canonical-name"] = json!(name);
    let mut annotations = json!({"inject.istio.io/templates": "gateway"});
    if !proxy_stats.is_empty() {
        let quoted: Vec<String> = proxy_stats.iter().map(|regex| format!("\"{regex}\"")).collect();
        annotations["proxy.istio.io/config"] =
            json!(format!("proxyStatsMatcher:\n  inclusionRegexps: [{}]\n", quoted.join(", ")));
    }
    let resources = json!({"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "128Mi"}});
    let template = json!({
        "metadata": {"labels": pod_labels, "annotations": annotations},
        "spec": {
            "serviceAccountName": name,
            // The webhook puts the image in the place of `auto`, and adds everything else.
            "containers": [{"name": "istio-proxy", "image": "auto", "resources": resources}],
        },
    });
    let port = |name: &str, port: u16, target: u16| json!({"name": name, "port": port, "targetPort": target, "protocol": "TCP"});
    [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace, "labels": labels}}),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {
                "type": "LoadBalancer", "selector": labels, "sessionAffinity": "None", "externalTrafficPolicy": "Cluster",
                "internalTrafficPolicy": "Cluster",
                "ports": [port("status-port", 15021, 15021), port("http2", 80, 8080), port("https", 443, 8443)],
            },
            "status": {"loadBalancer": {}},
        }),
        deployment_object(namespace, name, labels.clone(), labels, *replicas, template),
    ]
}

/// Whether traffic of a world can come from a workload because it is a gateway.
pub(super) fn is_gateway(spec: &Spec, namespace: &str, name: &str) -> bool {
    let classic = spec.gateway.iter().any(|one| one.name == name && one.namespace == namespace);
    let of_api = spec.objects.iter().filter(|object| object["spec"]["gatewayClassName"] == "istio");
    let mut of_api = of_api.filter(|object| object["metadata"]["namespace"] == namespace);
    classic
        || of_api.any(|object| object["metadata"]["name"].as_str().is_some_and(|own| format!("{own}-istio") == name))
}
