//! `Revision.remove()`: removes what it leaves in the cluster.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, NO_DATA, REJECTED};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive};
use rhai::Dynamic;

use crate::code::REVISION_IN_USE;
use crate::descriptor;
use crate::revision::{Revision, remove};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "remove",
    receiver: Some("Revision"),
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Deletes what an installation made for the revision; answers whether there was anything.",
    doc: "As `istioctl uninstall --revision` does, in this order: what calls its istiods; the autoscaler, the disruption budget, the Deployment and the Service; its roles and their bindings, ConfigMaps and account. Refused while `dependents()` has anybody, or while it is the default. Of a name that no istiod has any more, what a removal that was broken off has left; a tag of that name is another thing, and stays. What all revisions share stays: CRDs, the account of the readers of remote clusters, and the ConfigMap `istio`, from which the mesh's root namespace is read. Taken back, each object is made anew as it was, under another uid, and istiod starts again. The objects are designated by what was seen, so the run's namespace does not matter.",
    errors: &[&REVISION_IN_USE, &NO_DATA, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::REMOVE_REVISION,
    search: &["istioctl uninstall --revision", "retire", "delete"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"revision("default").remove()"#, expect: Expect::Fails("meshbook::revision::in_use") },
        Example { world: "upgrade-canary", script: r#"revision("1-31").remove()"#, expect: Expect::Changes(&["MutatingWebhookConfiguration istio-sidecar-injector-1-31: metadata.name", "ValidatingWebhookConfiguration istio-validator-1-31-istio-system: metadata.name", "Deployment istio-system/istiod-1-31: metadata.name", "Service istio-system/istiod-1-31: metadata.name", "ClusterRoleBinding istio-reader-clusterrole-1-31-istio-system: metadata.name", "ClusterRoleBinding istiod-clusterrole-1-31-istio-system: metadata.name", "ClusterRoleBinding istiod-gateway-controller-1-31-istio-system: metadata.name", "RoleBinding istio-system/istiod-1-31: metadata.name", "ClusterRole istio-reader-clusterrole-1-31-istio-system: metadata.name", "ClusterRole istiod-clusterrole-1-31-istio-system: metadata.name", "ClusterRole istiod-gateway-controller-1-31-istio-system: metadata.name", "Role istio-system/istiod-1-31: metadata.name", "ConfigMap istio-system/istio-sidecar-injector-1-31: metadata.name", "ConfigMap istio-system/values-1-31: metadata.name", "ConfigMap istio-system/istio-1-31: metadata.name", "ServiceAccount istio-system/istiod-1-31: metadata.name"]) },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(remove::remove(call.run(), &call.receiver::<Revision>()?)?))
}
