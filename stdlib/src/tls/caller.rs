//! `TlsPair.caller()`: who calls.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::tls::TlsPair;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "caller",
    receiver: Some("TlsPair"),
    returns: "string",
    summary: "The calling workload, `NAME.NAMESPACE`; its address where no pod has it.",
    search: &["client", "downstream"],
    examples: &[
        Example { world: "mtls-plaintext-caller", script: r#"host("graph-core").tls_by_caller().first().caller()"#, expect: Expect::Value("legacy.summit") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<TlsPair>()?.known().caller.name.clone()))
}
