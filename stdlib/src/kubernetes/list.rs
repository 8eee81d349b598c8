//! `k8s::list(kind[, selector])`: objects of a kind.

use meshbook_runtime::effect::Class;
use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NOT_FOUND, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::Dynamic;
use serde_json::Value;

use crate::descriptor::{self, optional, param};
use crate::kubernetes::{read, selector};
use crate::object::Object;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "k8s::list",
    params: &[
        param("kind", Type::String, "kind, plural or short name").naming(Names::Kind),
        optional("selector", Type::String, "()", "label selector, for example `app=front`"),
    ],
    returns: "List<Object>",
    class: Some(Class::Read),
    summary: "Lists objects of a kind in the run's namespace.",
    doc: "All pages of them, 500 objects a page; if the list expires while it is read (410), from its beginning. A selector is looked through before it is sent, and an empty one is refused.",
    errors: &[&NOT_FOUND, &FORBIDDEN, &TYPE],
    permissions: descriptor::LIST_ANY,
    search: &["kubectl get", "selector", "labels"],
    examples: &[
        Example { world: "healthy", script: r#"k8s::list("deployment").len()"#, expect: Expect::Value("5") },
        Example {
            world: "healthy",
            script: r#"k8s::list("pods", "app=graph-core").len()"#,
            expect: Expect::Value("6"),
        },
        Example {
            world: "healthy",
            script: r#"k8s::list("pods", "app=graph-core;version")"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let kind = read::kind(call.run(), &call.string(0)?)?;
    let selector = call.given(1).then(|| call.string(1)).transpose()?.map(selector::checked).transpose()?;
    let namespace = kind.namespaced.then(|| call.run().namespace().to_owned());
    let objects = read::list(call.run(), kind.clone(), namespace.as_deref(), selector.as_deref())?;
    let text =
        |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let objects = objects.into_iter().map(|value| {
        Object::new(
            ObjectRef::new(kind.clone(), &text(&value, "/metadata/namespace"), &text(&value, "/metadata/name")),
            value,
        )
    });
    Ok(Dynamic::from(List::new(objects)))
}
