//! What a real API server fills into built-in kinds: defaults of the API (`zz_generated.defaults.go` and
//! `defaults.go` of `k8s.io/kubernetes/pkg/apis`), and what it decides when an object is created.

use serde_json::{Map, Value, json};

use crate::crd::{ResourceType, Schema, Type};

/// Fills in the defaults that are part of the API. They belong to whoever writes the object.
pub fn apply(kind: &ResourceType, object: &mut Value) {
    if kind.custom {
        return;
    }
    fill(&kind.schema, object);
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Namespace") => {
            let name = object["metadata"]["name"].clone();
            let labels = &mut object["metadata"]["labels"];
            if labels.is_null() {
                *labels = json!({});
            }
            labels["kubernetes.io/metadata.name"] = name;
        }
        ("", "Pod") => {
            pod_spec(&mut object["spec"]);
            set(&mut object["spec"], "enableServiceLinks", true);
        }
        ("", "Service") => service(&mut object["spec"]),
        ("", "Secret") => set(object, "type", "Opaque"),
        ("apps", name) => workload(name, &mut object["spec"]),
        ("autoscaling", "HorizontalPodAutoscaler") => set(&mut object["spec"], "minReplicas", 1),
        ("", "Endpoints") => {
            for subset in list_of(object, "subsets") {
                list_of(subset, "ports").iter_mut().for_each(|port| set(port, "protocol", "TCP"));
            }
        }
        ("discovery.k8s.io", "EndpointSlice") => {
            for port in list_of(object, "ports") {
                set(port, "name", "");
                set(port, "protocol", "TCP");
            }
        }
        ("admissionregistration.k8s.io", _) => list_of(object, "webhooks").iter_mut().for_each(webhook),
        _ => {}
    }
}

/// Fills in what the server decides when an object is created. It belongs to nobody.
pub fn created(kind: &ResourceType, object: &mut Value, serial: u64) {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Namespace") => {
            set(&mut object["spec"], "finalizers", json!(["kubernetes"]));
            set(&mut object["status"], "phase", "Active");
        }
        ("", "Service") => {
            let spec = &mut object["spec"];
            if spec["type"] != "ExternalName" {
                let address = format!("10.{}.{}.{}", 96 + serial / 64_516 % 16, serial / 254 % 254, serial % 254 + 1);
                set(spec, "clusterIP", address);
                let address = spec["clusterIP"].clone();
                set(spec, "clusterIPs", json!([address]));
                set(spec, "ipFamilies", json!(["IPv4"]));
                set(spec, "ipFamilyPolicy", "SingleStack");
            }
            set(&mut object["status"], "loadBalancer", json!({}));
        }
        ("", "Pod") => {
            set(&mut object["status"], "phase", "Pending");
            set(&mut object["status"], "qosClass", "BestEffort");
        }
        _ => {}
    }
}

/// Structs by value are always there in Go's JSON, if only as `{}`.
fn fill(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, field) in &schema.properties {
                let by_value = field.kind == Type::Object
                    && field.default.as_ref().is_some_and(|d| d.as_object().is_some_and(Map::is_empty));
                if by_value && map.get(name).is_none_or(Value::is_null) && !field.properties.is_empty() {
                    map.insert(name.clone(), json!({}));
                }
                if let Some(below) = map.get_mut(name) {
                    fill(field, below);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = &schema.items {
                items.iter_mut().for_each(|item| fill(schema, item));
            }
        }
        _ => {}
    }
}

fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if object.is_null() {
        *object = json!({});
    }
    if let Some(map) = object.as_object_mut()
        && map.get(name).is_none_or(Value::is_null)
    {
        map.insert(name.to_owned(), value.into());
    }
}

/// A list below an object that need not have it.
fn list_of<'v>(object: &'v mut Value, name: &str) -> &'v mut [Value] {
    object.get_mut(name).and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default()
}

