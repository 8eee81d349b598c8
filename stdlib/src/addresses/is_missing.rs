//! `Addresses.is_missing()`: whether nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::addresses::Addresses;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Addresses"),
    returns: "bool",
    summary: "Whether they could not be read or looked up.",
    search: &["no data"],
    examples: &[Example {
        world: "failover-primary",
        script: r#"lookup("shop.example.com").is_missing()"#,
        expect: Expect::Value("false"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Addresses>()?.missing().is_some()))
}
