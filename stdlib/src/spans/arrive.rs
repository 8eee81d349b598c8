//! `Spans.arrive()`: whether every service has reported.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::spans::Spans;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "arrive",
    receiver: Some("Spans"),
    returns: "bool",
    summary: "Whether Jaeger has spans of every service of the namespace whose pods have a proxy.",
    errors: &[&NO_DATA],
    search: &["traces", "complete"],
    examples: &[
        Example { world: "traces", script: r#"namespace().spans().arrive()"#, expect: Expect::Value("true") },
        Example {
            world: "breaker",
            script: r#"namespace().spans().arrive()"#,
            expect: Expect::Fails("meshbook::data::missing"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let spans = call.receiver::<Spans>()?;
    saw(call, spans.text());
    Ok(Dynamic::from(spans.lacking()?.is_empty()))
}
