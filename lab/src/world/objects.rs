//! The objects that a world consists of before its controllers have run: namespaces, nodes, Services, Deployments.

use serde_json::{Value, json};

use super::spec::{Extent, Spec, Workload, WorkloadKind};
use super::{gateway, installation};
use crate::mesh::ca;

/// The mesh's root namespace.
pub(crate) const ROOT_NAMESPACE: &str = "istio-system";

/// The image of the proxies of a revision, with its version of Istio.
pub(crate) fn proxy_image(spec: &Spec, revision: &str) -> String {
    format!("registry.istio.io/release/proxyv2:{}", installation::version(spec, revision))
}

/// Every object of the world, in an order in which an API server would accept them.
pub(crate) fn objects(spec: &Spec) -> Vec<Value> {
    let mut objects = Vec::new();
    let mut namespaces = vec!["default", "kube-system"];
    if spec.cluster.installation != Extent::None {
        namespaces.push(ROOT_NAMESPACE);
    }
    let own = (!spec.is_new).then_some(spec.namespace.as_str());
    let meshed: Vec<&str> = workloads(spec).map(|(namespace, _)| namespace).chain(own).collect();
    for namespace in
        meshed.iter().copied().chain(spec.objects.iter().filter_map(|o| o["metadata"]["namespace"].as_str()))
    {
        if !namespaces.contains(&namespace) {
            namespaces.push(namespace);
        }
    }
    namespaces.extend(spec.gateway.iter().map(|one| one.namespace.as_str()).filter(|one| *one != ROOT_NAMESPACE));
    for name in namespaces {
        let mut labels = json!({"kubernetes.io/metadata.name": name});
        // Where every workload names its revision, the namespace says nothing: its own label would win.
        let mut own = workloads(spec).filter(|(namespace, _)| *namespace == name).peekable();
        let by_pods = own.peek().is_some() && own.all(|(_, workload)| workload.revision.is_some());
        if meshed.contains(&name) && !by_pods && spec.cluster.injection {
            labels["istio-injection"] = json!("enabled");
        }
        let mut namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels},
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
        });
        if let (Some(uid), "kube-system") = (&spec.cluster.uid, name) {
            namespace["metadata"]["uid"] = json!(uid);
        }
        objects.push(namespace);
    }
    let named = objects.iter().filter_map(|namespace| namespace["metadata"]["name"].as_str().map(str::to_owned));
    let root = ca::root(spec.seed, ca::Root::Present).pem;
    let roots: Vec<Value> = named.map(|namespace| root_certificate(&namespace, &root)).collect();
    if spec.cluster.installation == Extent::Whole {
        objects.extend(roots);
    }
    objects.extend((1..=spec.cluster.nodes).map(|index| node(spec, index)));
    objects.extend(control_plane(spec));
    if spec.telemetry.prometheus {
        objects.extend(prometheus());
    }
    if spec.telemetry.tracing {
        objects.extend(jaeger());
    }
    let mut served = Vec::new();
    for (namespace, workload) in workloads(spec) {
        let app = app(workload);
        if !workload.ports.is_empty() && !served.contains(&(namespace, app)) {
            served.push((namespace, app));
            objects.push(service(namespace, app, &workload.ports));
        }
        objects.push(deployment(namespace, workload));
    }
    objects.extend(gateway::objects(spec));
    objects.extend(crowd(spec));
    objects.extend(spec.objects.iter().cloned());
    objects
}

/// The ConfigMap by which istiod gives every namespace the mesh's root.
pub(crate) fn root_certificate(namespace: &str, pem: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "istio-ca-root-cert", "namespace": namespace, "labels": {"istio.io/config": "true"}},
        "data": {"root-cert.pem": pem},
    })
}

/// Each workload with its namespace.
pub(crate) fn workloads(spec: &Spec) -> impl Iterator<Item = (&str, &Workload)> {
    spec.workload.iter().map(|workload| (workload.namespace.as_deref().unwrap_or(&spec.namespace), workload))
}

/// A workload's label `app`, which is also its Service's name.
pub(crate) fn app(workload: &Workload) -> &str {
    workload.app.as_deref().unwrap_or(&workload.name)
}

