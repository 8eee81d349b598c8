//! `Outstanding.parts()`: what is outstanding, kind by kind.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor;
use crate::manifest::outstanding::Outstanding;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "parts",
    receiver: Some("Outstanding"),
    returns: "List<ManifestPart>",
    summary: "The outstanding objects, kind by kind, in the order in which they have to be applied.",
    doc: "CustomResourceDefinitions and namespaces, accounts and permissions, configuration, Services, what runs pods; then the webhooks, because one that is there before its istiod refuses every pod; objects of custom kinds last.",
    search: &["kinds", "order", "steps"],
    examples: &[Example {
        world: "install-half-done",
        script: r#"istio_manifest("1.31.0").outstanding().parts().first()"#,
        expect: Expect::Contains("istiod"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(List::new(call.receiver::<Outstanding>()?.parts())))
}
