//! What a Pod object tells about its sidecar.

use std::collections::BTreeMap;

use meshbook_runtime::value::Quantity;
use serde_json::Value;

/// The facts of a pod that evidence needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodFacts {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The workload that it belongs to: its Deployment's name where a ReplicaSet owns it, else its owner's or its own.
    pub workload: String,
    /// Whether it has an Istio proxy: as a container, as a native sidecar, or as a gateway.
    pub has_proxy: bool,
    /// Whether its proxy is a gateway's: one with the role `router`, which serves no application beside it.
    pub is_gateway: bool,
    /// Whether it runs and is not being deleted.
    pub is_running: bool,
    /// Whether it is being deleted.
    pub is_terminating: bool,
    /// Whether its traffic goes through ztunnel instead of a sidecar, by its own label.
    pub is_ambient: bool,
    /// The cluster's name, as its proxy reports it in `source_cluster`.
    pub cluster: Option<String>,
    /// The cluster's DNS domain.
    pub domain: Option<String>,
    /// Its address, once it has one.
    pub ip: Option<String>,
    /// CPU limit of its own containers, in thousandths of a core; `None` if one of them has none.
    pub cpu_limit: Option<i128>,
    /// Memory limit of its proxy, in bytes; `None` if it has none.
    pub proxy_memory_limit: Option<i128>,
}

/// The container of Istio's proxy.
pub const PROXY: &str = "istio-proxy";

impl PodFacts {
    /// Reads a Pod.
    pub fn of(pod: &Value) -> Self {
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str);
        let labels = strings(pod.pointer("/metadata/labels"));
        let proxy = proxy(pod);
        let annotations = pod.pointer("/metadata/annotations");
        let injected = annotations.and_then(|a| a.get("sidecar.istio.io/status")).is_some();
        let env = |name: &str| {
            let env = proxy.and_then(|p| p.get("env")).and_then(Value::as_array)?;
            env.iter()
                .find(|e| e.get("name").and_then(Value::as_str) == Some(name))?
                .get("value")?
                .as_str()
                .map(str::to_owned)
        };
        let is_terminating = text("/metadata/deletionTimestamp").is_some();
        PodFacts {
            namespace: text("/metadata/namespace").unwrap_or_default().to_owned(),
            name: text("/metadata/name").unwrap_or_default().to_owned(),
            workload: workload(pod, &labels),
            has_proxy: proxy.is_some() || injected,
            is_gateway: proxy.is_some_and(is_router),
            is_running: !is_terminating && text("/status/phase") == Some("Running"),
            is_terminating,
            is_ambient: labels.get("istio.io/dataplane-mode").is_some_and(|mode| mode == "ambient")
                || annotations.and_then(|a| a.get("ambient.istio.io/redirection")).and_then(Value::as_str)
                    == Some("enabled"),
            cluster: env("ISTIO_META_CLUSTER_ID"),
            domain: proxy.and_then(domain),
            ip: text("/status/podIP").map(str::to_owned),
            cpu_limit: cpu_limit(pod),
            proxy_memory_limit: proxy.and_then(memory_limit),
            labels,
        }
    }

    /// Whether a label selector of equalities selects it. An empty selector selects nothing, as in a Service.
    pub fn is_selected(&self, selector: &BTreeMap<String, String>) -> bool {
        !selector.is_empty() && selects(selector, &self.labels)
    }
}

/// Whether labels fulfil every equality of a selector (`matchLabels`). An empty one selects everything; where it does not,
/// that is the caller's to say.
pub fn selects(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// An object of strings, such as labels.
pub fn strings(value: Option<&Value>) -> BTreeMap<String, String> {
    value
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect()
}

fn list<'a>(pod: &'a Value, pointer: &str) -> &'a [Value] {
    pod.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Since Istio 1.27 the sidecar is native where kubelets allow: an init container that restarts always.
fn proxy(pod: &Value) -> Option<&Value> {
    list(pod, "/spec/containers")
        .iter()
        .chain(list(pod, "/spec/initContainers"))
        .find(|c| c.get("name").and_then(Value::as_str) == Some(PROXY))
}

/// `proxy router …` among its arguments, as Istio's charts and its gateway controller start a gateway.
fn is_router(proxy: &Value) -> bool {
    let args = proxy.get("args").and_then(Value::as_array);
    args.is_some_and(|args| args.iter().any(|arg| arg == "router"))
}

