//! Istio's admission webhooks: which Service they call, what stands behind it, and what its absence does.

use serde_json::Value;

use super::selector::{self, Labels};
use super::service::Service;

/// One webhook of a configuration.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// `MutatingWebhookConfiguration` or `ValidatingWebhookConfiguration`.
    pub kind: &'static str,
    /// The configuration's name.
    pub configuration: String,
    /// Its own name.
    pub name: String,
    /// Namespace and name of the Service that it calls.
    pub service: (String, String),
    /// Whether what it concerns is refused while it does not answer (`failurePolicy: Fail`).
    pub fails: bool,
    /// Ready endpoints of its Service; `None` if the Service does not exist.
    pub endpoints: Option<usize>,
    /// Whether NetworkPolicies keep the API server from what is behind it.
    pub shut_off: bool,
    /// The certificate authority that the API server trusts for it, base64 of PEM.
    pub bundle: String,
    /// The namespaces whose pods it injects. Empty for a validating one.
    pub namespaces: Vec<String>,
}

impl Webhook {
    /// Whether it injects sidecars, and not validates.
    pub fn injects(&self) -> bool {
        self.kind == "MutatingWebhookConfiguration"
    }

    /// Whether nothing answers it.
    pub fn is_dead(&self) -> bool {
        self.shut_off || self.endpoints.unwrap_or(0) == 0
    }

    /// Whether it refuses what it concerns: nothing answers it, and its policy is `Fail`.
    pub fn refuses(&self) -> bool {
        self.is_dead() && self.fails
    }

    /// Whether it keeps new pods from starting somewhere.
    pub fn blocks_pods(&self) -> bool {
        self.injects() && self.refuses() && !self.namespaces.is_empty()
    }
}

/// A namespace with its labels, and the labels of its pods' templates as its pods show them.
pub struct Place {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Labels of its pods.
    pub pods: Vec<Labels>,
}

/// Istio's webhooks among configurations: those that call a Service of istiod.
pub fn find(
    kind: &'static str,
    configurations: &[Value],
    services: &[Service],
    root: &str,
    places: &[Place],
) -> Vec<Webhook> {
    let mut found = Vec::new();
    for configuration in configurations {
        let name = configuration.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        for webhook in configuration.get("webhooks").and_then(Value::as_array).into_iter().flatten() {
            let text = |pointer: &str| webhook.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let service =
                (text("/clientConfig/service/namespace").to_owned(), text("/clientConfig/service/name").to_owned());
            let istio = service.1 == "istiod" || service.1.starts_with("istiod-");
            if !istio || !text("/name").ends_with(".istio.io") {
                continue;
            }
            let behind = services.iter().find(|one| service.0 == root && one.name == service.1);
            let concerned = places.iter().filter(|place| concerns(webhook, place)).map(|place| place.name.clone());
            found.push(Webhook {
                kind,
                configuration: name.to_owned(),
                name: text("/name").to_owned(),
                // The API's default is Fail.
                fails: text("/failurePolicy") != "Ignore",
                endpoints: behind.map(|service| service.ready),
                shut_off: false,
                bundle: text("/clientConfig/caBundle").to_owned(),
                namespaces: if kind == "MutatingWebhookConfiguration" { concerned.collect() } else { Vec::new() },
                service,
            });
        }
    }
    found
}

/// Whether a webhook concerns the pods of a namespace: those that it has, or an ordinary new one.
fn concerns(webhook: &Value, place: &Place) -> bool {
    let fits =
        |pointer: &str, labels: &Labels| webhook.pointer(pointer).is_none_or(|chosen| selector::fits(chosen, labels));
    fits("/namespaceSelector", &place.labels)
        && (fits("/objectSelector", &Labels::new()) || place.pods.iter().any(|labels| fits("/objectSelector", labels)))
}

/// A pod of nothing but labels, to be tried and never made.
pub fn probe(namespace: &str, labels: &Labels) -> Value {
    serde_json::json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "generateName": "meshbook-admission-", "namespace": namespace, "labels": labels },
        "spec": {
            "restartPolicy": "Never", "automountServiceAccountToken": false,
            "securityContext": { "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [{
                "name": "probe", "image": "registry.k8s.io/pause:3.10",
                "resources": { "requests": { "cpu": "1m", "memory": "8Mi" }, "limits": { "cpu": "10m", "memory": "16Mi" } },
                "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
            }],
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(name: &str, label: (&str, &str), pod: Option<(&str, &str)>) -> Place {
        let one = |(key, value): (&str, &str)| Labels::from([(key.to_owned(), value.to_owned())]);
        Place { name: name.into(), labels: one(label), pods: pod.map(one).into_iter().collect() }
    }

    fn configuration(namespace: Value, object: Value) -> Value {
        json!({ "metadata": { "name": "istio-sidecar-injector" }, "webhooks": [{ "name": "namespace.sidecar-injector.istio.io",
            "clientConfig": { "service": { "namespace": "istio-system", "name": "istiod" } }, "namespaceSelector": namespace, "objectSelector": object }] })
    }

    #[test]
    fn namespaces_and_pods_are_told_by_both_selectors() {
        let by_namespace = configuration(json!({ "matchLabels": { "istio-injection": "enabled" } }), json!({}));
        let by_pod = configuration(json!({}), json!({ "matchLabels": { "istio.io/rev": "1-30" } }));
        let places = [
            place("summit", ("istio-injection", "enabled"), None),
            place("legacy", ("a", "b"), Some(("istio.io/rev", "1-30"))),
        ];
        let names = |configuration: Value| {
            find("MutatingWebhookConfiguration", &[configuration], &[], "istio-system", &places)[0].namespaces.clone()
        };
        assert_eq!(names(by_namespace), ["summit"]);
        assert_eq!(names(by_pod), ["legacy"]);
    }

    #[test]
    fn without_a_service_or_a_policy_it_refuses() {
        let found = find(
            "MutatingWebhookConfiguration",
            &[configuration(json!({}), json!({}))],
            &[],
            "istio-system",
            &[place("summit", ("a", "b"), None)],
        );
        assert_eq!(found[0].endpoints, None);
        assert!(found[0].refuses() && found[0].blocks_pods());
        let other = json!({ "metadata": { "name": "x" }, "webhooks": [{ "name": "pods.example.org", "clientConfig": { "service": { "name": "istiod" } } }] });
        assert!(find("MutatingWebhookConfiguration", &[other], &[], "istio-system", &[]).is_empty(), "not Istio's");
    }
}
