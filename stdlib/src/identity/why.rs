//! `Identities.why()`: why nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::identity::Identities;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Identities"),
    returns: "string",
    summary: "Why nothing is known; empty if it is.",
    search: &["reason"],
    examples: &[Example { world: "healthy", script: r#"proxies("front").identities().why()"#, expect: Expect::Value("") }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let why = call.receiver::<Identities>()?.missing().map(ToString::to_string).unwrap_or_default();
    Ok(Dynamic::from(why))
}
