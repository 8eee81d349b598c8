//! `Effective.knows_host()`: whether the caller is told of the host.`

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::effective::Effective;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "knows_host",
    receiver: Some("Effective"),
    returns: "bool",
    summary: "Whether the caller's proxy is told of the host: by the Sidecar that applies, and by the Service's own `networking.istio.io/exportTo`.",
    doc: "A host that is not known is reached through `PassthroughCluster` or refused by `BlackHoleCluster`, as `outboundTrafficPolicy` says, without any rule or route.",
    search: &["Sidecar", "egress", "visibility", "PassthroughCluster"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").effective("front").knows_host()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let effective = call.receiver::<Effective>()?;
    Ok(Dynamic::from(effective.seen().known.is_ok()))
}
