//! What an installation of Istio leaves in a cluster for each revision: accounts, permissions and configuration, istiod's
//! Deployment and Service, and the webhooks that call it.
//!
//! Shapes follow the charts `base` and `istio-discovery` of Istio 1.31 and what istiod itself writes into them.

use serde_json::{Value, json};

use super::control_plane::Revision;
use super::objects::{ROOT_NAMESPACE, deployment_object};
use super::rendering;
use super::spec::{Extent, Spec};
use crate::mesh::ca;
use crate::store::Store;

/// The Service of a revision's istiods.
pub(crate) fn istiod_name(revision: &str) -> String {
    if revision == "default" { "istiod".into() } else { format!("istiod-{revision}") }
}

/// Each revision with its version and its number of pods; `default` comes first.
pub(crate) fn revisions(spec: &Spec) -> Vec<(String, String, usize)> {
    let mut all = vec![("default".to_owned(), spec.cluster.istio.clone(), spec.cluster.istiods)];
    all.extend(spec.cluster.revision.iter().map(|one| (one.name.clone(), one.istio.clone(), one.istiods)));
    all
}

/// The version of a revision's istiods.
pub(crate) fn version(spec: &Spec, revision: &str) -> String {
    spec.cluster.revision.iter().find(|one| one.name == revision).map_or(&spec.cluster.istio, |one| &one.istio).clone()
}

/// Takes note of the control planes that were installed, or changed, since the world began: the version of a revision is
/// that of its istiods' image.
pub(crate) fn learn(spec: &mut Spec, store: &Store) {
    for deployment in store.list("apps", "deployments", Some(ROOT_NAMESPACE)) {
        let labels = &deployment["metadata"]["labels"];
        let (Some("istiod"), Some(name)) = (labels["app"].as_str(), labels["istio.io/rev"].as_str()) else { continue };
        let image = deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
        let Some((_, version)) = image.rsplit_once(':') else { continue };
        let known = spec.cluster.revision.iter_mut().find(|one| one.name == name);
        match known {
            _ if name == "default" => version.clone_into(&mut spec.cluster.istio),
            Some(known) => version.clone_into(&mut known.istio),
            None => spec.cluster.revision.push(Revision { name: name.into(), istio: version.into(), istiods: 1 }),
        }
    }
}

/// Everything of every revision, as far as the world says that Istio is installed.
pub(crate) fn objects(spec: &Spec) -> Vec<Value> {
    let mut objects = Vec::new();
    if spec.cluster.installation != Extent::Whole {
        return begun(spec);
    }
    for (revision, version, istiods) in revisions(spec) {
        for object in before(&revision) {
            // Every revision of a cluster has the reader of remote clusters.
            if !objects.iter().any(|one: &Value| is_same(one, &object)) {
                objects.push(object);
            }
        }
        objects.extend(istiod(&revision, &version, istiods));
        objects.push(injector(&revision));
        objects.push(validator(&revision));
    }
    objects.push(default_validator());
    // istiod writes its root into the webhooks that call it, so that the API server trusts it.
    let root = crate::api::base64(ca::root(spec.seed, ca::Root::Present).pem.as_bytes());
    for webhook in objects.iter_mut().filter_map(|object| object.get_mut("webhooks")?.as_array_mut()).flatten() {
        webhook["clientConfig"]["caBundle"] = json!(root);
    }
    objects
}

/// What an installation left behind that ended before istiod: the namespace, accounts, permissions and configuration.
fn begun(spec: &Spec) -> Vec<Value> {
    if spec.cluster.installation == Extent::None {
        return Vec::new();
    }
    let rendered = rendering::of_revision("default", true);
    rendered.into_iter().filter(is_before_istiod).collect()
}

fn is_before_istiod(object: &Value) -> bool {
    const KINDS: [&str; 6] =
        ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ConfigMap"];
    object["kind"].as_str().is_some_and(|kind| KINDS.contains(&kind))
}

fn is_same(one: &Value, other: &Value) -> bool {
    one["kind"] == other["kind"] && one["metadata"]["name"] == other["metadata"]["name"]
}

/// Accounts, permissions and configuration of a revision; but for its mesh configuration, which the world says.
fn before(revision: &str) -> Vec<Value> {
    let mesh = istiod_name(revision).replacen("istiod", "istio", 1);
    let mut objects = rendering::of_revision(revision, revision == "default");
    objects.retain(is_before_istiod);
    objects.retain(|object| object["kind"] != "ConfigMap" || object["metadata"]["name"] != mesh.as_str());
    // The worlds' control planes are installed without an autoscaler.
    for text in objects.iter_mut().filter_map(|object| object.pointer_mut("/data/merged-values")) {
        *text = json!(
            text.as_str().unwrap_or_default().replace("\"autoscaleEnabled\": true", "\"autoscaleEnabled\": false")
        );
    }
    objects
}

