//! `Host.name()`: the name of its Service.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::host::Host;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "name",
    receiver: Some("Host"),
    returns: "string",
    summary: "The name of its Service.",
    search: &["service"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").name()"#, expect: Expect::Value("graph-core") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Host>()?;
    Ok(noun.name().into())
}
