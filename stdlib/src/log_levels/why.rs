//! `LogLevels.why()`: why nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::log_levels::LogLevels;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("LogLevels"),
    returns: "string",
    summary: "Why the levels could not be read; empty if it could.",
    search: &["no data", "reason"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"proxies("front").log_levels().why()"#,
            expect: Expect::Value(""),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<LogLevels>()?.missing().map(ToString::to_string).unwrap_or_default()))
}
