//! `Workload.events(over)`: what was said about it.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::event::gather;
use crate::workload::Workload;
use crate::text::count;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "events",
    receiver: Some("Workload"),
    params: &[param("over", Type::Duration, "the span that ends now; API servers keep events an hour")],
    returns: "List<Event>",
    class: Some(Class::Read),
    summary: "What was said about the workload, its ReplicaSets and its pods in a span of time, the newest first.",
    doc: "Pods that are gone are taken along as long as their names tell whose they were.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::EVENTS_OF_WORKLOAD,
    search: &["kubectl describe", "kubectl events", "BackOff"],
    examples: &[Example {
        world: "memory-low-limit",
        script: r#"workload("graph-core").events(over("1h")).any(|event| event.reason() == "BackOff")"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, noun, span) = (call.run(), call.receiver::<Workload>()?, call.span(0)?);
    let events = gather::of_workload(run, noun.object(), span)?;
    saw(call, format!("{} in {span}", count(events.len(), "event", "events")));
    Ok(Dynamic::from(List::new(events)))
}
