//! `check(what, passed[, detail])`: a proof that holds now or not at all.

use meshbook_runtime::failure::{Failure, PROOF};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};

use crate::descriptor::{self, optional, param};
use crate::show;
use rhai::Dynamic;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "check",
    params: &[
        param("what", Type::String, "what is true if it passes, as a sentence"),
        param("passed", Type::Bool, "whether it does"),
        optional("detail", Type::Any, "()", "what was seen, for the message"),
    ],
    summary: "Fails the run unless something is true, and records that it was looked at.",
    doc: "A failed check takes back what was changed and not yet proved. A passed one proves the changes before it in its step.",
    errors: &[&PROOF],
    search: &["assert", "verify", "proof"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"check("graph-core refuses nothing", host("graph-core").refusals(over("30s")).is_none()); "passed""#,
            expect: Expect::Value("passed"),
        },
        Example {
            world: "breaker",
            script: r#"check("graph-core refuses nothing", host("graph-core").refusals(over("30s")).is_none(), "it does")"#,
            expect: Expect::Fails("meshbook::proof::failed"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let detail = call.given(2).then(|| show::text(&call.any(2)));
    call.run().checked(&call.string(0)?, call.bool(1)?, detail)?;
    Ok(Dynamic::UNIT)
}
