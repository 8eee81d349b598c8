//! `SloReport.missed()`: the objectives that are missed, as sentences; empty if none is.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::slo::SloReport;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "missed",
    receiver: Some("SloReport"),
    returns: "string",
    summary: "The objectives that are missed, as sentences; empty if none is.",
    doc: "As far as can be told: ask `is_missing` too.",
    search: &["verdict"],
    examples: &[
        Example { world: "healthy", script: r#"slo("graph-core", 0.999, over("250ms"), 0.99, over("4m")).missed()"#, expect: Expect::Value("") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<SloReport>()?;
    Ok(noun.missed().join("; ").into())
}
