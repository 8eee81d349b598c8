//! `Proxies.identities()`: the certificates by which the proxies prove themselves.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::identity::gather;
use crate::proxies::Proxies;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "identities",
    receiver: Some("Proxies"),
    returns: "Identities",
    class: Some(Class::Read),
    summary: "The certificates by which these proxies prove themselves, judged together: until when, and by whose word.",
    doc: "From Envoy's secrets `default` and `ROOTCA` (`envoy.admin.v3.SecretsConfigDump`; X.509, RFC 5280). Istio's certificates are valid for 24 hours and renewed by the agent at about half of that, without a restart: one with less than 10 hours left was not renewed. `certificates()` shows every field.",
    permissions: descriptor::FORWARD,
    search: &["istioctl proxy-config secret", "expiry", "rotation", "serial", "chain", "rootca-compare"],
    examples: &[Example { world: "healthy", script: r#"proxies("front").identities()"#, expect: Expect::Contains("3 certificates of Deployment summit/front, the first to end: 2") }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(gather(call.run(), &call.receiver::<Proxies>()?)?))
}
