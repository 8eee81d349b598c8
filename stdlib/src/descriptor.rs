//! What descriptors have in common: their defaults, and the permissions of the reads behind evidence.

use meshbook_runtime::failure::{Failure, INTERNAL};
use meshbook_runtime::primitive::{Invocation, Names, Param, Permission, Primitive, Type};
use rhai::Dynamic;

use crate::kubernetes::kinds;

/// The base of every descriptor: each names what differs. The registry's tests demand the rest.
pub const PRIMITIVE: Primitive = Primitive {
    name: "",
    receiver: None,
    params: &[],
    returns: "()",
    class: None,
    inverse: None,
    summary: "",
    doc: "",
    errors: &[],
    permissions: &[],
    kinds: &[],
    asks: false,
    search: &[],
    examples: &[],
    body: no_body,
};

fn no_body(_: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Err(Failure::new(&INTERNAL, "a primitive has no body"))
}

/// A parameter that must be given.
pub const fn param(name: &'static str, ty: Type, doc: &'static str) -> Param {
    Param { name, ty, default: None, doc, names: None }
}

/// A parameter that can be left out.
pub const fn optional(name: &'static str, ty: Type, default: &'static str, doc: &'static str) -> Param {
    Param { name, ty, default: Some(default), doc, names: None }
}

/// What names a workload.
pub const A_WORKLOAD: Names = Names::Objects(&[kinds::deployment, kinds::stateful_set, kinds::daemon_set]);

/// What names a pod.
pub const A_POD: Names = Names::Objects(&[kinds::pod]);

/// What names a workload, or a pod.
pub const A_WORKLOAD_OR_POD: Names =
    Names::Objects(&[kinds::deployment, kinds::stateful_set, kinds::daemon_set, kinds::pod]);

/// What names an object whose kind stands before it.
pub const AN_OBJECT: Names = Names::ObjectsOf("kind");

/// Levels of Envoy's loggers.
pub const LOG_LEVEL: Names = Names::OneOf(&["trace", "debug", "info", "warning", "error", "critical", "off"]);

const fn may(group: &'static str, resource: &'static str, verb: &'static str) -> Permission {
    Permission { group, resource, verb }
}

/// The kinds of which an installation of Istio consists.
pub const KINDS_OF_ISTIO: &[(&str, &str)] = &[
    ("", "ConfigMap"),
    ("", "Namespace"),
    ("", "Service"),
    ("", "ServiceAccount"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apps", "Deployment"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("policy", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
];

/// The kinds that a backup may hold.
pub const KINDS_OF_A_BACKUP: &[(&str, &str)] = &[
    ("", "ConfigMap"),
    ("", "Namespace"),
    ("", "Secret"),
    ("extensions.istio.io", "TrafficExtension"),
    ("extensions.istio.io", "WasmPlugin"),
    ("gateway.networking.k8s.io", "BackendTLSPolicy"),
    ("gateway.networking.k8s.io", "GRPCRoute"),
    ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "GatewayClass"),
    ("gateway.networking.k8s.io", "HTTPRoute"),
    ("gateway.networking.k8s.io", "ListenerSet"),
    ("gateway.networking.k8s.io", "ReferenceGrant"),
    ("gateway.networking.k8s.io", "TCPRoute"),
    ("gateway.networking.k8s.io", "TLSRoute"),
    ("gateway.networking.k8s.io", "UDPRoute"),
    ("networking.istio.io", "DestinationRule"),
    ("networking.istio.io", "EnvoyFilter"),
    ("networking.istio.io", "Gateway"),
    ("networking.istio.io", "ProxyConfig"),
    ("networking.istio.io", "ServiceEntry"),
    ("networking.istio.io", "Sidecar"),
    ("networking.istio.io", "VirtualService"),
    ("networking.istio.io", "WorkloadEntry"),
    ("networking.istio.io", "WorkloadGroup"),
    ("security.istio.io", "AuthorizationPolicy"),
    ("security.istio.io", "PeerAuthentication"),
    ("security.istio.io", "RequestAuthentication"),
    ("telemetry.istio.io", "Telemetry"),
];

