//! `TrustRoot.is_missing()`: whether nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::trust_root::TrustRoot;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("TrustRoot"),
    returns: "bool",
    summary: "Whether it could not be read.",
    search: &["no data"],
    examples: &[Example { world: "healthy", script: r#"trust_root().is_missing()"#, expect: Expect::Value("false") }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<TrustRoot>()?.missing().is_some()))
}
