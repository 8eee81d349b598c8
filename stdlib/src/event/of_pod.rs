//! `Pod.events(over)`: what was said about it.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::event::gather;
use crate::workload::Pod;
use crate::text::count;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "events",
    receiver: Some("Pod"),
    params: &[param("over", Type::Duration, "the span that ends now; API servers keep events an hour")],
    returns: "List<Event>",
    class: Some(Class::Read),
    summary: "What was said about the pod in a span of time, the newest first.",
    doc: "Why it is not scheduled, pulled, started or ready.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::EVENTS,
    search: &["kubectl describe", "kubectl events", "BackOff"],
    examples: &[Example {
        world: "healthy",
        script: r#"pod(host("graph-core").proxies().first().pod()).events(over("1h")).is_empty()"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, noun, span) = (call.run(), call.receiver::<Pod>()?, call.span(0)?);
    let object = noun.object();
    let events = gather::events(run, Some(object), gather::place(object), span)?;
    saw(call, format!("{} in {span}", count(events.len(), "event", "events")));
    Ok(Dynamic::from(List::new(events)))
}
