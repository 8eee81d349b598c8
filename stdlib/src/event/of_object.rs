//! `Object.events(over)`: what was said about it.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::event::gather;
use crate::object::Object;
use crate::text::count;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "events",
    receiver: Some("Object"),
    params: &[param("over", Type::Duration, "the span that ends now; API servers keep events an hour")],
    returns: "List<Event>",
    class: Some(Class::Read),
    summary: "What was said about the object in a span of time, the newest first.",
    doc: "Only what names the object itself: what became of its pods, `Workload.events` says.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::EVENTS,
    search: &["kubectl describe", "kubectl events", "BackOff"],
    examples: &[Example {
        world: "healthy",
        script: r#"k8s::get("service", "graph-core").events(over("1h")).is_empty()"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, noun, span) = (call.run(), call.receiver::<Object>()?, call.span(0)?);
    let object = noun.reference();
    let events = gather::events(run, Some(object), gather::place(object), span)?;
    saw(call, format!("{} in {span}", count(events.len(), "event", "events")));
    Ok(Dynamic::from(List::new(events)))
}
