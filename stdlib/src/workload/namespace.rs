//! `namespace()`: the run's namespace.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::workload::Namespace;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "namespace",
    returns: "Namespace",
    summary: "The namespace of the run.",
    doc: "It is the one that `-n` names, else the kubeconfig context's.",
    search: &["-n", "where"],
    examples: &[Example { world: "healthy", script: r#"namespace()"#, expect: Expect::Value("summit") }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(Namespace::new(call.run().namespace())))
}
