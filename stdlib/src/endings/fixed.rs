//! `fixed`: one of the four ends of a run.

use meshbook_runtime::failure::{ENDING, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::run::Ending;

use crate::descriptor::{self, param};
use crate::show;
use rhai::Dynamic;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "fixed",
    params: &[param("what", Type::Any, "what is better now, as a sentence or a noun")],
    summary: "Ends the run: it helped, and that was proved.",
    doc: "Allowed only after a proof (`wait`, `hold` or `check`) that followed the last change. Exit code 0.",
    errors: &[&ENDING],
    search: &["end", "success", "done"],
    examples: &[Example {
        world: "healthy",
        script: r#"check("it is proved", true); fixed("nothing was broken")"#,
        expect: Expect::Ends("fixed"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let ending = Ending::Fixed { what: show::text(&call.any(0)) };
    Err(call.run().end(ending))
}
