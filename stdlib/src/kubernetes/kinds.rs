//! The kinds of objects that the library itself reads.

use meshbook_runtime::effect::ResourceKind;
use meshbook_runtime::transport::KnownKind;

/// The API group of roles and their bindings.
const RBAC: &str = "rbac.authorization.k8s.io";

/// Kinds of Istio that scripts can name without the API server being asked what it serves, as Istio 1.22 and newer
/// serve them. Only names that no other API group is known to use: `virtualservice` is also Gloo's, `vs` a
/// VolumeSnapshot, `authorizationpolicy` Linkerd's; those are looked up.
pub fn known() -> Vec<KnownKind> {
    let security = |kind: &str, plural: &str| {
        KnownKind::new(ResourceKind::namespaced("security.istio.io", "v1", kind, plural), &[])
    };
    vec![
        KnownKind::new(destination_rule(), &["dr"]),
        KnownKind::new(ResourceKind::namespaced("networking.istio.io", "v1", "ServiceEntry", "serviceentries"), &[]),
        security("PeerAuthentication", "peerauthentications"),
        security("RequestAuthentication", "requestauthentications"),
    ]
}

/// A Pod.
pub fn pod() -> ResourceKind {
    ResourceKind::namespaced("", "v1", "Pod", "pods")
}

/// An Event, as the core group serves it.
pub fn event() -> ResourceKind {
    ResourceKind::namespaced("", "v1", "Event", "events")
}

/// A Service.
pub fn service() -> ResourceKind {
    ResourceKind::namespaced("", "v1", "Service", "services")
}

/// A Namespace.
pub fn namespace() -> ResourceKind {
    ResourceKind::cluster("", "v1", "Namespace", "namespaces")
}

/// A ConfigMap.
pub fn config_map() -> ResourceKind {
    ResourceKind::namespaced("", "v1", "ConfigMap", "configmaps")
}

/// A Secret.
pub fn secret() -> ResourceKind {
    ResourceKind::namespaced("", "v1", "Secret", "secrets")
}

/// A ServiceAccount.
pub fn service_account() -> ResourceKind {
    ResourceKind::namespaced("", "v1", "ServiceAccount", "serviceaccounts")
}

/// A Role of a namespace.
pub fn role() -> ResourceKind {
    ResourceKind::namespaced(RBAC, "v1", "Role", "roles")
}

/// A RoleBinding of a namespace.
pub fn role_binding() -> ResourceKind {
    ResourceKind::namespaced(RBAC, "v1", "RoleBinding", "rolebindings")
}

/// A ClusterRole.
pub fn cluster_role() -> ResourceKind {
    ResourceKind::cluster(RBAC, "v1", "ClusterRole", "clusterroles")
}

/// A ClusterRoleBinding.
pub fn cluster_role_binding() -> ResourceKind {
    ResourceKind::cluster(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings")
}

/// An EndpointSlice.
pub fn endpoint_slice() -> ResourceKind {
    ResourceKind::namespaced("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
}

/// A Deployment.
pub fn deployment() -> ResourceKind {
    ResourceKind::namespaced("apps", "v1", "Deployment", "deployments")
}

/// A StatefulSet.
pub fn stateful_set() -> ResourceKind {
    ResourceKind::namespaced("apps", "v1", "StatefulSet", "statefulsets")
}

/// A DaemonSet.
pub fn daemon_set() -> ResourceKind {
    ResourceKind::namespaced("apps", "v1", "DaemonSet", "daemonsets")
}

/// A HorizontalPodAutoscaler.
pub fn autoscaler() -> ResourceKind {
    ResourceKind::namespaced("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
}

/// A PeerAuthentication, as Istio 1.22 and newer serve it.
pub fn peer_authentication() -> ResourceKind {
    ResourceKind::namespaced("security.istio.io", "v1", "PeerAuthentication", "peerauthentications")
}

/// A DestinationRule, as Istio 1.22 and newer serve it.
pub fn destination_rule() -> ResourceKind {
    ResourceKind::namespaced("networking.istio.io", "v1", "DestinationRule", "destinationrules")
}

/// A VirtualService, as Istio 1.22 and newer serve it.
pub fn virtual_service() -> ResourceKind {
    ResourceKind::namespaced("networking.istio.io", "v1", "VirtualService", "virtualservices")
}

/// A Telemetry, as Istio 1.22 and newer serve it.
pub fn telemetry() -> ResourceKind {
    ResourceKind::namespaced("telemetry.istio.io", "v1", "Telemetry", "telemetries")
}

/// A Sidecar, as Istio 1.22 and newer serve it.
pub fn sidecar() -> ResourceKind {
    ResourceKind::namespaced("networking.istio.io", "v1", "Sidecar", "sidecars")
}

/// A Gateway of Istio, as Istio 1.22 and newer serve it.
pub fn istio_gateway() -> ResourceKind {
    ResourceKind::namespaced("networking.istio.io", "v1", "Gateway", "gateways")
}

/// A Gateway of the Gateway API.
pub fn api_gateway() -> ResourceKind {
    ResourceKind::namespaced("gateway.networking.k8s.io", "v1", "Gateway", "gateways")
}

/// A NetworkPolicy.
pub fn network_policy() -> ResourceKind {
    ResourceKind::namespaced("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
}

/// A MutatingWebhookConfiguration.
pub fn mutating_webhooks() -> ResourceKind {
    ResourceKind::cluster(
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
    )
}

/// A ValidatingWebhookConfiguration.
pub fn validating_webhooks() -> ResourceKind {
    ResourceKind::cluster(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
    )
}
