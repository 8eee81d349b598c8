//! What istiod deploys for a Gateway of the Gateway API: a ServiceAccount, a Deployment and a Service.
//!
//! As its template `manifests/charts/istio-control/istio-discovery/files/kube-gateway.yaml` has them.

use serde_json::{Value, json};

use super::api;
use crate::mesh::kubernetes::inject::router;
use crate::mesh::kubernetes::{key_of, text};
use crate::store::{Object, Store};
use crate::world::Spec;
use crate::world::objects::deployment_object;

/// The field manager of istiod's gateway controller.
pub const MANAGER: &str = "istio.io/gateway-controller";
const NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-name";

/// Makes what is missing for each Gateway. What was made is left alone: of a changed listener the Service follows.
pub fn reconcile(store: &Store, spec: &Spec) {
    for gateway in api::gateways(store) {
        let (namespace, _) = key_of(&gateway);
        let name = api::deployment_name(&gateway);
        if store.get("", "serviceaccounts", &namespace, &name).is_none() {
            store.put(owned(&gateway, json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {}})), MANAGER);
        }
        if store.get("apps", "deployments", &namespace, &name).is_none() {
            store.put(deployment(&gateway, spec), MANAGER);
        }
        let service = service(&gateway);
        let old = store.get("", "services", &namespace, &name);
        if old.as_ref().is_none_or(|old| old["spec"]["ports"] != service["spec"]["ports"]) {
            let made = match old {
                Some(old) => {
                    let mut changed = (*old).clone();
                    changed["spec"]["ports"] = service["spec"]["ports"].clone();
                    changed
                }
                None => service,
            };
            store.put(made, MANAGER);
        }
    }
}

/// The object with the name, labels and owner that everything of a Gateway has.
fn owned(gateway: &Object, mut object: Value) -> Value {
    let (namespace, name) = key_of(gateway);
    let metadata = &mut object["metadata"];
    metadata["name"] = json!(api::deployment_name(gateway));
    metadata["namespace"] = json!(namespace);
    metadata["labels"][NAME_LABEL] = json!(name);
    metadata["labels"]["gateway.networking.k8s.io/gateway-class-name"] = json!(api::CLASS);
    metadata["ownerReferences"] = json!([{
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "name": name, "uid": gateway["metadata"]["uid"],
    }]);
    object
}

fn deployment(gateway: &Object, spec: &Spec) -> Value {
    let (namespace, own) = key_of(gateway);
    let name = api::deployment_name(gateway);
    let mut annotations = json!({
        "istio.io/rev": "default", "prometheus.io/path": "/stats/prometheus", "prometheus.io/port": "15020",
        "prometheus.io/scrape": "true",
    });
    // `infrastructure.annotations` come through to the pods.
    for (key, value) in gateway["spec"]["infrastructure"]["annotations"].as_object().into_iter().flatten() {
        annotations[key] = value.clone();
    }
    let template = json!({
        "metadata": {
            "annotations": annotations,
            "labels": {
                "sidecar.istio.io/inject": "false", "service.istio.io/canonical-name": name,
                "service.istio.io/canonical-revision": "latest", NAME_LABEL: own,
                "gateway.networking.k8s.io/gateway-class-name": api::CLASS,
                "gateway.istio.io/managed": "istio.io-gateway-controller",
            },
        },
        "spec": {"serviceAccountName": name, "containers": [router(spec, &namespace, &name, "default")]},
    });
    let labels = json!({"gateway.istio.io/managed": "istio.io-gateway-controller"});
    let object = deployment_object(&namespace, &name, labels, json!({NAME_LABEL: own}), 1, template);
    owned(gateway, object)
}

fn service(gateway: &Object) -> Value {
    let (_, own) = key_of(gateway);
    let mut ports = vec![
        json!({"name": "status-port", "port": 15021, "protocol": "TCP", "appProtocol": "tcp", "targetPort": 15021}),
    ];
    for listener in gateway["spec"]["listeners"].as_array().into_iter().flatten() {
        let port = &listener["port"];
        if !ports.iter().any(|known| known["port"] == *port) {
            let protocol = text(&listener["protocol"]).to_lowercase();
            ports.push(json!({"name": listener["name"], "port": port, "protocol": "TCP", "appProtocol": protocol, "targetPort": port}));
        }
    }
    let spec = json!({
        "type": "LoadBalancer", "selector": {NAME_LABEL: own}, "ports": ports, "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster", "externalTrafficPolicy": "Cluster",
    });
    owned(
        gateway,
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": spec, "status": {"loadBalancer": {}}}),
    )
}
