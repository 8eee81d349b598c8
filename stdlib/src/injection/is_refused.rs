//! `Injection.is_refused()`: whether no such pod would start.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::injection::{Injection, Outcome};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_refused",
    receiver: Some("Injection"),
    returns: "bool",
    summary: "Whether the new pod is refused: by a webhook that nobody answers, or by what else has a say.",
    errors: &[&NO_DATA],
    search: &["webhook", "admission", "blocked"],
    examples: &[
        Example {
            world: "upgrade-dangling-tag",
            script: r#"namespace().injection().is_refused()"#,
            expect: Expect::Value("true"),
        },
        Example { world: "healthy", script: r#"namespace().injection().is_refused()"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let injection = call.receiver::<Injection>()?;
    saw(call, injection.text());
    Ok(Dynamic::from(matches!(injection.outcome()?, Outcome::Refused(_))))
}
