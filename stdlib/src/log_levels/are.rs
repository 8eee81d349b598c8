//! `LogLevels.are(level[, loggers])`: whether these loggers log at this level.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, optional, param};
use crate::log_levels::LogLevels;
use crate::log_levels::wanted::{self, Wanted};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "are",
    receiver: Some("LogLevels"),
    params: &[
        param("level", Type::String, "trace, debug, info, warning, error, critical or off")
            .naming(descriptor::LOG_LEVEL),
        optional("loggers", Type::String, "\"all\"", "names of Envoy's loggers, by commas; `all` is every one"),
    ],
    returns: "bool",
    summary: "Whether every proxy's loggers of these names are at this level.",
    doc: "A proxy that does not answer is not at that level; one whose pod is gone does not count.",
    errors: &[&NO_DATA, &TYPE],
    search: &["verify", "debug"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"proxies("front").log_levels().are("warning", "http,router")"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"proxies("front").log_levels().are("debug")"#,
            expect: Expect::Value("false"),
        },
        Example {
            world: "healthy",
            script: r#"proxies("front").log_levels().are("none")"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let levels = call.receiver::<LogLevels>()?;
    let wanted = Wanted::parse(&call.string(0)?, &wanted::loggers(call, 1)?)?;
    let (are, seen) = levels.are(&wanted)?;
    saw(call, seen);
    Ok(Dynamic::from(are))
}
