//! `Differences.why()`: why nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::differences::Differences;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Differences"),
    returns: "string",
    summary: "Why the configurations could not be read; empty if it could.",
    search: &["no data", "reason"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"proxies("front").diff().why()"#,
            expect: Expect::Value(""),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Differences>()?.missing().map(ToString::to_string).unwrap_or_default()))
}
