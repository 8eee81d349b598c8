//! `Event.note()`: what was said, as a sentence for people.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::event::Event;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "note",
    receiver: Some("Event"),
    returns: "string",
    summary: "What was said, as a sentence for people.",
    doc: "Its first line, without secrets.",
    search: &["message"],
    examples: &[Example {
        world: "memory-low-limit",
        script: r#"workload("graph-core").events(over("1h")).filter(|event| event.reason() == "BackOff").first().note()"#,
        expect: Expect::Contains("Back-off restarting failed container"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Event>()?;
    Ok(Dynamic::from(noun.facts().note.clone()))
}
