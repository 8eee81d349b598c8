//! `TlsPair.is_missing()`: whether it cannot be told.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::tls::TlsPair;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("TlsPair"),
    returns: "bool",
    summary: "Whether it cannot be told if the two sides agree; `why()` says why.",
    search: &["no data"],
    examples: &[
        Example { world: "mtls-disabled-by-rule", script: r#"host("graph-core").tls_by_caller().any(|pair| pair.is_missing())"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<TlsPair>()?.missing().is_some()))
}
