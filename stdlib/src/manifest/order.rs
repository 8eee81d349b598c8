//! The order in which the objects of an installation are applied, so that none refers to what is not there yet.
//!
//! As `istioctl` 1.31 orders them (`objectKindOrdering` in `operator/cmd/mesh/manifest-generate.go`), with two differences:
//! the webhooks come after what answers them, because one whose `failurePolicy` is `Fail` refuses every pod until then; and
//! objects of custom kinds come last, when their webhooks can check them.

/// Where a kind stands.
pub fn rank(group: &str, kind: &str) -> usize {
    const ORDER: [(&str, &str); 24] = [
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("", "Namespace"),
        ("scheduling.k8s.io", "PriorityClass"),
        ("", "ResourceQuota"),
        ("", "ServiceAccount"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("", "Secret"),
        ("", "ConfigMap"),
        ("", "PersistentVolumeClaim"),
        ("networking.k8s.io", "NetworkPolicy"),
        ("policy", "PodDisruptionBudget"),
        ("", "Service"),
        ("apps", "DaemonSet"),
        ("apps", "StatefulSet"),
        ("apps", "Deployment"),
        ("autoscaling", "HorizontalPodAutoscaler"),
        ("batch", "Job"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ];
    // What a later version brings, and objects of custom kinds.
    ORDER.iter().position(|one| *one == (group, kind)).unwrap_or(ORDER.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_need_comes_first_and_webhooks_after_what_answers_them() {
        let of = |group: &str, kind: &str| rank(group, kind);
        assert!(of("apiextensions.k8s.io", "CustomResourceDefinition") < of("", "Namespace"));
        assert!(of("", "Namespace") < of("", "ServiceAccount"));
        assert!(of("rbac.authorization.k8s.io", "ClusterRole") < of("rbac.authorization.k8s.io", "ClusterRoleBinding"));
        assert!(of("", "ConfigMap") < of("apps", "Deployment") && of("", "Service") < of("apps", "Deployment"));
        assert!(of("apps", "Deployment") < of("admissionregistration.k8s.io", "MutatingWebhookConfiguration"));
        assert!(
            of("admissionregistration.k8s.io", "ValidatingWebhookConfiguration")
                < of("networking.istio.io", "EnvoyFilter")
        );
    }
}
