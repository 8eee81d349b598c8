//! `found`: one of the four ends of a run.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::run::Ending;

use crate::descriptor::{self, optional, param};
use crate::show;
use rhai::Dynamic;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "found",
    params: &[
        param("cause", Type::String, "the cause in a word or two, for machines"),
        param("what", Type::Any, "what was found, as a sentence or a noun"),
        optional("runbook", Type::Any, "()", "the runbook to read next"),
    ],
    summary: "Ends the run: a problem was found and is not fixed.",
    doc: "Changes that were not proved are taken back first. Exit code 1.",
    errors: &[&TYPE],
    search: &["end", "problem", "diagnosis"],
    examples: &[Example {
        world: "overload",
        script: r#"found("overload", host("graph-core").room(), "troubleshooting/latency.rhai")"#,
        expect: Expect::Ends("found"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let ending =
        Ending::Found { cause: call.string(0)?, what: show::text(&call.any(1)), next: show::runbook(call, 2)? };
    Err(call.run().end(ending))
}
