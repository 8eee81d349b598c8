//! `Host.fqdn()`: its full name, as the label `destination_service` of Istio's metrics has it.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::host::Host;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "fqdn",
    receiver: Some("Host"),
    returns: "string",
    summary: "Its full name, as the label `destination_service` of Istio's metrics has it.",
    search: &["domain", "destination_service"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").fqdn()"#, expect: Expect::Value("graph-core.summit.svc.cluster.local") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Host>()?;
    Ok(noun.fqdn().into())
}
