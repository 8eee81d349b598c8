//! `cannot_tell`: one of the four ends of a run.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::run::Ending;

use crate::descriptor::{self, optional, param};
use crate::show;
use rhai::Dynamic;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "cannot_tell",
    params: &[
        param("why", Type::Any, "which evidence is missing"),
        optional("runbook", Type::Any, "()", "the runbook to read next; `()` if there is none"),
    ],
    summary: "Ends the run: the evidence is missing.",
    doc: "Exit code 8. Changes that were not proved are taken back first.",
    errors: &[&TYPE],
    search: &["end", "missing", "unknown"],
    examples: &[Example {
        world: "healthy",
        script: r#"cannot_tell("nothing is exported", "reference/enable-evidence.rhai")"#,
        expect: Expect::Ends("cannot_tell"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let ending = Ending::CannotTell { why: show::text(&call.any(0)), next: show::runbook(call, 1)? };
    Err(call.run().end(ending))
}