fn workload(kind: &str, spec: &mut Value) {
    match kind {
        "Deployment" => {
            set(spec, "replicas", 1);
            set(spec, "strategy", json!({}));
            let strategy = &mut spec["strategy"];
            set(strategy, "type", "RollingUpdate");
            if strategy["type"] == "RollingUpdate" {
                set(strategy, "rollingUpdate", json!({}));
                set(&mut strategy["rollingUpdate"], "maxUnavailable", "25%");
                set(&mut strategy["rollingUpdate"], "maxSurge", "25%");
            }
            set(spec, "revisionHistoryLimit", 10);
            set(spec, "progressDeadlineSeconds", 600);
        }
        "ReplicaSet" => set(spec, "replicas", 1),
        "StatefulSet" => {
            set(spec, "replicas", 1);
            set(spec, "podManagementPolicy", "OrderedReady");
            set(spec, "revisionHistoryLimit", 10);
            set(&mut spec["updateStrategy"], "type", "RollingUpdate");
            if spec["updateStrategy"]["type"] == "RollingUpdate" {
                set(&mut spec["updateStrategy"], "rollingUpdate", json!({"partition": 0}));
            }
            let retention = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
            set(spec, "persistentVolumeClaimRetentionPolicy", retention);
        }
        "DaemonSet" => {
            set(spec, "revisionHistoryLimit", 10);
            set(&mut spec["updateStrategy"], "type", "RollingUpdate");
            if spec["updateStrategy"]["type"] == "RollingUpdate" {
                set(&mut spec["updateStrategy"], "rollingUpdate", json!({"maxSurge": 0, "maxUnavailable": 1}));
            }
        }
        _ => {}
    }
    set(spec, "template", json!({}));
    set(&mut spec["template"], "spec", json!({}));
    pod_spec(&mut spec["template"]["spec"]);
}

fn pod_spec(spec: &mut Value) {
    for name in ["initContainers", "containers"] {
        list_of(spec, name).iter_mut().for_each(container);
    }
    for volume in list_of(spec, "volumes") {
        volume_source(volume);
    }
    set(spec, "restartPolicy", "Always");
    set(spec, "terminationGracePeriodSeconds", 30);
    set(spec, "dnsPolicy", "ClusterFirst");
    set(spec, "securityContext", json!({}));
    set(spec, "schedulerName", "default-scheduler");
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        set(spec, "serviceAccount", account);
    }
}

fn container(container: &mut Value) {
    set(container, "resources", json!({}));
    set(container, "terminationMessagePath", "/dev/termination-log");
    set(container, "terminationMessagePolicy", "File");
    let image = container["image"].as_str().unwrap_or_default();
    let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
    let always = !image.contains('@') && tag.is_none_or(|tag| tag == "latest");
    set(container, "imagePullPolicy", if always { "Always" } else { "IfNotPresent" });
    list_of(container, "ports").iter_mut().for_each(|port| set(port, "protocol", "TCP"));
    for variable in list_of(container, "env") {
        if let Some(reference) = variable.get_mut("valueFrom").and_then(|v| v.get_mut("fieldRef")) {
            set(reference, "apiVersion", "v1");
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe).filter(|p| p.is_object()) {
            set(probe, "timeoutSeconds", 1);
            set(probe, "periodSeconds", 10);
            set(probe, "successThreshold", 1);
            set(probe, "failureThreshold", 3);
            if let Some(http) = probe.get_mut("httpGet") {
                set(http, "path", "/");
                set(http, "scheme", "HTTP");
            }
        }
    }
}

fn volume_source(volume: &mut Value) {
    for name in ["configMap", "secret", "projected", "downwardAPI"] {
        if let Some(source) = volume.get_mut(name).filter(|s| s.is_object()) {
            set(source, "defaultMode", 420);
        }
    }
}

fn service(spec: &mut Value) {
    set(spec, "sessionAffinity", "None");
    set(spec, "type", "ClusterIP");
    if spec["type"] != "ExternalName" {
        set(spec, "internalTrafficPolicy", "Cluster");
    }
    for port in list_of(spec, "ports") {
        set(port, "protocol", "TCP");
        let number = port["port"].clone();
        set(port, "targetPort", number);
    }
}

fn webhook(webhook: &mut Value) {
    set(webhook, "failurePolicy", "Fail");
    set(webhook, "matchPolicy", "Equivalent");
    set(webhook, "namespaceSelector", json!({}));
    set(webhook, "objectSelector", json!({}));
    set(webhook, "timeoutSeconds", 10);
    list_of(webhook, "rules").iter_mut().for_each(|rule| set(rule, "scope", "*"));
    if let Some(service) = webhook.get_mut("clientConfig").and_then(|c| c.get_mut("service")) {
        set(service, "port", 443);
    }
}
