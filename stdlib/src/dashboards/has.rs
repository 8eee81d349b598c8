//! `Dashboards.has(name)`: whether this one answers.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::dashboards::{Dashboards, known};
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "has",
    receiver: Some("Dashboards"),
    params: &[known::NAME],
    returns: "bool",
    summary: "Whether the dashboard of this name is there and answers.",
    errors: &[&NO_DATA, &TYPE],
    search: &["reachable"],
    examples: &[
        Example { world: "healthy", script: r#"dashboards().has("prometheus")"#, expect: Expect::Value("true") },
        Example { world: "healthy", script: r#"dashboards().has("kiali")"#, expect: Expect::Value("false") },
        Example {
            world: "healthy",
            script: r#"dashboards().has("zipkin")"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let dashboards = call.receiver::<Dashboards>()?;
    let one = dashboards.find(&call.string(0)?)?;
    let name = one.known.name;
    saw(
        call,
        match &one.answers {
            Ok(_) => format!("{name} answers"),
            Err(_) if !one.is_there() => format!("there is no {name}"),
            Err(why) => format!("{name}: {why}"),
        },
    );
    Ok(Dynamic::from(one.answers.is_ok()))
}