/// To find a host.
pub const HOST: &[Permission] = &[may("", "services", "get"), may("", "services", "list"), may("", "pods", "list")];

/// To read what proxies say: pods, their admin port, their logs; Prometheus as a Service.
pub const EVIDENCE: &[Permission] = &[
    may("", "pods", "list"),
    may("", "pods/portforward", "create"),
    may("", "pods/log", "get"),
    may("", "namespaces", "list"),
    may("", "services", "list"),
];

/// As [`EVIDENCE`], and the rules behind it.
pub const EVIDENCE_AND_RULES: &[Permission] = &[
    may("", "pods", "list"),
    may("", "pods/portforward", "create"),
    may("", "pods/log", "get"),
    may("", "namespaces", "list"),
    may("", "services", "list"),
    may("", "configmaps", "get"),
    may("networking.istio.io", "destinationrules", "list"),
];

/// As [`EVIDENCE_AND_RULES`], and what decides about mutual TLS.
pub const TLS: &[Permission] = &[
    may("", "pods", "list"),
    may("", "pods/portforward", "create"),
    may("", "pods/log", "get"),
    may("", "namespaces", "list"),
    may("", "services", "list"),
    may("", "configmaps", "get"),
    may("networking.istio.io", "destinationrules", "list"),
    may("security.istio.io", "peerauthentications", "list"),
];

/// As [`EVIDENCE`], and the endpoints.
pub const EVIDENCE_AND_ENDPOINTS: &[Permission] = &[
    may("", "pods", "list"),
    may("", "pods/portforward", "create"),
    may("", "pods/log", "get"),
    may("", "namespaces", "list"),
    may("", "services", "list"),
    may("discovery.k8s.io", "endpointslices", "list"),
];

/// To find which rules apply.
pub const RULES: &[Permission] =
    &[may("", "configmaps", "get"), may("networking.istio.io", "destinationrules", "list")];

/// To see whether a proxy carries a rule.
pub const CARRIES: &[Permission] =
    &[may("networking.istio.io", "destinationrules", "get"), may("", "pods/portforward", "create")];

/// To change a rule.
pub const CHANGE_RULE: &[Permission] =
    &[may("networking.istio.io", "destinationrules", "get"), may("networking.istio.io", "destinationrules", "patch")];

/// To ask Prometheus, where it is found as a Service.
pub const PROMETHEUS: &[Permission] =
    &[may("", "services", "list"), may("", "pods", "list"), may("", "pods/portforward", "create")];

/// To report on a service's objectives: the Service itself, and Prometheus.
pub const SLO: &[Permission] = &[
    may("", "services", "get"),
    may("", "services", "list"),
    may("", "pods", "list"),
    may("", "pods/portforward", "create"),
];

/// To read the configuration of the whole mesh.
pub const ANALYZE: &[Permission] = &[
    may("", "namespaces", "list"),
    may("", "services", "list"),
    may("", "pods", "list"),
    may("", "configmaps", "get"),
    may("networking.istio.io", "virtualservices", "list"),
    may("networking.istio.io", "destinationrules", "list"),
    may("networking.istio.io", "gateways", "list"),
    may("networking.istio.io", "serviceentries", "list"),
    may("networking.istio.io", "sidecars", "list"),
    may("security.istio.io", "peerauthentications", "list"),
    may("security.istio.io", "requestauthentications", "list"),
    may("security.istio.io", "authorizationpolicies", "list"),
    may("telemetry.istio.io", "telemetries", "list"),
];

/// To change a workload's pod template, with a look at the mesh configuration.
pub const ROLL_OUT: &[Permission] = &[
    may("", "configmaps", "get"),
    may("apps", "deployments", "get"),
    may("apps", "deployments", "patch"),
    may("apps", "statefulsets", "get"),
    may("apps", "statefulsets", "patch"),
    may("apps", "daemonsets", "get"),
    may("apps", "daemonsets", "patch"),
];

