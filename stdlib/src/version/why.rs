//! `Versions.why()`: why nothing is known.

use meshbook_runtime::failure::{Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::version::Versions;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Versions"),
    returns: "string",
    summary: "Why the versions could not be read; empty if they could.",
    search: &["no data", "reason"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"versions().why()"#,
            expect: Expect::Value(""),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let why = call.receiver::<Versions>()?.missing().map(ToString::to_string).unwrap_or_default();
    Ok(Dynamic::from(why))
}
