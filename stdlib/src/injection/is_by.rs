//! `Injection.is_by(revision)`: whether the sidecar is a revision's.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::injection::{Injection, Outcome};
use crate::revision::Revision;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_by",
    receiver: Some("Injection"),
    params: &[param("revision", Type::Noun("Revision"), "the revision")],
    returns: "bool",
    summary: "Whether the new pod gets its sidecar from the revision; false if it gets none or is refused.",
    errors: &[&NO_DATA],
    search: &["injected"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"namespace().injection().is_by(revision("default"))"#, expect: Expect::Value("true") },
        Example { world: "upgrade-two-labels", script: r#"namespace().injection().is_by(revision("1-31"))"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (injection, revision) = (call.receiver::<Injection>()?, call.noun::<Revision>(0)?);
    let name = revision.name()?;
    saw(call, injection.text());
    Ok(Dynamic::from(matches!(injection.outcome()?, Outcome::Injected { revision, .. } if revision == name)))
}