/// To create a Telemetry for a workload, and to delete it again.
pub const TELEMETRY: &[Permission] = &[
    may("apps", "deployments", "get"),
    may("apps", "statefulsets", "get"),
    may("apps", "daemonsets", "get"),
    may("telemetry.istio.io", "telemetries", "list"),
    may("telemetry.istio.io", "telemetries", "get"),
    may("telemetry.istio.io", "telemetries", "create"),
    may("telemetry.istio.io", "telemetries", "delete"),
];

/// To reach ports of pods.
pub const FORWARD: &[Permission] = &[may("", "pods/portforward", "create")];

/// To read objects of a kind that the argument names.
pub const GET_ANY: &[Permission] = &[may("*", "*", "get")];

/// To list objects of a kind that the argument names.
pub const LIST_ANY: &[Permission] = &[may("*", "*", "list")];

/// To change objects of a kind that the argument names.
pub const PATCH_ANY: &[Permission] = &[may("*", "*", "get"), may("*", "*", "patch")];

/// To scale a workload.
pub const SCALE: &[Permission] =
    &[may("*", "*", "get"), may("*", "*", "patch"), may("autoscaling", "horizontalpodautoscalers", "list")];

/// To find a workload or a pod.
pub const WORKLOADS: &[Permission] = &[
    may("apps", "deployments", "list"),
    may("apps", "statefulsets", "list"),
    may("apps", "daemonsets", "list"),
    may("", "pods", "list"),
];

/// To find a pod.
pub const PODS: &[Permission] = &[may("", "pods", "get"), may("", "pods", "list")];

/// To find which route applies.
pub const ROUTES: &[Permission] = &[
    may("", "pods", "list"),
    may("", "pods/portforward", "create"),
    may("", "namespaces", "list"),
    may("", "services", "list"),
    may("networking.istio.io", "virtualservices", "list"),
];

/// To change a route.
pub const CHANGE_ROUTE: &[Permission] =
    &[may("networking.istio.io", "virtualservices", "get"), may("networking.istio.io", "virtualservices", "patch")];

/// To scale a workload, or to raise its autoscaler's minimum.
pub const SCALE_WORKLOAD: &[Permission] = &[
    may("apps", "deployments", "get"),
    may("apps", "deployments", "patch"),
    may("apps", "statefulsets", "get"),
    may("apps", "statefulsets", "patch"),
    may("autoscaling", "horizontalpodautoscalers", "list"),
    may("autoscaling", "horizontalpodautoscalers", "get"),
    may("autoscaling", "horizontalpodautoscalers", "patch"),
];

/// To see how far a workload's rollout is.
pub const ROLLOUT: &[Permission] = &[
    may("apps", "deployments", "get"),
    may("apps", "statefulsets", "get"),
    may("apps", "daemonsets", "get"),
    may("autoscaling", "horizontalpodautoscalers", "list"),
];

/// To see what is installed of Istio.
pub const INSTALLATION: &[Permission] = &[
    may("", "configmaps", "get"),
    may("", "serviceaccounts", "get"),
    may("", "services", "get"),
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "list"),
    may("admissionregistration.k8s.io", "validatingwebhookconfigurations", "list"),
    may("apiextensions.k8s.io", "customresourcedefinitions", "list"),
    may("apps", "daemonsets", "list"),
    may("apps", "deployments", "list"),
    may("autoscaling", "horizontalpodautoscalers", "get"),
    may("rbac.authorization.k8s.io", "clusterrolebindings", "get"),
    may("rbac.authorization.k8s.io", "clusterroles", "get"),
    may("rbac.authorization.k8s.io", "rolebindings", "get"),
    may("rbac.authorization.k8s.io", "roles", "get"),
];

/// To see the memory of a workload's sidecars: Pods, their proxies, Prometheus, and which Sidecar resource applies.
pub const SIDECAR_MEMORY: &[Permission] = &[
    may("", "configmaps", "get"),
    may("", "pods", "list"),
    may("", "pods/portforward", "create"),
    may("", "services", "list"),
    may("apps", "daemonsets", "get"),
    may("apps", "deployments", "get"),
    may("apps", "statefulsets", "get"),
    may("networking.istio.io", "sidecars", "list"),
];