fn node(spec: &Spec, index: usize) -> Value {
    let name = format!("node-{index}");
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}},
        "spec": {"podCIDR": format!("10.244.{index}.0/24")},
        "status": {
            "addresses": [{"type": "InternalIP", "address": format!("10.245.0.{index}")}, {"type": "Hostname", "address": name}],
            "capacity": {"cpu": "16", "memory": "64Gi", "pods": "110"},
            "allocatable": {"cpu": "16", "memory": "64Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}],
            "nodeInfo": {
                "kubeletVersion": format!("v{}", spec.cluster.kubernetes), "operatingSystem": "linux", "architecture": "amd64",
                "osImage": "Linux", "kernelVersion": "6.12.0", "containerRuntimeVersion": "containerd://2.1.0",
                "machineID": "", "systemUUID": "", "bootID": "", "kubeProxyVersion": "",
            },
        },
    })
}

fn service(namespace: &str, name: &str, ports: &[u16]) -> Value {
    let ports: Vec<Value> = ports
        .iter()
        .map(|port| {
            let name = if ports.len() == 1 { "http".to_owned() } else { format!("http-{port}") };
            json!({"name": name, "port": port, "targetPort": port, "protocol": "TCP"})
        })
        .collect();
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"type": "ClusterIP", "selector": {"app": name}, "ports": ports, "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"},
        "status": {"loadBalancer": {}},
    })
}

fn deployment(namespace: &str, workload: &Workload) -> Value {
    let app = app(workload);
    let mut labels = json!({"app": app, "version": workload.version});
    let selector =
        if app == workload.name { json!({"app": app}) } else { json!({"app": app, "version": workload.version}) };
    let mut annotations = json!({});
    if !workload.sidecar {
        labels["sidecar.istio.io/inject"] = json!("false");
    }
    if let Some(revision) = &workload.revision {
        labels["istio.io/rev"] = json!(revision);
    }
    if let Some(native) = workload.native_sidecar {
        annotations["sidecar.istio.io/nativeSidecar"] = json!(native.to_string());
    }
    if !workload.proxy_stats.is_empty() {
        let quoted: Vec<String> = workload.proxy_stats.iter().map(|regex| format!("\"{regex}\"")).collect();
        annotations["proxy.istio.io/config"] =
            json!(format!("proxyStatsMatcher:\n  inclusionRegexps: [{}]\n", quoted.join(", ")));
    }
    for (key, value) in &workload.annotations {
        annotations[key] = json!(value);
    }
    let mut metadata = json!({"labels": labels});
    if annotations.as_object().is_some_and(|map| !map.is_empty()) {
        metadata["annotations"] = annotations;
    }
    let ports: Vec<Value> =
        workload.ports.iter().map(|port| json!({"containerPort": port, "protocol": "TCP"})).collect();
    // A pod that is fully at work uses one core (see `Server::cpu_seconds`), and may use no more unless the world says so.
    let limit = workload.cpu.map_or_else(|| "1".to_owned(), |cpu| format!("{}m", cpu.milli));
    let mut container = json!({
        "name": "app", "image": format!("registry.example/{app}:{}", workload.version),
        "resources": {"limits": {"cpu": limit}, "requests": {"cpu": "100m"}},
    });
    if !ports.is_empty() {
        container["ports"] = json!(ports);
    }
    if let (true, Some(port)) = (workload.probe, workload.ports.first()) {
        container["readinessProbe"] = json!({"httpGet": {"path": "/health", "port": port}, "periodSeconds": 5});
    }
    let mut object_labels = json!({"app": app});
    for (key, value) in &workload.labels {
        object_labels[key] = json!(value);
    }
    let mut containers = vec![container];
    containers.extend(workload.own_sidecar.iter().cloned());
    let template = json!({"metadata": metadata, "spec": {"containers": containers}});
    let mut object = deployment_object(namespace, &workload.name, object_labels, selector, workload.replicas, template);
    let spec = object["spec"].as_object_mut().expect("an object has a spec");
    match workload.kind {
        WorkloadKind::Deployment => return object,
        WorkloadKind::StatefulSet => {
            spec.insert("serviceName".into(), json!(app));
            spec.insert("podManagementPolicy".into(), json!("OrderedReady"));
            spec.insert("updateStrategy".into(), json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}));
        }
        WorkloadKind::DaemonSet => {
            spec.remove("replicas");
            let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}});
            spec.insert("updateStrategy".into(), strategy);
        }
    }
    spec.remove("strategy");
    spec.remove("progressDeadlineSeconds");
    object["kind"] = json!(workload.kind);
    object
}

pub(crate) fn deployment_object(
    namespace: &str,
    name: &str,
    labels: Value,
    selector: Value,
    replicas: usize,
    mut template: Value,
) -> Value {
    for (key, value) in [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("schedulerName", json!("default-scheduler")),
        ("securityContext", json!({})),
    ] {
        template["spec"][key] = value;
    }
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": selector}, "template": template,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
        },
    })
}

