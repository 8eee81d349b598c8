//! The sidecar that Istio's webhook adds to a pod: an ordinary container, or a native sidecar among the init containers.

use serde_json::{Value, json};

use crate::api::webhooks;
use crate::crd::Catalog;
use crate::store::Store;
use crate::world::Spec;
use crate::world::installation::istiod_name;
use crate::world::objects::{ROOT_NAMESPACE, proxy_image};

/// The revision whose istiod injects a new pod; `None` if none does.
///
/// It is the one behind the first webhook of an injector that concerns the pod: the injectors of revisions and of revision
/// tags choose by the labels of the namespace and, only where that has neither `istio-injection` nor `istio.io/rev`, by the
/// pod's own. The injector itself leaves a pod alone whose annotation says so.
pub fn revision(store: &Store, pod: &Value) -> Option<String> {
    if pod["metadata"]["annotations"]["sidecar.istio.io/inject"] == "false" {
        return None;
    }
    let kind = Catalog::get().by_plural("", "pods").expect("pods are built in");
    store.list("admissionregistration.k8s.io", "mutatingwebhookconfigurations", None).iter().find_map(|configuration| {
        let webhooks = configuration["webhooks"].as_array()?;
        let one = webhooks.iter().find(|webhook| {
            webhook["name"].as_str().is_some_and(|name| name.ends_with("sidecar-injector.istio.io"))
                && webhooks::concerns(store, webhook, kind, true, pod)
        })?;
        let service = one["clientConfig"]["service"]["name"].as_str()?;
        Some(service.strip_prefix("istiod-").unwrap_or("default").to_owned())
    })
}

/// Adds the sidecar to a pod, or makes its container `istio-proxy` a gateway's where it names that template.
pub fn inject(pod: &mut Value, spec: &Spec, workload: &str, revision: &str) {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
    if pod["metadata"]["annotations"]["inject.istio.io/templates"] == "gateway" {
        return inject_gateway(pod, spec, workload, &namespace, revision);
    }
    let annotation =
        pod["metadata"]["annotations"]["sidecar.istio.io/nativeSidecar"].as_str().map(|text| text == "true");
    let native = annotation.unwrap_or(spec.cluster.native_sidecars);
    let app = pod["metadata"]["labels"]["app"].as_str().unwrap_or(workload).to_owned();
    let version = pod["metadata"]["labels"]["version"].as_str().unwrap_or("latest").to_owned();
    for (key, value) in [
        ("security.istio.io/tlsMode", "istio"),
        ("service.istio.io/canonical-name", &app),
        ("service.istio.io/canonical-revision", &version),
    ] {
        pod["metadata"]["labels"][key] = json!(value);
    }
    let (init, containers) =
        if native { (vec!["istio-init", "istio-proxy"], vec![]) } else { (vec!["istio-init"], vec!["istio-proxy"]) };
    let status = json!({
        "initContainers": init, "containers": containers,
        "volumes": ["workload-socket", "credential-socket", "workload-certs", "istio-envoy", "istio-data", "istio-podinfo", "istio-token", "istiod-ca-cert", "istio-ca-crl"],
        "imagePullSecrets": null, "revision": revision,
    });
    for (key, value) in [
        ("istio.io/rev", revision.to_owned()),
        ("kubectl.kubernetes.io/default-container", "app".to_owned()),
        ("kubectl.kubernetes.io/default-logs-container", "app".to_owned()),
        ("prometheus.io/path", "/stats/prometheus".to_owned()),
        ("prometheus.io/port", "15020".to_owned()),
        ("prometheus.io/scrape", "true".to_owned()),
        ("sidecar.istio.io/status", status.to_string()),
    ] {
        pod["metadata"]["annotations"][key] = json!(value);
    }
    let image = proxy_image(spec, revision);
    let defaults = json!({"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "128Mi"}});
    let mut resources = annotated(&pod["metadata"]["annotations"]).unwrap_or_else(|| defaults.clone());
    if let Some(fixed) = &spec.cluster.fixed_proxy_memory_limit {
        resources["limits"]["memory"] = json!(fixed);
        // A request above the limit would be refused by the API server.
        resources["requests"]["memory"] = json!(fixed);
    }
    if let Some(own) = take_own(pod) {
        json_patch::merge(&mut resources, &own["resources"]);
    }
    let probe = json!({"failureThreshold": 4, "httpGet": {"path": "/healthz/ready", "port": 15021, "scheme": "HTTP"}, "periodSeconds": 15, "successThreshold": 1, "timeoutSeconds": 3});
    let mut proxy = json!({
        "name": "istio-proxy", "image": image, "imagePullPolicy": "IfNotPresent",
        "args": ["proxy", "sidecar", "--domain", "$(POD_NAMESPACE).svc.cluster.local", "--proxyLogLevel=warning", "--proxyComponentLogLevel=misc:error", "--log_output_level=default:info"],
        "env": environment(&namespace, workload, revision),
        "ports": [{"containerPort": 15090, "name": "http-envoy-prom", "protocol": "TCP"}],
        "readinessProbe": probe, "resources": resources,
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "privileged": false, "readOnlyRootFilesystem": true, "runAsGroup": 1337, "runAsNonRoot": true, "runAsUser": 1337},
    });
    let mut inits = vec![json!({
        "name": "istio-init", "image": image, "imagePullPolicy": "IfNotPresent", "resources": defaults,
        "args": ["istio-iptables", "-p", "15001", "-z", "15006", "-u", "1337", "-m", "REDIRECT", "-i", "*", "-x", "", "-b", "*", "-d", "15090,15021,15020", "--log_output_level=default:info"],
    })];
    if native {
        proxy["restartPolicy"] = json!("Always");
        inits.push(proxy);
    } else if let Some(list) = pod["spec"]["containers"].as_array_mut() {
        list.push(proxy);
    }
    if let Some(own) = pod["spec"]["initContainers"].as_array() {
        inits.extend(own.iter().cloned());
    }
    pod["spec"]["initContainers"] = json!(inits);
}

/// The template `gateway` (`gateway-injection-template.yaml` of the istio-discovery chart).
fn inject_gateway(pod: &mut Value, spec: &Spec, workload: &str, namespace: &str, revision: &str) {
    let labels = &mut pod["metadata"]["labels"];
    let app = labels["app"].as_str().unwrap_or(workload).to_owned();
    labels["service.istio.io/canonical-name"] = json!(app);
    labels["service.istio.io/canonical-revision"] = json!("latest");
    labels["istio.io/rev"] = json!(revision);
    let status = json!({
        "initContainers": null, "containers": ["istio-proxy"],
        "volumes": ["workload-socket", "credential-socket", "workload-certs", "istio-envoy", "istio-data", "istio-podinfo", "istio-token", "istiod-ca-cert"],
        "imagePullSecrets": null, "revision": revision,
    });
    for (key, value) in [
        ("istio.io/rev", revision.to_owned()),
        ("prometheus.io/path", "/stats/prometheus".to_owned()),
        ("prometheus.io/port", "15020".to_owned()),
        ("prometheus.io/scrape", "true".to_owned()),
        ("sidecar.istio.io/status", status.to_string()),
    ] {
        pod["metadata"]["annotations"][key] = json!(value);
    }
    let mut proxy = router(spec, namespace, workload, revision);
    if let Some(own) = take_own(pod) {
        json_patch::merge(&mut proxy["resources"], &own["resources"]);
    }
    pod["spec"]["containers"] = json!([proxy]);
}

/// The container of a gateway: a proxy with the role `router`.
pub fn router(spec: &Spec, namespace: &str, workload: &str, revision: &str) -> Value {
    let port = |number: u16, name: &str| json!({"containerPort": number, "name": name, "protocol": "TCP"});
    let probe = json!({"failureThreshold": 4, "httpGet": {"path": "/healthz/ready", "port": 15021, "scheme": "HTTP"}, "periodSeconds": 15, "successThreshold": 1, "timeoutSeconds": 1});
    json!({
        "name": "istio-proxy", "image": proxy_image(spec, revision), "imagePullPolicy": "IfNotPresent",
        "args": ["proxy", "router", "--domain", "$(POD_NAMESPACE).svc.cluster.local", "--proxyLogLevel", "warning", "--proxyComponentLogLevel", "misc:error", "--log_output_level", "default:info"],
        "env": environment(namespace, workload, revision),
        "ports": [port(15020, "metrics"), port(15021, "status-port"), port(15090, "http-envoy-prom")],
        "readinessProbe": probe,
        "resources": {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "privileged": false, "readOnlyRootFilesystem": true, "runAsGroup": 1337, "runAsNonRoot": true, "runAsUser": 1337},
    })
}

fn environment(namespace: &str, workload: &str, revision: &str) -> Value {
    json!([
        {"name": "PILOT_CERT_PROVIDER", "value": "istiod"},
        {"name": "CA_ADDR", "value": format!("{}.{ROOT_NAMESPACE}.svc:15012", istiod_name(revision))},
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
        {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}},
        {"name": "ISTIO_META_CLUSTER_ID", "value": "Kubernetes"},
        {"name": "ISTIO_META_WORKLOAD_NAME", "value": workload},
        {"name": "ISTIO_META_OWNER", "value": format!("kubernetes://apis/apps/v1/namespaces/{namespace}/deployments/{workload}")},
        {"name": "ISTIO_META_MESH_ID", "value": "cluster.local"},
        {"name": "TRUST_DOMAIN", "value": "cluster.local"},
    ])
}