/// To find the services of a workload.
pub const SERVICES_OF_WORKLOAD: &[Permission] = &[
    may("", "pods", "list"),
    may("", "services", "get"),
    may("", "services", "list"),
    may("apps", "daemonsets", "get"),
    may("apps", "deployments", "get"),
    may("apps", "statefulsets", "get"),
];

/// To create a Sidecar resource, and to take that back.
pub const CREATE_SIDECAR: &[Permission] = &[
    may("networking.istio.io", "sidecars", "create"),
    may("networking.istio.io", "sidecars", "delete"),
    may("networking.istio.io", "sidecars", "get"),
];

/// To change the pod template of a workload.
pub const CHANGE_WORKLOAD: &[Permission] = &[
    may("apps", "daemonsets", "get"),
    may("apps", "daemonsets", "patch"),
    may("apps", "deployments", "get"),
    may("apps", "deployments", "patch"),
    may("apps", "statefulsets", "get"),
    may("apps", "statefulsets", "patch"),
];

/// To see the control plane: its objects, its own pages, the proxies that it does not know, Prometheus.
pub const CONTROL_PLANE: &[Permission] = &[
    may("", "configmaps", "get"),
    may("", "configmaps", "list"),
    may("", "namespaces", "list"),
    may("", "pods", "list"),
    may("", "pods/log", "get"),
    may("", "pods/portforward", "create"),
    may("", "services", "list"),
    may("discovery.k8s.io", "endpointslices", "list"),
    may("networking.k8s.io", "networkpolicies", "list"),
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "list"),
    may("admissionregistration.k8s.io", "validatingwebhookconfigurations", "list"),
];

/// For every diagnosis of a service and of the control plane.
pub const TRIAGE: &[Permission] = &[
    may("apps", "daemonsets", "get"),
    may("apps", "daemonsets", "list"),
    may("apps", "deployments", "get"),
    may("apps", "deployments", "list"),
    may("apps", "statefulsets", "get"),
    may("apps", "statefulsets", "list"),
    may("networking.istio.io", "sidecars", "list"),
    may("", "configmaps", "get"),
    may("", "configmaps", "list"),
    may("", "namespaces", "list"),
    may("", "pods", "list"),
    may("", "pods/log", "get"),
    may("", "pods/portforward", "create"),
    may("", "services", "get"),
    may("", "services", "list"),
    may("discovery.k8s.io", "endpointslices", "list"),
    may("networking.k8s.io", "networkpolicies", "list"),
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "list"),
    may("admissionregistration.k8s.io", "validatingwebhookconfigurations", "list"),
    may("networking.istio.io", "destinationrules", "list"),
    may("networking.istio.io", "virtualservices", "list"),
    may("security.istio.io", "peerauthentications", "list"),
];

/// To set the selector of istiod's Service.
pub const CHANGE_ISTIOD_SERVICE: &[Permission] = &[may("", "services", "get"), may("", "services", "patch")];

/// To open the NetworkPolicy of istiod.
pub const CHANGE_POLICY: &[Permission] =
    &[may("networking.k8s.io", "networkpolicies", "get"), may("networking.k8s.io", "networkpolicies", "patch")];

/// To let pods start without an injector.
pub const CHANGE_INJECTOR: &[Permission] = &[
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "get"),
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "patch"),
];

/// To try the creation of a pod.
pub const TRY_PODS: &[Permission] = &[may("", "pods", "create")];

/// To find what applies to a caller and a host.
pub const EFFECTIVE: &[Permission] = &[
    may("", "configmaps", "get"),
    may("", "pods", "list"),
    may("", "services", "get"),
    may("networking.istio.io", "destinationrules", "list"),
    may("networking.istio.io", "sidecars", "list"),
    may("networking.istio.io", "virtualservices", "list"),
    may("security.istio.io", "peerauthentications", "list"),
];

