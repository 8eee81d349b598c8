//! `k8s::events(over[, kind, name])`: what was said about objects of the namespace.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NOT_FOUND, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor::{self, optional, param};
use crate::event::gather;
use crate::kubernetes::read;
use crate::text::count;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "k8s::events",
    params: &[
        param("over", Type::Duration, "the span that ends now; API servers keep events an hour"),
        optional("kind", Type::String, "()", "kind, plural or short name of the object; `name` has to be given then")
            .naming(Names::Kind),
        optional("name", Type::String, "()", "`name`, or `namespace/name`").naming(descriptor::AN_OBJECT),
    ],
    returns: "List<Event>",
    class: Some(Class::Read),
    summary: "What controllers and kubelets said about objects in a span of time, the newest first.",
    doc: "Of the run's namespace, or of one object. The object need not exist any more. `Workload.events` takes a workload's pods along. API: `GET /api/v1/namespaces/NAMESPACE/events`, with a field selector where one object is named.",
    errors: &[&NOT_FOUND, &FORBIDDEN, &TYPE],
    permissions: descriptor::EVENTS,
    search: &["kubectl get events", "kubectl events", "BackOff", "FailedScheduling"],
    examples: &[
        Example {
            world: "memory-low-limit",
            script: r#"k8s::events(over("1h")).any(|event| event.is_warning())"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"k8s::events(over("1h"), "deployment", "front").len()"#,
            expect: Expect::Value("0"),
        },
        Example {
            world: "healthy",
            script: r#"k8s::events(over("1h"), "deployment")"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, span) = (call.run(), call.span(0)?);
    let of = match (call.given(1), call.given(2)) {
        (false, _) => None,
        (true, false) => {
            return Err(Failure::new(&TYPE, "the events of a kind need the `name` of an object")
                .hint("filter those of all: k8s::events(over).filter(|event| …)"));
        }
        (true, true) => Some(read::object(read::kind(run, &call.string(1)?)?, run.namespace(), &call.string(2)?)),
    };
    let namespace = of.as_ref().map_or(run.namespace(), gather::place).to_owned();
    let events = gather::events(run, of.as_ref(), &namespace, span)?;
    saw(call, format!("{} in {span}", count(events.len(), "event", "events")));
    Ok(Dynamic::from(List::new(events)))
}
