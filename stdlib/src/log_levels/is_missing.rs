//! `LogLevels.is_missing()`: whether nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::log_levels::LogLevels;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("LogLevels"),
    returns: "bool",
    summary: "Whether the levels could not be read.",
    search: &["no data"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"proxies("front").log_levels().is_missing()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<LogLevels>()?.missing().is_some()))
}