/// To compare the root certificates of the namespaces.
pub const CA_ROOT: &[Permission] = &[may("", "configmaps", "list")];

/// To apply objects of a kind that the argument names, and to take that back.
pub const APPLY_ANY: &[Permission] =
    &[may("*", "*", "get"), may("*", "*", "patch"), may("*", "*", "create"), may("*", "*", "delete")];

/// To ask what this user may do. Kubernetes lets every authenticated user (`system:basic-user`).
pub const ACCESS_REVIEW: &[Permission] = &[may("authorization.k8s.io", "selfsubjectaccessreviews", "create")];

/// To read events.
pub const EVENTS: &[Permission] = &[may("", "events", "list")];

/// To read the events of a workload and its pods.
pub const EVENTS_OF_WORKLOAD: &[Permission] = &[may("", "events", "list"), may("", "pods", "list")];

/// To read the log of a pod.
pub const LOGS_OF_POD: &[Permission] = &[may("", "pods", "get"), may("", "pods/log", "get")];

/// To read the logs of a workload's pods.
pub const LOGS_OF_WORKLOAD: &[Permission] = &[may("", "pods", "list"), may("", "pods/log", "get")];

/// To make requests from a pod like a workload's own, and to remove it.
pub const REQUEST: &[Permission] = &[
    may("apps", "deployments", "get"),
    may("apps", "statefulsets", "get"),
    may("apps", "daemonsets", "get"),
    may("", "services", "list"),
    may("networking.istio.io", "serviceentries", "list"),
    may("", "pods", "list"),
    may("", "pods", "get"),
    may("", "pods", "create"),
    may("", "pods", "delete"),
    may("", "pods/log", "get"),
];

/// To make requests in a workload's own pod. The API server asks for `get` of a WebSocket and for `create` of both forms.
pub const EXEC: &[Permission] = &[may("", "pods", "list"), may("", "pods/exec", "create"), may("", "pods/exec", "get")];

/// To see what a workload's pods use.
pub const USAGE: &[Permission] = &[may("", "pods", "list"), may("metrics.k8s.io", "pods", "list")];

/// To tell a cluster from others.
pub const CLUSTER_IDENTITY: &[Permission] = &[may("", "namespaces", "get")];

/// To read what people have written of the mesh. The secrets are read only for a recipient.
pub const BACKUP: &[Permission] = &[
    may("", "namespaces", "get"),
    may("", "namespaces", "list"),
    may("", "configmaps", "get"),
    may("", "configmaps", "list"),
    may("", "secrets", "get"),
    may("", "pods", "list"),
    may("networking.istio.io", "*", "list"),
    may("security.istio.io", "*", "list"),
    may("telemetry.istio.io", "*", "list"),
    may("extensions.istio.io", "*", "list"),
    may("gateway.networking.k8s.io", "*", "list"),
];

/// To see what an installation adds to: the kinds that are served, and who is asked about pods and objects.
pub const MANIFEST: &[Permission] = &[
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "list"),
    may("admissionregistration.k8s.io", "validatingwebhookconfigurations", "get"),
];

/// To see whether Istio can be installed.
pub const PRECHECK: &[Permission] = &[
    may("authorization.k8s.io", "selfsubjectaccessreviews", "create"),
    may("apiextensions.k8s.io", "customresourcedefinitions", "list"),
    may("", "namespaces", "list"),
    may("", "services", "list"),
    may("", "pods", "list"),
    may("apps", "deployments", "list"),
];

/// To restore it, and to take that back.
pub const RESTORE: &[Permission] =
    &[may("*", "*", "get"), may("*", "*", "patch"), may("*", "*", "create"), may("*", "*", "delete")];

/// To make objects about a host as a file says, and to take that back.
pub const CONFIGURE: &[Permission] = &[
    may("networking.istio.io", "destinationrules", "list"),
    may("*", "*", "get"),
    may("*", "*", "list"),
    may("*", "*", "patch"),
    may("*", "*", "create"),
    may("*", "*", "delete"),
];

