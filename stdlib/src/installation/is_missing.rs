//! `Installation.is_missing()`: whether nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::installation::Installation;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Installation"),
    returns: "bool",
    summary: "Whether the installation could not be read.",
    search: &["no data"],
    examples: &[Example { world: "healthy", script: r#"installation().is_missing()"#, expect: Expect::Value("false") }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Installation>()?.missing().is_some()))
}
