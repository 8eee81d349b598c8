//! `Host.namespace()`: the namespace of its Service.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::host::Host;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "namespace",
    receiver: Some("Host"),
    returns: "string",
    summary: "The namespace of its Service.",
    search: &["service"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").namespace()"#, expect: Expect::Value("summit") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Host>()?;
    Ok(noun.namespace().into())
}
