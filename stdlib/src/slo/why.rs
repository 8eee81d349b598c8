//! `SloReport.why()`: why something cannot be told; empty if all can.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::slo::SloReport;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("SloReport"),
    returns: "string",
    summary: "Why something cannot be told; empty if all can.",
    search: &["reason"],
    examples: &[
        Example { world: "healthy", script: r#"slo("graph-core", 0.999, over("250ms"), 0.99, over("4m")).why()"#, expect: Expect::Value("") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<SloReport>()?;
    Ok(noun.missing().unwrap_or_default().into())
}
