//! `Event.count()`: how often it was said.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::event::Event;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "count",
    receiver: Some("Event"),
    returns: "int",
    summary: "How often it was said.",
    search: &["times", "series"],
    examples: &[Example {
        world: "memory-low-limit",
        script: r#"workload("graph-core").events(over("1h")).filter(|event| event.reason() == "BackOff").first().count() > 0"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Event>()?;
    Ok(Dynamic::from(i64::try_from(noun.facts().count).unwrap_or(i64::MAX)))
}
