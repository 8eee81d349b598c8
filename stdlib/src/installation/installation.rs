//! `installation()`: what is installed of Istio.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::installation::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "installation",
    returns: "Installation",
    class: Some(Class::Read),
    summary: "Whether every object of Istio is there, and works: CRDs, accounts, permissions, istiods, Services, webhooks and ConfigMaps of every revision, and gateways.",
    doc: "What `istioctl verify-install` did until Istio 1.24, which removed it. CRDs have to be established, workloads rolled out as `kubectl rollout status` sees it, webhooks have to carry the root certificate that istiod writes into them, roles to be bound. An autoscaler is missed where the values of the installation ask for one (ConfigMap `values`). Whether they admit a pod, only a trial tells: `Revision.injection`.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::INSTALLATION,
    search: &["verify-install", "istioctl verify-install", "CRD", "rolled out"],
    examples: &[
        Example { world: "healthy", script: r#"installation()"#, expect: Expect::Contains("Istio is whole: 15 CRDs") },
        Example {
            world: "control-plane-crash-loop",
            script: r#"installation()"#,
            expect: Expect::Contains("Deployment istio-system/istiod is not rolled out"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(gather::gather(call.run())?))
}
