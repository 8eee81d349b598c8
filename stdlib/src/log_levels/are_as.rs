//! `LogLevels.are_as(before)`: whether every logger is as it was.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::log_levels::LogLevels;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "are_as",
    receiver: Some("LogLevels"),
    params: &[param("before", Type::Noun("LogLevels"), "the levels as they were read before")],
    returns: "bool",
    summary: "Whether every logger of every proxy is at the level that it had.",
    doc: "A proxy whose pod is gone since does not count: its levels went with it.",
    errors: &[&NO_DATA],
    search: &["restored", "verify", "equal"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"let levels = proxies("front").log_levels(); levels.are_as(proxies("front").log_levels())"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"proxies("front").log_levels().are_as(proxies("reports").log_levels())"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (now, before) = (call.receiver::<LogLevels>()?, call.noun::<LogLevels>(0)?);
    let (are, seen) = now.are_as(&before)?;
    saw(call, seen);
    Ok(Dynamic::from(are))
}
