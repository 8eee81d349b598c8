//! `SloReport.is_missing()`: whether something cannot be told: no answer, no requests, or less history than the window.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::slo::SloReport;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("SloReport"),
    returns: "bool",
    summary: "Whether something cannot be told: no answer, no requests, or less history than the window.",
    search: &["no data"],
    examples: &[
        Example { world: "healthy", script: r#"slo("graph-core", 0.999, over("250ms"), 0.99, over("4m")).is_missing()"#, expect: Expect::Value("false") },
        Example { world: "healthy", script: r#"slo("graph-core", 0.999, over("250ms"), 0.99, over("30d")).why()"#, expect: Expect::Contains("Prometheus has no samples from 30d ago") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<SloReport>()?;
    Ok(noun.missing().is_some().into())
}
