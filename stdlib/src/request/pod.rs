//! The throw-away pod from which a workload's requests are made.

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::labels::{Labels, unselected};
use super::{curl, wait};
use crate::code::REQUEST;
use crate::proxy::pod::strings;

/// The image, where neither the script nor the configuration names one: curl's own, by version.
pub const IMAGE: &str = "docker.io/curlimages/curl:8.12.1";

/// The container that makes the requests.
pub const CONTAINER: &str = "curl";

/// Nobody: not root, and not the 1337 of Istio's proxy, whose traffic is not redirected into the sidecar.
const USER: u32 = 65532;

/// The annotation in which a workload configures its sidecars.
const CONFIG: &str = "proxy.istio.io/config";

/// What of a pod template decides where its pods run and how they find names.
const PLACE: [&str; 7] =
    ["imagePullSecrets", "nodeSelector", "tolerations", "dnsPolicy", "dnsConfig", "hostAliases", "runtimeClassName"];

/// A pod that is to be made.
#[derive(Debug)]
pub struct Guest {
    /// As it is sent.
    pub content: Value,
    /// The keys of the workload's labels that it does not have.
    pub without: Vec<String>,
}

impl Guest {
    /// The pod for a workload. `selectors` are those of everything that would send it traffic.
    ///
    /// # Errors
    /// `REQUEST` if the workload's pods share the network of their node: no sidecar takes their traffic.
    pub fn of(
        workload: &ObjectRef,
        object: &Value,
        selectors: &[Labels],
        asked: &Asked,
        image: &str,
    ) -> Result<Self, Failure> {
        let template = object.pointer("/spec/template").cloned().unwrap_or_default();
        let own = &template["spec"];
        if own["hostNetwork"] == true {
            return Err(Failure::new(&REQUEST, format!("{workload} uses the network of its nodes"))
                .unchanged("no request was made")
                .hint("such pods have no sidecar and no address of their own: make the request on the node"));
        }
        let mut selectors = selectors.to_vec();
        if matches!(workload.kind.kind.as_str(), "DaemonSet" | "StatefulSet") {
            // Their controllers adopt pods that they select; a Deployment's ReplicaSets ask for a hash as well.
            selectors.push(strings(object.pointer("/spec/selector/matchLabels")));
        }
        let (mut labels, without) = unselected(&strings(template.pointer("/metadata/labels")), &selectors);
        labels.insert("app.kubernetes.io/managed-by".into(), "meshbook".into());
        let mut content = json!({
            "metadata": { "labels": labels, "annotations": annotations(&template["metadata"]["annotations"]) },
            "spec": {
                "restartPolicy": "Never",
                // It ends and goes even if nobody is left to delete it.
                "activeDeadlineSeconds": (wait::START + asked.longest() + wait::MARGIN).as_secs(),
                "terminationGracePeriodSeconds": 1,
                "serviceAccountName": own["serviceAccountName"].as_str().unwrap_or("default"),
                "automountServiceAccountToken": false,
                "enableServiceLinks": false,
                "containers": [container(asked, image)],
            },
        });
        for key in PLACE {
            if !own[key].is_null() {
                content["spec"][key] = own[key].clone();
            }
        }
        Ok(Guest { content, without })
    }
}

/// What Istio's injector and sidecar read, and that the requests wait until the sidecar is ready.
fn annotations(own: &Value) -> Value {
    let is_istio = |key: &str| key.split('/').next().is_some_and(|domain| domain.ends_with("istio.io"));
    let own = own.as_object().into_iter().flatten();
    let mut kept: Map<String, Value> = own
        .filter(|(key, _)| is_istio(key) && *key != "sidecar.istio.io/status")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    // It is YAML; JSON is too.
    let config = kept.get(CONFIG).and_then(Value::as_str).map(serde_saphyr::from_str::<Value>);
    let mut config = match config {
        Some(Ok(config)) if config.is_object() => config,
        // What the injector cannot read either, it shall see as it is.
        Some(_) => return Value::Object(kept),
        None => json!({}),
    };
    config["holdApplicationUntilProxyStarts"] = true.into();
    kept.insert(CONFIG.into(), config.to_string().into());
    Value::Object(kept)
}

fn container(asked: &Asked, image: &str) -> Value {
    let arguments: Vec<String> = curl::arguments(asked).iter().map(|argument| as_it_is(argument)).collect();
    json!({
        "name": CONTAINER, "image": image, "command": ["curl"], "args": arguments,
        "resources": { "requests": { "cpu": "10m", "memory": "32Mi" }, "limits": { "cpu": "100m", "memory": "64Mi" } },
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
            "runAsNonRoot": true, "runAsUser": USER, "runAsGroup": USER, "seccompProfile": { "type": "RuntimeDefault" },
        },
    })
}

