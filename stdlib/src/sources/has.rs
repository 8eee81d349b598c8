//! `Sources.has(source[, workload])`: whether this source speaks.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, optional, param};
use crate::sources::{Source, Sources};

/// Its descriptor.
pub static PRIMITIVE: Primitive =
    Primitive {
        name: "has",
        receiver: Some("Sources"),
        params: &[
            param("source", Type::String, "prometheus, series, statistics, access_log or tracing")
                .naming(Names::OneOf(&["prometheus", "series", "statistics", "access_log", "tracing"])),
            optional(
                "workload",
                Type::String,
                "()",
                "the caller, in the run's namespace if there is one of that name; every one if it is left out",
            )
            .naming(descriptor::A_WORKLOAD),
        ],
        returns: "bool",
        summary: "Whether a source speaks: of every caller, or of one.",
        errors: &[&NO_DATA, &TYPE],
        search: &["exported", "verify"],
        examples: &[
            Example {
                world: "healthy",
                script: r#"host("graph-core").sources().has("series")"#,
                expect: Expect::Value("true"),
            },
            Example {
                world: "healthy",
                script: r#"host("graph-core").sources().has("tracing", "front")"#,
                expect: Expect::Value("false"),
            },
            Example {
                world: "healthy",
                script: r#"host("graph-core").sources().has("logs")"#,
                expect: Expect::Fails("meshbook::script::type"),
            },
        ],
        body,
        ..descriptor::PRIMITIVE
    };

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let sources = call.receiver::<Sources>()?;
    let workload = if call.given(1) { call.string(1)? } else { String::new() };
    let told = sources.seen()?.speaks(Source::parse(&call.string(0)?)?, &workload, call.run().namespace());
    saw(call, told.clone().err().unwrap_or_else(|| "it speaks".into()));
    Ok(Dynamic::from(told.is_ok()))
}
