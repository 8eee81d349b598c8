//! `TlsPair.is_curable()`: whether removing the mode from its rule cures it.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::tls::TlsPair;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_curable",
    receiver: Some("TlsPair"),
    returns: "bool",
    summary: "Whether the rule that sets the mode can give it up: it sets DISABLE or SIMPLE, and for this host alone.",
    search: &["fixable"],
    examples: &[
        Example { world: "mtls-disabled-by-rule", script: r#"host("graph-core").tls_by_caller().first().is_curable()"#, expect: Expect::Value("true") },
        Example { world: "mtls-two-roots", script: r#"host("graph-core").tls_by_caller().first().is_curable()"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<TlsPair>()?.is_curable()))
}
