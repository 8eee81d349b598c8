//! `Installation.is_whole()`: whether nothing is wrong with it.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::installation::Installation;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_whole",
    receiver: Some("Installation"),
    returns: "bool",
    summary: "Whether every part is there, and works.",
    errors: &[&NO_DATA],
    search: &["complete", "verify"],
    examples: &[
        Example { world: "healthy", script: r#"installation().is_whole()"#, expect: Expect::Value("true") },
        Example {
            world: "control-plane-crash-loop",
            script: r#"installation().is_whole()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Installation>()?.wrong()?.is_empty()))
}
