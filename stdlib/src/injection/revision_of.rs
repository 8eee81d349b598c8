//! `Injection.revision()`: whose sidecar a new pod gets.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::injection::{Injection, Outcome};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "revision",
    receiver: Some("Injection"),
    returns: "string",
    summary: "The revision from which the new pod gets its sidecar; empty if it gets none or is refused.",
    errors: &[&NO_DATA],
    search: &["injected", "istio.io/rev"],
    examples: &[
        Example { world: "healthy", script: r#"namespace().injection().revision()"#, expect: Expect::Value("default") },
        Example {
            world: "injection-label-missing",
            script: r#"namespace().injection().revision()"#,
            expect: Expect::Value(""),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let injection = call.receiver::<Injection>()?;
    saw(call, injection.text());
    let revision = match injection.outcome()? {
        Outcome::Injected { revision, .. } => revision.clone(),
        Outcome::Bare | Outcome::Refused(_) => String::new(),
    };
    Ok(Dynamic::from(revision))
}
