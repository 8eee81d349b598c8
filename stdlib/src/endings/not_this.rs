//! `not_this`: one of the four ends of a run.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::run::Ending;

use crate::descriptor::{self, optional, param};
use crate::show;
use rhai::Dynamic;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "not_this",
    params: &[
        param("why", Type::Any, "why it is not this, as a sentence or a noun"),
        optional("runbook", Type::Any, "()", "the runbook to read next; `()` if there is none"),
    ],
    summary: "Ends the run: this is not what is wrong.",
    doc: "Exit code 0: the mesh is healthy as far as this runbook looks. Changes that were not proved are taken back first.",
    errors: &[&TYPE],
    search: &["end", "healthy", "other"],
    examples: &[Example {
        world: "healthy",
        script: r#"let symptom = host("graph-core").symptom(); not_this(symptom, symptom.runbook())"#,
        expect: Expect::Ends("not_this"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let ending = Ending::NotThis { why: show::text(&call.any(0)), next: show::runbook(call, 1)? };
    Err(call.run().end(ending))
}
