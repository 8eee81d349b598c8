//! What istiod writes into the status of GatewayClasses, Gateways and HTTPRoutes: conditions by the Gateway API.
//!
//! Texts are those of Istio's `pilot/pkg/config/kube/gateway/conditions.go`, as its golden files show them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::api::{self, GROUP};
use super::deploy::MANAGER;
use crate::mesh::kubernetes::{key_of, second, text};
use crate::store::{Object, Store};

/// Brings every status up to date.
pub fn reconcile(store: &Store, now: Timestamp) {
    for class in store.list(GROUP, "gatewayclasses", None) {
        if class["spec"]["controllerName"] == CONTROLLER {
            let accepted = condition("Accepted", true, "Accepted", "Handled by Istio controller", &class);
            write(store, &class, "gatewayclasses", json!({"conditions": [accepted]}), now);
        }
    }
    let gateways = api::gateways(store);
    let mut routes: BTreeMap<(String, String), usize> = BTreeMap::new();
    for route in store.list(GROUP, "httproutes", None) {
        let mut parents = Vec::new();
        for parent in route["spec"]["parentRefs"].as_array().into_iter().flatten() {
            let attached = api::attached(&gateways, &route, parent);
            for one in &attached {
                let uid = text(&one.gateway["metadata"]["uid"]).to_owned();
                *routes.entry((uid, text(&one.listener["name"]).to_owned())).or_default() += 1;
            }
            let accepted = if attached.is_empty() {
                condition("Accepted", false, "NoMatchingParent", "no parent matches", &route)
            } else {
                condition("Accepted", true, "Accepted", "Route was valid", &route)
            };
            let resolved = match lost(store, &route) {
                None => condition("ResolvedRefs", true, "ResolvedRefs", "All references resolved", &route),
                Some(host) => {
                    condition("ResolvedRefs", false, "BackendNotFound", &format!("backend({host}) not found"), &route)
                }
            };
            parents
                .push(json!({"controllerName": CONTROLLER, "parentRef": parent, "conditions": [accepted, resolved]}));
        }
        write(store, &route, "httproutes", json!({"parents": parents}), now);
    }
    for gateway in &gateways {
        let status = of_gateway(store, gateway, &routes);
        write(store, gateway, "gateways", status, now);
    }
}

const CONTROLLER: &str = "istio.io/gateway-controller";

/// The first backend of a route that is no Service.
fn lost(store: &Store, route: &Object) -> Option<String> {
    let (namespace, _) = key_of(route);
    let rules = route["spec"]["rules"].as_array().into_iter().flatten();
    let backends = rules.flat_map(|rule| rule["backendRefs"].as_array().into_iter().flatten());
    backends
        .map(|backend| {
            (backend["namespace"].as_str().unwrap_or(&namespace).to_owned(), text(&backend["name"]).to_owned())
        })
        .find(|(place, name)| store.get("", "services", place, name).is_none())
        .map(|(place, name)| format!("{name}.{place}.svc.cluster.local"))
}

fn of_gateway(store: &Store, gateway: &Object, routes: &BTreeMap<(String, String), usize>) -> Value {
    let (namespace, _) = key_of(gateway);
    let name = api::deployment_name(gateway);
    let host = format!("{name}.{namespace}.svc.cluster.local");
    let service = store.get("", "services", &namespace, &name);
    let address = service.as_ref().and_then(|one| one["status"]["loadBalancer"]["ingress"][0]["ip"].as_str());
    let one = |kind: &str, is: bool, reason: &str, message: &str| condition(kind, is, reason, message, gateway);
    let programmed = match address {
        Some(_) => {
            let ports = gateway["spec"]["listeners"].as_array().into_iter().flatten();
            let ports: Vec<String> = ports.map(|listener| format!("{host}:{}", listener["port"])).collect();
            let message = format!("Resource programmed, assigned to service(s) {}", ports.join(" and "));
            one("Programmed", true, "Programmed", &message)
        }
        None => {
            let message = format!(
                "Assigned to service(s) {host}, but failed to assign to all requested addresses: address pending for hostname \"{host}\""
            );
            one("Programmed", false, "AddressNotAssigned", &message)
        }
    };
    let listeners = gateway["spec"]["listeners"].as_array().into_iter().flatten();
    let listeners: Vec<Value> = listeners
        .map(|listener| {
            let key = (text(&gateway["metadata"]["uid"]).to_owned(), text(&listener["name"]).to_owned());
            json!({
                "name": listener["name"], "attachedRoutes": routes.get(&key).copied().unwrap_or(0),
                "supportedKinds": [{"group": GROUP, "kind": "HTTPRoute"}, {"group": GROUP, "kind": "GRPCRoute"}],
                "conditions": [
                    one("Accepted", true, "Accepted", "No errors found"),
                    one("Conflicted", false, "NoConflicts", "No errors found"),
                    one("Programmed", true, "Programmed", "No errors found"),
                    one("ResolvedRefs", true, "ResolvedRefs", "No errors found"),
                ],
            })
        })
        .collect();
    let mut status = json!({
        "conditions": [
            one("Accepted", true, "Accepted", "Resource accepted"), programmed,
            one("ResolvedRefs", true, "ResolvedRefs", "All references resolved"),
        ],
        "listeners": listeners,
    });
    if let Some(address) = address {
        status["addresses"] = json!([{"type": "IPAddress", "value": address}]);
    }
    status
}

fn condition(kind: &str, is: bool, reason: &str, message: &str, object: &Object) -> Value {
    json!({
        "type": kind, "status": if is { "True" } else { "False" }, "reason": reason, "message": message,
        "observedGeneration": object["metadata"]["generation"],
    })
}

/// Writes a status that differs from the present one; a condition that stays keeps the time of its last change.
fn write(store: &Store, object: &Object, plural: &str, mut status: Value, now: Timestamp) {
    stamp(&mut status, &object["status"], now);
    if object["status"] != status {
        let (namespace, name) = key_of(object);
        store.put_status(GROUP, plural, &namespace, &name, status, MANAGER);
    }
}

fn stamp(status: &mut Value, old: &Value, now: Timestamp) {
    match status {
        Value::Object(map) => {
            if map.contains_key("reason") && map.contains_key("type") {
                let same = old["status"] == map["status"] && old["type"] == map["type"];
                let since = old["lastTransitionTime"].as_str().filter(|_| same);
                map.insert("lastTransitionTime".into(), json!(since.map_or_else(|| second(now), str::to_owned)));
                return;
            }
            for (key, value) in map.iter_mut() {
                stamp(value, &old[key.as_str()], now);
            }
        }
        Value::Array(list) => list.iter_mut().enumerate().for_each(|(place, one)| stamp(one, &old[place], now)),
        _ => {}
    }
}