/// To compare the objects about a host with a file.
pub const CONFIGURED: &[Permission] = &[may("*", "*", "get"), may("*", "*", "list")];

/// To see whether a gateway is there and serves.
pub const GATEWAY: &[Permission] = &[
    may("", "configmaps", "list"),
    may("", "pods", "list"),
    may("", "pods/portforward", "create"),
    may("", "services", "get"),
    may("", "services", "list"),
    may("apps", "deployments", "get"),
    may("apps", "deployments", "list"),
    may("autoscaling", "horizontalpodautoscalers", "list"),
    may("gateway.networking.k8s.io", "gateways", "get"),
    may("networking.istio.io", "gateways", "list"),
];

/// To create objects of a file that are not there, and to take that back.
pub const CREATE_ANY: &[Permission] = &[may("*", "*", "get"), may("*", "*", "create"), may("*", "*", "delete")];

/// To see what a service needs to take part in the mesh.
pub const ONBOARDING: &[Permission] = &[
    may("", "namespaces", "get"),
    may("", "pods", "list"),
    may("", "pods/portforward", "create"),
    may("", "services", "list"),
    may("", "configmaps", "get"),
    may("networking.istio.io", "destinationrules", "list"),
    may("networking.istio.io", "virtualservices", "list"),
];

/// To see whether a workload's proxies belong to a revision.
pub const SYNCED: &[Permission] = &[may("", "pods", "list"), may("", "pods/portforward", "create")];

/// To see how a workload does.
pub const HEALTH: &[Permission] = &[
    may("apps", "daemonsets", "get"),
    may("apps", "deployments", "get"),
    may("apps", "statefulsets", "get"),
    may("autoscaling", "horizontalpodautoscalers", "list"),
    may("", "namespaces", "list"),
    may("", "pods", "list"),
    may("", "pods/log", "get"),
    may("", "pods/portforward", "create"),
    may("", "services", "get"),
    may("", "services", "list"),
];

/// To see whether the run's namespace is there.
pub const GET_NAMESPACE: &[Permission] = &[may("", "namespaces", "get")];

/// To create the run's namespace, and to delete it again.
pub const CREATE_NAMESPACE: &[Permission] =
    &[may("", "namespaces", "create"), may("", "namespaces", "delete"), may("", "namespaces", "get")];

/// To set the label by which a namespace chooses its injector.
pub const CHANGE_NAMESPACE: &[Permission] = &[
    may("", "namespaces", "get"),
    may("", "namespaces", "patch"),
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "list"),
];

/// To replace the pods of a workload, and to set its namespace's label back.
pub const MOVE_WORKLOAD: &[Permission] = &[
    may("apps", "daemonsets", "get"),
    may("apps", "daemonsets", "patch"),
    may("apps", "deployments", "get"),
    may("apps", "deployments", "patch"),
    may("apps", "statefulsets", "get"),
    may("apps", "statefulsets", "patch"),
    may("", "namespaces", "get"),
    may("", "namespaces", "patch"),
    may("", "pods", "list"),
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "list"),
];

/// To see which revision is the default, with the trial of an object of Istio.
pub const IS_DEFAULT: &[Permission] = &[
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "list"),
    may("admissionregistration.k8s.io", "validatingwebhookconfigurations", "get"),
    may("networking.istio.io", "destinationrules", "create"),
];

/// To make a revision the default, and to take that back.
pub const CHANGE_DEFAULT: &[Permission] = &[
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "create"),
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "delete"),
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "get"),
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "list"),
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "patch"),
    may("admissionregistration.k8s.io", "validatingwebhookconfigurations", "get"),
    may("admissionregistration.k8s.io", "validatingwebhookconfigurations", "patch"),
];

