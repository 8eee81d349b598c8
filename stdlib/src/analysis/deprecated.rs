//! IST0002, IST0135: fields and annotations that Istio has deprecated.

use serde_json::Value;

use super::objects::{Objects, list, namespace};
use super::{DEPRECATED, DEPRECATED_ANNOTATION, Message};

/// Fields of a rule of a VirtualService's `http`, with what stands in their place.
const HTTP: [(&str, &str, &str); 4] = [
    ("/mirrorPercent", "VirtualService.http.mirrorPercent", "VirtualService.http.mirrorPercentage"),
    ("/fault/delay/percent", "VirtualService.http.fault.delay.percent", "VirtualService.http.fault.delay.percentage"),
    (
        "/corsPolicy/allowOrigin",
        "VirtualService.http.corsPolicy.allowOrigin",
        "VirtualService.http.corsPolicy.allowOrigins",
    ),
    ("/websocketUpgrade", "VirtualService.http.websocketUpgrade", "nothing: upgrades are always allowed"),
];
/// Annotations of pods that labels or the mesh configuration replace.
const ANNOTATIONS: [&str; 2] = ["sidecar.istio.io/inject", "sidecar.istio.io/bootstrapOverride"];

/// Checks VirtualServices, DestinationRules and Pods.
pub fn check(objects: &Objects) -> Vec<Message> {
    let mut found = Vec::new();
    for service in objects.of_kind("VirtualService") {
        for rule in list(service, "/spec/http") {
            for (place, field, instead) in HTTP {
                if rule.pointer(place).is_some() {
                    found.push(Message::about(
                        service,
                        &DEPRECATED,
                        format!("Deprecated: {field} is deprecated; use {instead}"),
                    ));
                }
            }
        }
    }
    for rule in objects.of_kind("DestinationRule") {
        let subsets = list(rule, "/spec/subsets").iter().filter_map(|subset| subset.get("trafficPolicy"));
        for policy in rule.pointer("/spec/trafficPolicy").into_iter().chain(subsets) {
            let ports = list(policy, "/portLevelSettings").iter();
            if [policy].into_iter().chain(ports).any(|one| one.pointer("/outlierDetection/consecutiveErrors").is_some())
            {
                let text = "Deprecated: DestinationRule.trafficPolicy.outlierDetection.consecutiveErrors is deprecated; use consecutiveGatewayErrors or consecutive5xxErrors";
                found.push(Message::about(rule, &DEPRECATED, text.into()));
            }
        }
    }
    for pod in objects.of_kind("Pod").iter().filter(|pod| !objects.is_system(namespace(pod))) {
        let annotations = pod.pointer("/metadata/annotations").and_then(Value::as_object);
        for annotation in ANNOTATIONS.into_iter().filter(|one| annotations.is_some_and(|all| all.contains_key(*one))) {
            let text =
                format!("Annotation \"{annotation}\" has been deprecated and may not work in future Istio versions.");
            found.push(Message::about(pod, &DEPRECATED_ANNOTATION, text));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::codes;

    #[test]
    fn fields() {
        let route = |rule: &str| {
            codes(
                check,
                &format!(
                    "{{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {{name: r, namespace: a}}, spec: {{http: [{{{rule}}}]}}}}"
                ),
            )
        };
        for old in [
            "mirrorPercent: 5",
            "fault: {delay: {percent: 5}}",
            "corsPolicy: {allowOrigin: [x]}",
            "websocketUpgrade: true",
        ] {
            assert_eq!(route(old), ["IST0002 VirtualService a/r"], "{old}");
        }
        assert!(route("mirrorPercentage: {value: 5}, fault: {delay: {percentage: {value: 5}}}").is_empty());
        let rule = |field: &str| {
            codes(
                check,
                &format!(
                    "{{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {{name: r, namespace: a}}, spec: {{trafficPolicy: {{outlierDetection: {{{field}: 5}}}}}}}}"
                ),
            )
        };
        assert_eq!(rule("consecutiveErrors"), ["IST0002 DestinationRule a/r"]);
        assert!(rule("consecutive5xxErrors").is_empty());
    }

    #[test]
    fn annotations() {
        let pod = |annotation: &str| {
            codes(
                check,
                &format!(
                    "{{apiVersion: v1, kind: Pod, metadata: {{name: p, namespace: a, annotations: {{{annotation}: 'true'}}}}}}"
                ),
            )
        };
        assert_eq!(pod("sidecar.istio.io/inject"), ["IST0135 Pod a/p"]);
        assert!(pod("sidecar.istio.io/status").is_empty());
    }
}
