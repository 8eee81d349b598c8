//! IST0102, IST0103, IST0123: namespaces and pods that should have proxies.

use serde_json::Value;

use super::objects::{Objects, name, namespace, text};
use super::{BOTH_LABELS, Message, NO_PROXY, NOT_INJECTED};
use crate::proxy::pod::{PodFacts, strings};

/// Checks Namespaces and Pods.
pub fn check(objects: &Objects) -> Vec<Message> {
    let mut found = Vec::new();
    for one in objects.of_kind("Namespace").iter().filter(|one| !objects.is_system(name(one))) {
        let labels = strings(one.pointer("/metadata/labels"));
        let has = |label: &str| labels.contains_key(label);
        if has("istio-injection") && has("istio.io/rev") {
            let text = format!(
                "The namespace {} has both the labels istio-injection and istio.io/rev: istio-injection wins, and the revision is not used.",
                name(one)
            );
            found.push(Message::about(one, &BOTH_LABELS, text));
        } else if !has("istio-injection") && !has("istio.io/rev") && !has("istio.io/dataplane-mode") {
            let text = format!(
                "The namespace is not enabled for Istio injection. Run 'kubectl label namespace {0} istio-injection=enabled' to enable it, or 'kubectl label namespace {0} istio-injection=disabled' to explicitly mark it as not needing injection.",
                name(one)
            );
            found.push(Message::about(one, &NOT_INJECTED, text));
        }
    }
    for pod in objects.of_kind("Pod").iter().filter(|pod| !objects.is_system(namespace(pod))) {
        let facts = PodFacts::of(pod);
        let ends = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed") || facts.is_terminating;
        let ambient =
            facts.is_ambient || objects.namespace_labels(namespace(pod)).contains_key("istio.io/dataplane-mode");
        if !facts.has_proxy && !ends && !ambient && is_wanted(objects, pod) {
            let text = format!(
                "The pod {} is missing the Istio proxy. This can often be resolved by restarting or redeploying the workload.",
                name(pod)
            );
            found.push(Message::about(pod, &NO_PROXY, text));
        }
    }
    found
}

/// Whether the injector gives a pod a proxy, by its own word first.
fn is_wanted(objects: &Objects, pod: &Value) -> bool {
    if pod.pointer("/spec/hostNetwork") == Some(&Value::Bool(true)) {
        return false;
    }
    let own = ["/metadata/labels", "/metadata/annotations"]
        .into_iter()
        .find_map(|place| pod.pointer(place)?.get("sidecar.istio.io/inject")?.as_str());
    match own {
        Some(word) => word == "true",
        None => objects.is_injected(namespace(pod)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::codes;

    fn namespace_with(labels: &str) -> String {
        format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: a, labels: {{{labels}}}}}}}")
    }

    #[test]
    fn namespaces() {
        assert_eq!(codes(check, &namespace_with("")), ["IST0102 Namespace a"]);
        assert_eq!(codes(check, &namespace_with("istio-injection: enabled, istio.io/rev: x")), ["IST0123 Namespace a"]);
        for good in [
            "istio-injection: enabled",
            "istio-injection: disabled",
            "istio.io/rev: x",
            "istio.io/dataplane-mode: ambient",
        ] {
            assert!(codes(check, &namespace_with(good)).is_empty(), "{good}");
        }
        assert!(codes(check, &namespace_with("").replace("name: a", "name: kube-system")).is_empty());
    }

    #[test]
    fn pods() {
        let pod = |labels: &str, metadata: &str, spec: &str| {
            let namespace = namespace_with(labels);
            codes(
                check,
                &format!(
                    "{namespace}\n---\n{{apiVersion: v1, kind: Pod, metadata: {{name: p, namespace: a{metadata}}}, spec: {{{spec}}}, status: {{phase: Running}}}}"
                ),
            )
        };
        let missing = ["IST0103 Pod a/p"];
        assert_eq!(pod("istio-injection: enabled", "", ""), missing);
        assert_eq!(pod("istio.io/rev: x", "", ""), missing);
        assert_eq!(pod("istio-injection: disabled", ", labels: {sidecar.istio.io/inject: 'true'}", ""), missing);
        for (labels, metadata, spec) in [
            ("istio-injection: enabled", ", labels: {sidecar.istio.io/inject: 'false'}", ""),
            ("istio-injection: enabled", "", "hostNetwork: true"),
            ("istio-injection: enabled", "", "initContainers: [{name: istio-proxy}]"),
            ("istio-injection: disabled", "", ""),
            ("istio.io/dataplane-mode: ambient, istio-injection: enabled", "", ""),
        ] {
            assert!(pod(labels, metadata, spec).is_empty(), "{labels} {metadata} {spec}");
        }
    }
}
