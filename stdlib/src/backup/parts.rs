//! `Restoration.parts()`: what differs, kind by kind.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::backup::restoration::Restoration;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "parts",
    receiver: Some("Restoration"),
    returns: "List<RestorationPart>",
    summary: "The objects that differ, kind by kind, in the order in which they have to be restored.",
    search: &["kinds", "order", "steps"],
    examples: &[Example {
        world: "healthy",
        script: r#"let taken = backup(); k8s::patch("dr", "catalog", #{ spec: #{ host: "other" } }); taken.restoration().parts()"#,
        expect: Expect::Changes(&["DestinationRule summit/catalog: spec.host"]),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(List::new(call.receiver::<Restoration>()?.parts())))
}
