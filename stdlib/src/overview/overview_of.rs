//! `Proxies.overview()`: what they say of themselves, and the istiods of them.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::overview::gather;
use crate::proxies::Proxies;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "overview",
    receiver: Some("Proxies"),
    returns: "Overview",
    class: Some(Class::Read),
    summary: "State, versions, configuration, endpoints, certificate, memory and sync state of each of these proxies, with what is wrong.",
    doc: "Sync state is asked of every istiod of every revision. A proxy that does not answer is a finding, not a failure.",
    permissions: descriptor::CONTROL_PLANE,
    search: &["istioctl proxy-config", "istioctl proxy-status", "server_info", "certs", "memory"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"proxies("front").overview()"#,
            expect: Expect::Value("3 proxies of Deployment summit/front are well"),
        },
        Example {
            world: "mtls-expired-certificate",
            script: r#"proxies("graph-core").overview().cause()"#,
            expect: Expect::Value("expired certificate"),
        },
        Example {
            world: "healthy",
            script: r#"proxies("legacy").overview().is_missing()"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(gather::gather(call.run(), &call.receiver::<Proxies>()?)?))
}
