//! What istiod itself writes into a cluster that it was installed into: its root certificate into the webhooks that call it
//! and into every namespace, and that objects of Istio are refused unchecked from now on.
//!
//! `pilot/pkg/bootstrap/webhook.go`, `pkg/webhooks/validation/controller` and `security/pkg/k8s/.../namespacecontroller.go`
//! of Istio 1.31.

use serde_json::{Value, json};

use super::plane::behind;
use crate::mesh::ca;
use crate::mesh::kubernetes::text;
use crate::store::Store;
use crate::world::Spec;
use crate::world::objects::{ROOT_NAMESPACE, root_certificate};

/// The field manager of istiod's writes.
const MANAGER: &str = "pilot-discovery";
/// A name that says the object's rules are there to refuse what is wrong.
const VALIDATES: &str = "validatingwebhookconfigurations";

/// Writes what is missing. Of a revision without a ready istiod nothing is written.
pub fn reconcile(store: &Store, spec: &Spec) {
    let root = ca::root(spec.seed, ca::Root::Present).pem;
    let bundle = json!(crate::api::base64(root.as_bytes()));
    let mut somebody = false;
    for plural in ["mutatingwebhookconfigurations", VALIDATES] {
        for configuration in store.list("admissionregistration.k8s.io", plural, None) {
            let mut changed = (*configuration).clone();
            for webhook in changed["webhooks"].as_array_mut().into_iter().flatten() {
                let service = webhook["clientConfig"]["service"].clone();
                let Some(revision) = revision(&service) else { continue };
                if behind(store, &revision).is_empty() {
                    continue;
                }
                somebody = true;
                webhook["clientConfig"]["caBundle"] = bundle.clone();
                // The validation controller closes what was rendered open.
                if plural == VALIDATES {
                    webhook["failurePolicy"] = json!("Fail");
                }
            }
            if changed != *configuration {
                store.put(changed, MANAGER);
            }
        }
    }
    if somebody {
        for namespace in store.list("", "namespaces", None) {
            let name = text(&namespace["metadata"]["name"]);
            if store.get("", "configmaps", name, "istio-ca-root-cert").is_none() {
                store.put(root_certificate(name, &root), MANAGER);
            }
        }
    }
}

/// The revision behind the Service of a webhook, if it is one of istiods.
fn revision(service: &Value) -> Option<String> {
    if service["namespace"] != ROOT_NAMESPACE {
        return None;
    }
    match service["name"].as_str()? {
        "istiod" => Some("default".into()),
        other => other.strip_prefix("istiod-").map(str::to_owned),
    }
}