fn control_plane(spec: &Spec) -> Vec<Value> {
    let mut mesh = format!(
        "defaultConfig:\n  discoveryAddress: istiod.istio-system.svc:15012\nenablePrometheusMerge: true\nrootNamespace: {ROOT_NAMESPACE}\ntrustDomain: cluster.local\n"
    );
    if spec.telemetry.access_log {
        mesh.push_str("accessLogFile: /dev/stdout\n");
    }
    if spec.cluster.registry_only {
        mesh.push_str("outboundTrafficPolicy:\n  mode: REGISTRY_ONLY\n");
    }
    if !spec.telemetry.span_provider.is_empty() {
        mesh.push_str(&format!(
            "extensionProviders:\n- name: {}\n  opentelemetry:\n    port: 4317\n    service: otel-collector.observability.svc.cluster.local\n",
            spec.telemetry.span_provider
        ));
    }
    let mut objects = vec![json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "ports": [{"name": "https", "port": 443, "targetPort": 6443, "protocol": "TCP"}], "sessionAffinity": "None"},
        "status": {"loadBalancer": {}},
    })];
    // Each revision has a mesh configuration of its own.
    let revisions = if spec.cluster.installation == Extent::Whole { installation::revisions(spec) } else { Vec::new() };
    objects.extend(revisions.iter().map(|(revision, ..)| {
        let istiod = installation::istiod_name(revision);
        let name = istiod.replacen("istiod", "istio", 1);
        let mesh = mesh.replace("istiod.istio-system.svc", &format!("{istiod}.istio-system.svc"));
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": ROOT_NAMESPACE, "labels": {"istio.io/rev": revision}},
            "data": {"mesh": mesh, "meshNetworks": "networks: {}"},
        })
    }));
    objects.extend(installation::objects(spec));
    objects
}

fn prometheus() -> Vec<Value> {
    let labels =
        json!({"app": "prometheus", "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/component": "server"});
    let template = json!({
        "metadata": {"labels": {"app": "prometheus", "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/component": "server", "sidecar.istio.io/inject": "false"}},
        "spec": {"serviceAccountName": "prometheus", "containers": [{
            "name": "prometheus-server", "image": "prom/prometheus:v3.5.0", "ports": [{"containerPort": 9090}], "resources": {},
        }]},
    });
    vec![
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "prometheus", "namespace": ROOT_NAMESPACE, "labels": labels},
            "spec": {"type": "ClusterIP", "selector": {"app.kubernetes.io/name": "prometheus"}, "ports": [{"name": "http", "port": 9090, "targetPort": 9090, "protocol": "TCP"}], "sessionAffinity": "None"},
            "status": {"loadBalancer": {}},
        }),
        deployment_object(
            ROOT_NAMESPACE,
            "prometheus",
            labels,
            json!({"app.kubernetes.io/name": "prometheus"}),
            1,
            template,
        ),
    ]
}

/// As Istio's sample installs it: one Deployment, and Service `tracing` before its query API.
fn jaeger() -> Vec<Value> {
    let labels = json!({"app": "jaeger"});
    let template = json!({
        "metadata": {"labels": {"app": "jaeger", "sidecar.istio.io/inject": "false"}},
        "spec": {"containers": [{
            "name": "jaeger", "image": "jaegertracing/jaeger:2.17.0", "ports": [{"containerPort": 16686}], "resources": {},
        }]},
    });
    vec![
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "tracing", "namespace": ROOT_NAMESPACE, "labels": labels},
            "spec": {"type": "ClusterIP", "selector": labels, "ports": [{"name": "http-query", "port": 80, "targetPort": 16686, "protocol": "TCP"}], "sessionAffinity": "None"},
            "status": {"loadBalancer": {}},
        }),
        deployment_object(ROOT_NAMESPACE, "jaeger", labels.clone(), labels, 1, template),
    ]
}

fn crowd(spec: &Spec) -> Vec<Value> {
    let mut objects = Vec::new();
    for index in 0..spec.crowd.proxies {
        let workload: Workload = crowd_member(index);
        objects.push(service(&spec.namespace, &workload.name, &workload.ports));
        objects.push(deployment(&spec.namespace, &workload));
    }
    for index in 0..spec.crowd.services {
        objects.push(service(&spec.namespace, &format!("stub-{index}"), &[8080]));
    }
    objects
}

/// The n-th workload of a crowd.
pub(crate) fn crowd_member(index: usize) -> Workload {
    serde_json::from_value(json!({"name": format!("crowd-{index}"), "ports": [8080]}))
        .expect("a name and a port make a workload")
}
