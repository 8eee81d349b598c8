//! `Event.reason()`: why it was said, in one word.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::event::Event;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "reason",
    receiver: Some("Event"),
    returns: "string",
    summary: "Why it was said, in one word.",
    search: &["BackOff", "FailedScheduling"],
    examples: &[Example {
        world: "memory-low-limit",
        script: r#"workload("graph-core").events(over("1h")).filter(|event| event.reason() == "BackOff").first().reason()"#,
        expect: Expect::Value("BackOff"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Event>()?;
    Ok(Dynamic::from(noun.facts().reason.clone()))
}
