//! `Namespace.exists()`: whether it is there.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::kubernetes::read;
use crate::revision::labels;
use crate::workload::Namespace;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "exists",
    receiver: Some("Namespace"),
    returns: "bool",
    class: Some(Class::Read),
    summary: "Whether the namespace is there.",
    doc: "Read now. The API server answers an empty list of what lies in a namespace that is not there, so only this tells the two apart.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::GET_NAMESPACE,
    search: &["kubectl get namespace"],
    examples: &[
        Example { world: "healthy", script: r#"namespace().exists()"#, expect: Expect::Value("true") },
        Example {
            world: "installation-no-namespace",
            script: r#"namespace().exists()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let object = labels::object(&call.receiver::<Namespace>()?.text());
    let exists = read::find(call.run(), &object)?.is_some();
    saw(call, if exists { format!("{object} is there") } else { format!("{object} is not there") });
    Ok(Dynamic::from(exists))
}