/// `--domain $(POD_NAMESPACE).svc.cluster.local` among the proxy's arguments.
fn domain(proxy: &Value) -> Option<String> {
    let args = proxy.get("args")?.as_array()?;
    let place = args.iter().position(|arg| arg == "--domain")?;
    args.get(place + 1)?
        .as_str()?
        .split_once(".svc.")
        .map(|(_, domain)| domain.to_owned())
        .filter(|domain| !domain.is_empty())
}

fn workload(pod: &Value, labels: &BTreeMap<String, String>) -> String {
    let owner = list(pod, "/metadata/ownerReferences")
        .iter()
        .find(|o| o.get("controller").and_then(Value::as_bool) == Some(true));
    let name = owner.and_then(|o| o.get("name")).and_then(Value::as_str);
    let of_deployment = name
        .zip(labels.get("pod-template-hash"))
        .and_then(|(name, hash)| name.strip_suffix(hash.as_str())?.strip_suffix('-'));
    of_deployment
        .or(name)
        .or_else(|| pod.pointer("/metadata/name").and_then(Value::as_str))
        .unwrap_or_default()
        .to_owned()
}

fn memory_limit(container: &Value) -> Option<i128> {
    let limit = container.pointer("/resources/limits/memory")?.as_str()?.parse::<Quantity>().ok()?;
    Some(limit.milli() / 1000).filter(|bytes| *bytes > 0)
}

fn cpu_limit(pod: &Value) -> Option<i128> {
    let own = list(pod, "/spec/containers").iter().filter(|c| c.get("name").and_then(Value::as_str) != Some(PROXY));
    let limits = own.map(|c| {
        c.pointer("/resources/limits/cpu")
            .and_then(Value::as_str)
            .and_then(|text| text.parse::<Quantity>().ok())
            .map(|q| q.milli())
    });
    limits.sum::<Option<i128>>().filter(|milli| *milli > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_real_pod() {
        let pod: Value =
            serde_json::from_str(include_str!("../../testdata/istio-1.31/pod.front.json")).expect("a recorded Pod");
        let facts = PodFacts::of(&pod);
        assert_eq!((facts.workload.as_str(), facts.namespace.as_str()), ("front", "summit"));
        assert!(facts.has_proxy && facts.is_running && !facts.is_terminating && !facts.is_ambient);
        assert_eq!(facts.domain.as_deref(), Some("cluster.local"));
        assert_eq!(facts.cluster.as_deref(), Some("Kubernetes"));
        assert!(facts.is_selected(&BTreeMap::from([("app".into(), "front".into())])));
        assert!(!facts.is_selected(&BTreeMap::new()));
    }

    #[test]
    fn a_native_sidecar_is_an_init_container() {
        let pod = json!({ "metadata": { "name": "a" }, "spec": { "containers": [{ "name": "app", "resources": { "limits": { "cpu": "500m" } } }], "initContainers": [{ "name": "istio-proxy", "restartPolicy": "Always" }] } });
        let facts = PodFacts::of(&pod);
        assert!(facts.has_proxy);
        assert_eq!(facts.cpu_limit, Some(500));
        assert_eq!(facts.workload, "a");
    }

    #[test]
    fn a_gateway_is_a_proxy_without_an_application() {
        let pod = json!({ "metadata": { "name": "a" }, "spec": { "containers": [{ "name": "istio-proxy", "args": ["proxy", "router", "--domain", "$(POD_NAMESPACE).svc.cluster.local"] }] } });
        let facts = PodFacts::of(&pod);
        assert!(facts.has_proxy && facts.is_gateway);
        assert_eq!((facts.domain.as_deref(), facts.cpu_limit), (Some("cluster.local"), None));
    }

    #[test]
    fn what_is_ambient_or_on_its_way_out() {
        let pod = json!({ "metadata": { "name": "a", "labels": { "istio.io/dataplane-mode": "ambient" }, "deletionTimestamp": "2026-01-01T00:00:00Z" }, "status": { "phase": "Running" } });
        let facts = PodFacts::of(&pod);
        assert!(facts.is_ambient && facts.is_terminating && !facts.is_running && !facts.has_proxy);
        assert_eq!(facts.cpu_limit, None, "no containers, no limit");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]{}:,\"a-z0-9]{0,60}") {
            let spec: Value = serde_json::from_str(&text).unwrap_or(json!([text]));
            let _ = PodFacts::of(&json!({ "metadata": spec, "spec": { "containers": spec, "initContainers": [spec] } }));
        }
    }
}