/// An argument from which a kubelet makes itself again: it replaces `$(NAME)`, and reads `$$` as `$`
/// (`k8s.io/kubernetes/third_party/forked/golang/expansion`).
fn as_it_is(argument: &str) -> String {
    argument.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::kubernetes::kinds;

    fn asked() -> Asked {
        Asked {
            url: "http://a:80/$(HOME)".into(),
            method: "GET".into(),
            headers: Vec::new(),
            count: 2,
            timeout: Duration::from_secs(5),
            image: None,
            header: None,
        }
    }

    fn guest(template: Value, kind: meshbook_runtime::effect::ResourceKind, selectors: &[Labels]) -> Guest {
        let object = json!({ "spec": { "selector": { "matchLabels": { "app": "front" } }, "template": template } });
        let workload = ObjectRef::new(kind, "summit", "front");
        Guest::of(&workload, &object, selectors, &asked(), IMAGE).expect("a pod")
    }

    #[test]
    fn it_is_the_workloads_to_the_mesh_and_nobodys_to_services() {
        let template = json!({
            "metadata": {
                "labels": { "app": "front", "version": "v1", "istio.io/rev": "1-31", "sidecar.istio.io/inject": "true" },
                "annotations": {
                    "proxy.istio.io/config": "concurrency: 1\n", "traffic.sidecar.istio.io/excludeOutboundPorts": "3306",
                    "prometheus.io/scrape": "true", "sidecar.istio.io/status": "{}",
                },
            },
            "spec": {
                "serviceAccountName": "front", "nodeSelector": { "disk": "ssd" }, "hostPID": true,
                "volumes": [{ "name": "secret" }], "containers": [{ "name": "app", "env": [{ "name": "A" }] }],
            },
        });
        let by_app: Labels = [("app".to_owned(), "front".to_owned())].into();
        let Guest { content, without } = guest(template.clone(), kinds::deployment(), &[by_app]);
        assert_eq!(without, ["app"]);
        assert_eq!(
            content["metadata"]["labels"],
            json!({
                "app.kubernetes.io/managed-by": "meshbook", "istio.io/rev": "1-31", "sidecar.istio.io/inject": "true",
                "version": "v1",
            })
        );
        let annotations = content["metadata"]["annotations"].as_object().expect("annotations");
        let keys: Vec<_> = annotations.keys().map(String::as_str).collect();
        assert_eq!(keys, ["proxy.istio.io/config", "traffic.sidecar.istio.io/excludeOutboundPorts"]);
        let config: Value =
            serde_json::from_str(annotations["proxy.istio.io/config"].as_str().expect("text")).expect("JSON");
        assert_eq!(config, json!({ "concurrency": 1, "holdApplicationUntilProxyStarts": true }));
        let spec = &content["spec"];
        assert_eq!((&spec["serviceAccountName"], &spec["nodeSelector"]["disk"]), (&json!("front"), &json!("ssd")));
        assert_eq!((&spec["restartPolicy"], &spec["activeDeadlineSeconds"]), (&json!("Never"), &json!(130)));
        assert!(spec["hostPID"].is_null() && spec["volumes"].is_null(), "no access to its node, and no secrets");
        assert_eq!(spec["containers"].as_array().map(Vec::len), Some(1));
        // What a DaemonSet selects, it would adopt.
        assert_eq!(guest(template.clone(), kinds::daemon_set(), &[]).without, ["app"]);
        assert!(guest(template, kinds::deployment(), &[]).without.is_empty());
    }

    #[test]
    fn what_uses_the_network_of_its_node_is_refused() {
        let object = json!({ "spec": { "template": { "spec": { "hostNetwork": true } } } });
        let workload = ObjectRef::new(kinds::daemon_set(), "summit", "agent");
        assert!(Guest::of(&workload, &object, &[], &asked(), IMAGE).expect_err("no pod").is(&REQUEST));
    }

    /// What a kubelet makes of an argument, as its `Expand` does.
    fn expanded(argument: &str) -> String {
        let mut chars = argument.chars().peekable();
        let mut out = String::new();
        while let Some(c) = chars.next() {
            match (c, chars.peek()) {
                ('$', Some('$')) => {
                    chars.next();
                    out.push('$');
                }
                ('$', Some('(')) => out.push_str("EXPANDED"),
                _ => out.push(c),
            }
        }
        out
    }

    proptest! {
        #[test]
        fn a_kubelet_hands_every_argument_on_as_it_was(argument in "[$()A-Z'\"; `]{0,30}") {
            prop_assert_eq!(expanded(&as_it_is(&argument)), argument);
        }
    }
}