/// The resources that annotations ask for. One of the four is enough to discard all defaults, limits included
/// (`resources` in Istio's `injection-template.yaml`).
fn annotated(annotations: &Value) -> Option<Value> {
    let mut resources = json!({});
    for (annotation, list, resource) in [
        ("proxyCPU", "requests", "cpu"),
        ("proxyMemory", "requests", "memory"),
        ("proxyCPULimit", "limits", "cpu"),
        ("proxyMemoryLimit", "limits", "memory"),
    ] {
        if let Some(value) = annotations[format!("sidecar.istio.io/{annotation}")].as_str() {
            resources[list][resource] = json!(value);
        }
    }
    resources.as_object().is_some_and(|map| !map.is_empty()).then_some(resources)
}

/// The pod's own container `istio-proxy`: what it says is merged over what the injector says.
fn take_own(pod: &mut Value) -> Option<Value> {
    for list in ["containers", "initContainers"] {
        let Some(containers) = pod["spec"][list].as_array_mut() else { continue };
        if let Some(place) = containers.iter().position(|container| container["name"] == "istio-proxy") {
            return Some(containers.remove(place));
        }
    }
    None
}

/// Whether a pod is a gateway: its proxy has the role `router`.
pub fn is_router(pod: &Value) -> bool {
    let mut containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    containers.any(|container| container["name"] == "istio-proxy" && container["args"][1] == "router")
}

/// Whether a pod has a proxy of Istio: a sidecar in either form, or a gateway's.
pub fn has_sidecar(pod: &Value) -> bool {
    ["containers", "initContainers"].iter().any(|list| {
        pod["spec"][list]
            .as_array()
            .is_some_and(|containers| containers.iter().any(|container| container["name"] == "istio-proxy"))
    })
}
