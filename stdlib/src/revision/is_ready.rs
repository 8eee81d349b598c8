//! `Revision.is_ready()`: whether it is whole.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::revision::Revision;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_ready",
    receiver: Some("Revision"),
    returns: "bool",
    summary: "Whether it has istiods, all of them are ready and answer, their Service has endpoints, and its injector calls them.",
    doc: "By what was seen when the revision was asked for. What it lacks is what its text says. Whether it injects a pod is told by `injection()`.",
    errors: &[&NO_DATA],
    search: &["whole", "rollout"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"revision("1-31").is_ready()"#, expect: Expect::Value("true") },
        Example { world: "control-plane-crash-loop", script: r#"revision("default").is_ready()"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let revision = call.receiver::<Revision>()?;
    let problems = revision.problems()?;
    saw(call, revision.text());
    Ok(Dynamic::from(problems.is_empty()))
}
