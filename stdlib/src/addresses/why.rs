//! `Addresses.why()`: why nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::addresses::Addresses;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Addresses"),
    returns: "string",
    summary: "Why they could not be read or looked up; empty if they were.",
    search: &["no data", "reason"],
    examples: &[Example {
        world: "healthy",
        script: r#"lookup("shop.example.com").why()"#,
        expect: Expect::Contains("leads to no address"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Addresses>()?.missing().map_or_else(String::new, ToString::to_string)))
}
