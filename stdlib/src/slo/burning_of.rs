//! `SloReport.burning()`: the error budgets that burn faster than they may, as sentences; empty if none does.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::slo::SloReport;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "burning",
    receiver: Some("SloReport"),
    returns: "string",
    summary: "The error budgets that burn faster than they may, as sentences; empty if none does.",
    doc: "As far as can be told: a window that reaches back behind the first sample does not count.",
    search: &["burn rate"],
    examples: &[
        Example { world: "healthy", script: r#"slo("graph-core", 0.999, over("250ms"), 0.99, over("4m")).burning()"#, expect: Expect::Value("") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<SloReport>()?;
    Ok(noun.burning().join("; ").into())
}
