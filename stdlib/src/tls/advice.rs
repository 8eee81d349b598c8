//! `TlsPair.advice()`: what to do.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::tls::TlsPair;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "advice",
    receiver: Some("TlsPair"),
    returns: "string",
    summary: "What to do about it, with the objects named and what shows the cause.",
    search: &["help", "next"],
    examples: &[
        Example { world: "mtls-plaintext-caller", script: r#"host("graph-core").tls_by_caller().first().advice()"#, expect: Expect::Contains("give legacy.summit a sidecar") },
        Example { world: "mtls-two-roots", script: r#"host("graph-core").tls_by_caller().first().advice()"#, expect: Expect::Contains("istio-ca-root-cert") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<TlsPair>()?.advice()))
}
