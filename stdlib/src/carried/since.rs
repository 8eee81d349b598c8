//! `Carried.since(before)`: in what the proxies carry something else than before.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::carried::Carried;
use crate::carried::changes::CarriedChanges;
use crate::descriptor::{self, param};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "since",
    receiver: Some("Carried"),
    params: &[param("before", Type::Noun("Carried"), "what they carried earlier")],
    returns: "CarriedChanges",
    summary: "In what the proxies carry something else of the host than at an earlier moment, by meaning, field by field.",
    search: &["diff", "semantic", "changed", "compare"],
    examples: &[Example {
        world: "healthy",
        script: r#"let host = host("graph-core"); let before = host.carried(host.callers()); host.carried(host.callers()).since(before)"#,
        expect: Expect::Value("4 proxies carry what they carried as before of graph-core.summit"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let changes = CarriedChanges::between(&call.noun::<Carried>(0)?, &call.receiver::<Carried>()?)?;
    saw(call, changes.text());
    Ok(Dynamic::from(changes))
}
