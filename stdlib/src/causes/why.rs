//! `Causes.why()`: why nothing can be told.

use meshbook_runtime::failure::{Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::causes::Causes;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Causes"),
    returns: "string",
    summary: "Why it cannot be told what is wrong; empty if it can.",
    search: &["no data", "reason"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"control_plane().causes().why()"#,
            expect: Expect::Value(""),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let why = call.receiver::<Causes>()?.missing().map(ToString::to_string).unwrap_or_default();
    Ok(Dynamic::from(why))
}
