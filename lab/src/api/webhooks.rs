//! Admission webhooks: which of them a write calls, and what comes of it where nobody answers.
//!
//! What the webhook itself says is `admission`'s and `mesh::kubernetes::inject`'s affair; here is only the way to it.

use serde_json::Value;

use super::status::Failure;
use crate::crd::ResourceType;
use crate::mesh::kubernetes::network_policy::{self, Peer};
use crate::mesh::kubernetes::{is_ready, label_selector};
use crate::store::Store;

/// What the webhooks that concern a write come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// No configuration concerns it.
    None,
    /// All that concern it answered.
    Answered,
    /// One did not, and its `failurePolicy` is `Ignore`: the write goes on without it.
    Ignored,
}

/// Calls the webhooks that concern a write.
///
/// # Errors
/// What the API server answers where one of them cannot be reached and its `failurePolicy` is `Fail`.
pub(crate) fn call(store: &Store, kind: &ResourceType, creates: bool, object: &Value) -> Result<Called, Failure> {
    let mut called = Called::None;
    for plural in ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"] {
        for configuration in store.list("admissionregistration.k8s.io", plural, None) {
            for webhook in configuration["webhooks"].as_array().into_iter().flatten() {
                if !concerns(store, webhook, kind, creates, object) {
                    continue;
                }
                match reach(store, &webhook["clientConfig"]["service"]) {
                    Ok(()) if called != Called::Ignored => called = Called::Answered,
                    Ok(()) => {}
                    Err(_) if webhook["failurePolicy"] == "Ignore" => called = Called::Ignored,
                    Err(why) => {
                        let service = &webhook["clientConfig"]["service"];
                        let field = |name: &str| service[name].as_str().unwrap_or_default();
                        let what = format!(
                            "Post \"https://{}.{}.svc:{}{}?timeout={}s\": {why}",
                            field("name"),
                            field("namespace"),
                            service["port"].as_u64().unwrap_or(443),
                            field("path"),
                            webhook["timeoutSeconds"].as_u64().unwrap_or(10),
                        );
                        return Err(Failure::webhook_unreachable(webhook["name"].as_str().unwrap_or_default(), &what));
                    }
                }
            }
        }
    }
    Ok(called)
}

/// Whether a webhook is called for a write: by its rules, and by the labels of the namespace and of the object.
pub(crate) fn concerns(store: &Store, webhook: &Value, kind: &ResourceType, creates: bool, object: &Value) -> bool {
    let among =
        |list: &Value, value: &str| list.as_array().is_some_and(|all| all.iter().any(|one| one == "*" || one == value));
    let operation = if creates { "CREATE" } else { "UPDATE" };
    let ruled = webhook["rules"].as_array().into_iter().flatten().any(|rule| {
        among(&rule["apiGroups"], &kind.group)
            && among(&rule["resources"], &kind.plural)
            && among(&rule["operations"], operation)
    });
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let labels = store
        .get("", "namespaces", "", namespace)
        .map_or(Value::Null, |namespace| namespace["metadata"]["labels"].clone());
    let selects = |selector: &Value, labels: &Value| selector.is_null() || label_selector::fits(selector, labels);
    ruled
        && selects(&webhook["namespaceSelector"], &labels)
        && selects(&webhook["objectSelector"], &object["metadata"]["labels"])
}

/// Whether the API server reaches what stands behind a Service; the error is in the words of its client.
fn reach(store: &Store, service: &Value) -> Result<(), String> {
    let field = |name: &str| service[name].as_str().unwrap_or_default();
    let (namespace, name) = (field("namespace"), field("name"));
    let Some(found) = store.get("", "services", namespace, name) else {
        return Err(format!("service {name:?} not found"));
    };
    let port = service["port"].as_u64().unwrap_or(443);
    let target = found["spec"]["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|one| one["port"].as_u64() == Some(port))
        .map(|one| one["targetPort"].as_u64().unwrap_or(port));
    let Some(target) = target.and_then(|target| u16::try_from(target).ok()) else {
        return Err(format!("no service port {port} found for service {name:?}"));
    };
    let selector = found["spec"]["selector"].as_object().cloned().unwrap_or_default();
    let pods: Vec<_> = store
        .list("", "pods", Some(namespace))
        .into_iter()
        .filter(|pod| {
            !selector.is_empty()
                && selector.iter().all(|(key, value)| &pod["metadata"]["labels"][key] == value)
                && is_ready(pod)
                && pod["metadata"]["deletionTimestamp"].is_null()
        })
        .collect();
    if pods.is_empty() {
        return Err(format!("no endpoints available for service {name:?}"));
    }
    if pods.iter().any(|pod| network_policy::admits(store, pod, target, Peer::ApiServer)) {
        Ok(())
    } else {
        Err("context deadline exceeded".into())
    }
}
