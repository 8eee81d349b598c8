//! `TlsPair.why()`: why it cannot be told.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::tls::TlsPair;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("TlsPair"),
    returns: "string",
    summary: "Why it cannot be told whether the two sides agree; empty if it can.",
    search: &["reason", "no data"],
    examples: &[
        Example { world: "mtls-disabled-by-rule", script: r#"host("graph-core").tls_by_caller().first().why()"#, expect: Expect::Value("") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<TlsPair>()?.missing().map(ToString::to_string).unwrap_or_default()))
}
