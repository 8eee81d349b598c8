//! The objects that an installation makes for each revision, beside its webhooks (charts `base` and `istio-discovery` of
//! Istio 1.24 to 1.31).

use meshbook_runtime::effect::{ObjectRef, ResourceKind};

use super::service_of;
use crate::kubernetes::kinds;

/// What the names of a revision's objects end in.
pub fn suffix(revision: &str) -> String {
    service_of(revision).trim_start_matches("istiod").to_owned()
}

/// A role and its binding.
#[derive(Clone, Debug)]
pub struct Permission {
    /// The Role or ClusterRole.
    pub role: ObjectRef,
    /// The RoleBinding or ClusterRoleBinding.
    pub binding: ObjectRef,
    /// Whether every installation has it. istiod's right to deploy gateways can be left out
    /// (`PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER=false`).
    pub is_required: bool,
    /// Whether it is given to the readers of remote clusters, and not to istiod.
    pub is_of_readers: bool,
}

/// What its istiods and the readers of remote clusters may do.
pub fn permissions(revision: &str, root: &str) -> Vec<Permission> {
    let suffix = suffix(revision);
    let of_cluster = |name: &str, is_required: bool| {
        let name = format!("{name}{suffix}-{root}");
        let (role, binding) = (kinds::cluster_role(), kinds::cluster_role_binding());
        let (role, binding) = (ObjectRef::new(role, "", &name), ObjectRef::new(binding, "", &name));
        Permission { role, binding, is_required, is_of_readers: false }
    };
    let own = service_of(revision);
    vec![
        Permission { is_of_readers: true, ..of_cluster("istio-reader-clusterrole", true) },
        of_cluster("istiod-clusterrole", true),
        of_cluster("istiod-gateway-controller", false),
        Permission {
            role: ObjectRef::new(kinds::role(), root, &own),
            binding: ObjectRef::new(kinds::role_binding(), root, &own),
            is_required: true,
            is_of_readers: false,
        },
    ]
}

/// The account of its istiods.
pub fn account(revision: &str, root: &str) -> ObjectRef {
    ObjectRef::new(kinds::service_account(), root, &service_of(revision))
}

/// The account by which the istiods of other clusters read this one. All revisions share it.
pub fn reader(root: &str) -> ObjectRef {
    ObjectRef::new(kinds::service_account(), root, "istio-reader-service-account")
}

/// The mesh configuration, in `data.mesh`.
pub fn mesh(revision: &str, root: &str) -> ObjectRef {
    configuration("istio", revision, root)
}

/// The templates by which it injects, in `data.config`.
pub fn injector(revision: &str, root: &str) -> ObjectRef {
    configuration("istio-sidecar-injector", revision, root)
}

/// The values that it was rendered with, in `data.merged-values`; Istio 1.24 and newer.
pub fn values(revision: &str, root: &str) -> ObjectRef {
    configuration("values", revision, root)
}

fn configuration(name: &str, revision: &str, root: &str) -> ObjectRef {
    ObjectRef::new(kinds::config_map(), root, &format!("{name}{}", suffix(revision)))
}

/// What runs its istiods, and what leads to them.
pub fn workload(revision: &str, root: &str) -> Vec<ObjectRef> {
    let budget = ResourceKind::namespaced("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets");
    let kinds = [kinds::autoscaler(), budget, kinds::deployment(), kinds::service()];
    kinds.into_iter().map(|kind| ObjectRef::new(kind, root, &service_of(revision))).collect()
}

/// Everything that goes with a revision, in the order in which it can go: its istiods before the rights that they use. The
/// ConfigMap `istio` of an installation without revision stays: the root namespace of the mesh is read from it.
pub fn removable(revision: &str, root: &str) -> Vec<ObjectRef> {
    let mut all = workload(revision, root);
    let permissions = permissions(revision, root);
    all.extend(permissions.iter().map(|one| one.binding.clone()));
    all.extend(permissions.into_iter().map(|one| one.role));
    all.extend([injector(revision, root), values(revision, root)]);
    let mesh = mesh(revision, root);
    if mesh.name != "istio" {
        all.push(mesh);
    }
    all.push(account(revision, root));
    all
}
