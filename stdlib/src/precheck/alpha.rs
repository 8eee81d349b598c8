//! IST0136: annotations whose feature Istio calls alpha.
//!
//! Source: `annotation/annotations.gen.go` of the Go module `istio.io/api` v1.31.0-rc.0.0.20260824154656-b943409680a7, where
//! `FeatureStatus` is `Alpha`, without those that Istio itself writes (`AlwaysIgnoredAnnotations` in
//! `pkg/config/analysis/analyzers/maturity` of Istio 1.31).

use serde_json::Value;

/// The annotations.
const ALPHA: [&str; 60] = [
    "alpha.istio.io/canonical-serviceaccounts",
    "alpha.istio.io/kubernetes-serviceaccounts",
    "ambient.istio.io/bypass-inbound-capture",
    "ambient.istio.io/dns-capture",
    "ambient.istio.io/waypoint-inbound-binding",
    "galley.istio.io/analyze-suppress",
    "gateway.istio.io/name-override",
    "gateway.istio.io/service-account",
    "inject.istio.io/templates",
    "istio.io/autoRegistrationGroup",
    "istio.io/connectedAt",
    "istio.io/disconnectedAt",
    "istio.io/dry-run",
    "istio.io/reroute-virtual-interfaces",
    "istio.io/use-waypoint-canary-weight",
    "istio.io/workloadController",
    "networking.istio.io/exportTo",
    "networking.istio.io/service-type",
    "networking.istio.io/traffic-distribution",
    "prometheus.istio.io/merge-metrics",
    "proxy.istio.io/overrides",
    "readiness.status.sidecar.istio.io/applicationPorts",
    "readiness.status.sidecar.istio.io/failureThreshold",
    "readiness.status.sidecar.istio.io/initialDelaySeconds",
    "readiness.status.sidecar.istio.io/periodSeconds",
    "sidecar.istio.io/agentLogLevel",
    "sidecar.istio.io/bootstrapOverride",
    "sidecar.istio.io/componentLogLevel",
    "sidecar.istio.io/discoveryAddress",
    "sidecar.istio.io/extraStatTags",
    "sidecar.istio.io/interceptionMode",
    "sidecar.istio.io/logLevel",
    "sidecar.istio.io/nativeSidecar",
    "sidecar.istio.io/proxyCPU",
    "sidecar.istio.io/proxyCPULimit",
    "sidecar.istio.io/proxyImage",
    "sidecar.istio.io/proxyImageType",
    "sidecar.istio.io/proxyMemory",
    "sidecar.istio.io/proxyMemoryLimit",
    "sidecar.istio.io/rewriteAppHTTPProbers",
    "sidecar.istio.io/statsCompression",
    "sidecar.istio.io/statsEvictionInterval",
    "sidecar.istio.io/statsFlushInterval",
    "sidecar.istio.io/statsHistogramBins",
    "sidecar.istio.io/statsHistogramBuckets",
    "sidecar.istio.io/statsInclusionPrefixes",
    "sidecar.istio.io/statsInclusionRegexps",
    "sidecar.istio.io/statsInclusionSuffixes",
    "sidecar.istio.io/userVolume",
    "sidecar.istio.io/userVolumeMount",
    "status.sidecar.istio.io/port",
    "topology.istio.io/controlPlaneClusters",
    "traffic.sidecar.istio.io/excludeInboundPorts",
    "traffic.sidecar.istio.io/excludeInterfaces",
    "traffic.sidecar.istio.io/excludeOutboundIPRanges",
    "traffic.sidecar.istio.io/excludeOutboundPorts",
    "traffic.sidecar.istio.io/includeInboundPorts",
    "traffic.sidecar.istio.io/includeOutboundIPRanges",
    "traffic.sidecar.istio.io/includeOutboundPorts",
    "traffic.sidecar.istio.io/kubevirtInterfaces",
];

/// What the injector writes into a pod where a CNI plugin captures traffic.
const OF_CNI: [&str; 4] = [
    "sidecar.istio.io/interceptionMode",
    "traffic.sidecar.istio.io/includeInboundPorts",
    "traffic.sidecar.istio.io/excludeInboundPorts",
    "traffic.sidecar.istio.io/includeOutboundIPRanges",
];

/// The alpha annotations of a Namespace, Service, Pod or Deployment.
pub fn of(kind: &str, object: &Value) -> Vec<&'static str> {
    let Some(annotations) = object.pointer("/metadata/annotations").and_then(Value::as_object) else {
        return Vec::new();
    };
    let inits = object.pointer("/spec/initContainers").and_then(Value::as_array).into_iter().flatten();
    let by_cni = kind == "Pod" && !inits.into_iter().any(|container| container["name"] == "istio-init");
    let found = ALPHA.into_iter().filter(|name| annotations.contains_key(*name));
    found.filter(|name| !(by_cni && OF_CNI.contains(name))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_istio_itself_writes_does_not_count() {
        let pod = |annotations: Value, inits: Value| json!({ "metadata": { "annotations": annotations }, "spec": { "initContainers": inits } });
        let init = json!([{ "name": "istio-init" }]);
        assert_eq!(
            of("Pod", &pod(json!({ "sidecar.istio.io/status": "x", "istio.io/rev": "a" }), init.clone())),
            [""; 0]
        );
        assert_eq!(
            of("Pod", &pod(json!({ "sidecar.istio.io/proxyCPU": "1" }), init.clone())),
            ["sidecar.istio.io/proxyCPU"]
        );
        let captured = json!({ "traffic.sidecar.istio.io/excludeInboundPorts": "15020" });
        assert_eq!(of("Pod", &pod(captured.clone(), init)), ["traffic.sidecar.istio.io/excludeInboundPorts"]);
        assert_eq!(of("Pod", &pod(captured, Value::Null)), [""; 0], "written for the CNI plugin");
        assert_eq!(of("Service", &json!({ "metadata": {} })), [""; 0]);
    }
}
