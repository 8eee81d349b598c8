//! `Event.object()`: the object that it is about, as `Pod summit/front-1`.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::event::Event;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "object",
    receiver: Some("Event"),
    returns: "string",
    summary: "The object that it is about, as `Pod summit/front-1`.",
    search: &["involvedObject", "regarding"],
    examples: &[Example {
        world: "memory-low-limit",
        script: r#"workload("graph-core").events(over("1h")).filter(|event| event.reason() == "BackOff").first().object()"#,
        expect: Expect::Contains("Pod summit/graph-core-"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Event>()?;
    Ok(Dynamic::from(noun.facts().object.clone()))
}
