//! `Event.is_warning()`: whether it tells of trouble: its type is `Warning`.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::event::Event;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_warning",
    receiver: Some("Event"),
    returns: "bool",
    summary: "Whether it tells of trouble: its type is `Warning`.",
    search: &["Warning", "Normal", "type"],
    examples: &[Example {
        world: "memory-low-limit",
        script: r#"workload("graph-core").events(over("1h")).filter(|event| event.reason() == "BackOff").first().is_warning()"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Event>()?;
    Ok(Dynamic::from(noun.facts().is_warning()))
}