/// To remove what a revision leaves in a cluster, and to make it anew.
pub const REMOVE_REVISION: &[Permission] = &[
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "create"),
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "delete"),
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "get"),
    may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "list"),
    may("admissionregistration.k8s.io", "validatingwebhookconfigurations", "create"),
    may("admissionregistration.k8s.io", "validatingwebhookconfigurations", "delete"),
    may("admissionregistration.k8s.io", "validatingwebhookconfigurations", "get"),
    may("admissionregistration.k8s.io", "validatingwebhookconfigurations", "list"),
    may("apps", "deployments", "create"),
    may("apps", "deployments", "delete"),
    may("apps", "deployments", "get"),
    may("autoscaling", "horizontalpodautoscalers", "create"),
    may("autoscaling", "horizontalpodautoscalers", "delete"),
    may("autoscaling", "horizontalpodautoscalers", "get"),
    may("policy", "poddisruptionbudgets", "create"),
    may("policy", "poddisruptionbudgets", "delete"),
    may("policy", "poddisruptionbudgets", "get"),
    may("rbac.authorization.k8s.io", "clusterrolebindings", "create"),
    may("rbac.authorization.k8s.io", "clusterrolebindings", "delete"),
    may("rbac.authorization.k8s.io", "clusterrolebindings", "get"),
    may("rbac.authorization.k8s.io", "clusterroles", "create"),
    may("rbac.authorization.k8s.io", "clusterroles", "delete"),
    may("rbac.authorization.k8s.io", "clusterroles", "get"),
    may("rbac.authorization.k8s.io", "rolebindings", "create"),
    may("rbac.authorization.k8s.io", "rolebindings", "delete"),
    may("rbac.authorization.k8s.io", "rolebindings", "get"),
    may("rbac.authorization.k8s.io", "roles", "create"),
    may("rbac.authorization.k8s.io", "roles", "delete"),
    may("rbac.authorization.k8s.io", "roles", "get"),
    may("", "configmaps", "create"),
    may("", "configmaps", "delete"),
    may("", "configmaps", "get"),
    may("", "serviceaccounts", "create"),
    may("", "serviceaccounts", "delete"),
    may("", "serviceaccounts", "get"),
    may("", "services", "create"),
    may("", "services", "delete"),
    may("", "services", "get"),
];

/// To see whether a revision is gone.
pub const IS_REMOVED: &[Permission] = &[
    may("apps", "deployments", "get"),
    may("autoscaling", "horizontalpodautoscalers", "get"),
    may("policy", "poddisruptionbudgets", "get"),
    may("rbac.authorization.k8s.io", "clusterrolebindings", "get"),
    may("rbac.authorization.k8s.io", "clusterroles", "get"),
    may("rbac.authorization.k8s.io", "rolebindings", "get"),
    may("rbac.authorization.k8s.io", "roles", "get"),
    may("", "configmaps", "get"),
    may("", "pods", "list"),
    may("", "serviceaccounts", "get"),
    may("", "services", "get"),
];

/// To see whether a gateway can serve a name.
pub const SERVING: &[Permission] = &[
    may("apps", "daemonsets", "get"),
    may("apps", "daemonsets", "list"),
    may("apps", "deployments", "get"),
    may("apps", "deployments", "list"),
    may("apps", "statefulsets", "get"),
    may("apps", "statefulsets", "list"),
    may("", "pods", "list"),
    may("", "pods/portforward", "create"),
    may("", "services", "get"),
    may("", "services", "list"),
    may("discovery.k8s.io", "endpointslices", "list"),
];

/// To read the root certificates of the mesh.
pub const TRUST_ROOT: &[Permission] = &[may("", "configmaps", "get")];

#[cfg(test)]
mod tests {
    use meshbook_lab::crd::Catalog;

    use super::*;
    use crate::backup::gather::GROUPS;

    #[test]
    fn every_kind_of_the_mesh_that_a_backup_may_hold_is_named() {
        for kind in Catalog::get().types().iter().filter(|kind| GROUPS.contains(&kind.group.as_str())) {
            let named = KINDS_OF_A_BACKUP.iter().any(|(group, name)| *group == kind.group && *name == kind.kind);
            assert!(named, "{} {} is in no approval and no permission of a restoration", kind.group, kind.kind);
        }
    }
}