fn istiod(revision: &str, version: &str, istiods: usize) -> Vec<Value> {
    let name = istiod_name(revision);
    let mut labels = json!({"app": "istiod", "istio.io/rev": revision});
    let mut selector = json!({"app": "istiod", "istio.io/rev": revision});
    if revision == "default" {
        labels["istio"] = json!("pilot");
        selector = json!({"app": "istiod", "istio": "pilot"});
    }
    // istiod's own pods have to start while no injector answers.
    let mut pod_labels = labels.clone();
    pod_labels["sidecar.istio.io/inject"] = json!("false");
    let template = json!({
        "metadata": {
            "labels": pod_labels,
            "annotations": {"prometheus.io/port": "15014", "prometheus.io/scrape": "true", "sidecar.istio.io/inject": "false"},
        },
        "spec": {"serviceAccountName": name, "containers": [{
            "name": "discovery", "image": format!("registry.istio.io/release/pilot:{version}"),
            "ports": [{"containerPort": 8080}, {"containerPort": 15010}, {"containerPort": 15012}, {"containerPort": 15014}, {"containerPort": 15017}],
            "resources": {"requests": {"cpu": "500m", "memory": "2Gi"}},
        }]},
    });
    let ports: Vec<Value> = [
        ("grpc-xds", 15010, 15010),
        ("https-dns", 15012, 15012),
        ("https-webhook", 443, 15017),
        ("http-monitoring", 15014, 15014),
    ]
    .iter()
    .map(|(name, port, target)| json!({"name": name, "port": port, "targetPort": target, "protocol": "TCP"}))
    .collect();
    vec![
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": ROOT_NAMESPACE, "labels": labels},
            "spec": {"type": "ClusterIP", "selector": selector, "ports": ports, "sessionAffinity": "None"},
            "status": {"loadBalancer": {}},
        }),
        deployment_object(
            ROOT_NAMESPACE,
            &name,
            labels.clone(),
            json!({"app": "istiod", "istio.io/rev": revision}),
            istiods,
            template,
        ),
    ]
}

/// One requirement of a label selector.
fn requirement(key: &str, operator: &str, values: &[&str]) -> Value {
    let mut one = json!({"key": key, "operator": operator});
    if !values.is_empty() {
        one["values"] = json!(values);
    }
    one
}

fn webhook(revision: &str, name: &str, path: &str, rules: Value) -> Value {
    json!({
        "name": name, "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail", "matchPolicy": "Equivalent",
        "timeoutSeconds": 10, "rules": rules,
        "clientConfig": {"service": {"name": istiod_name(revision), "namespace": ROOT_NAMESPACE, "path": path, "port": 443}},
    })
}

/// `istio-sidecar-injector[-REVISION]`: by the namespace's labels, or by the pod's own.
fn injector(revision: &str) -> Value {
    const REV: &str = "istio.io/rev";
    const INJECTION: &str = "istio-injection";
    const INJECT: &str = "sidecar.istio.io/inject";
    let rules = json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"], "scope": "*"}]);
    let one = |name: &str, namespace: Vec<Value>, object: Vec<Value>| {
        let mut one = webhook(revision, &format!("{name}.sidecar-injector.istio.io"), "/inject", rules.clone());
        one["reinvocationPolicy"] = json!("Never");
        one["namespaceSelector"] = json!({"matchExpressions": namespace});
        one["objectSelector"] = json!({"matchExpressions": object});
        one
    };
    let absent = |key: &str| requirement(key, "DoesNotExist", &[]);
    let not_refused = || requirement(INJECT, "NotIn", &["false"]);
    let mut webhooks = vec![
        one("rev.namespace", vec![requirement(REV, "In", &[revision]), absent(INJECTION)], vec![not_refused()]),
        one(
            "rev.object",
            vec![absent(REV), absent(INJECTION)],
            vec![not_refused(), requirement(REV, "In", &[revision])],
        ),
    ];
    if revision == "default" {
        webhooks.push(one("namespace", vec![requirement(INJECTION, "In", &["enabled"])], vec![not_refused()]));
        webhooks.push(one(
            "object",
            vec![absent(INJECTION), absent(REV)],
            vec![requirement(INJECT, "In", &["true"]), absent(REV)],
        ));
    }
    let name = if revision == "default" {
        "istio-sidecar-injector".into()
    } else {
        format!("istio-sidecar-injector-{revision}")
    };
    configuration("MutatingWebhookConfiguration", &name, revision, "sidecar-injector", webhooks)
}

fn istio_rules() -> Value {
    json!([{
        "apiGroups": ["security.istio.io", "networking.istio.io", "telemetry.istio.io", "extensions.istio.io"],
        "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": ["*"], "scope": "*",
    }])
}

/// `istio-validator[-REVISION]-istio-system`: the objects that name the revision.
fn validator(revision: &str) -> Value {
    let mut one = webhook(revision, "rev.validation.istio.io", "/validate", istio_rules());
    one["namespaceSelector"] = json!({});
    one["objectSelector"] = json!({"matchExpressions": [requirement("istio.io/rev", "In", &[revision])]});
    let infix = if revision == "default" { String::new() } else { format!("-{revision}") };
    let name = format!("istio-validator{infix}-{ROOT_NAMESPACE}");
    configuration("ValidatingWebhookConfiguration", &name, revision, "istiod", vec![one])
}

/// `istiod-default-validator`: all other objects.
fn default_validator() -> Value {
    let mut one = webhook("default", "validation.istio.io", "/validate", istio_rules());
    one["namespaceSelector"] = json!({});
    one["objectSelector"] = json!({"matchExpressions": [requirement("istio.io/rev", "DoesNotExist", &[])]});
    configuration("ValidatingWebhookConfiguration", "istiod-default-validator", "default", "istiod", vec![one])
}

fn configuration(kind: &str, name: &str, revision: &str, app: &str, webhooks: Vec<Value>) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
        "metadata": {"name": name, "labels": {"app": app, "istio": app, "istio.io/rev": revision, "operator.istio.io/component": "Pilot"}},
        "webhooks": webhooks,
    })
}
