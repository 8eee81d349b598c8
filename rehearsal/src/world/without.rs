//! `World.without(source)`: the same world with one source of evidence missing.

use meshbook_runtime::failure::{Failure, PARAM};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_stdlib::descriptor::{self, param};
use rhai::Dynamic;

use crate::world::World;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "without",
    receiver: Some("World"),
    params: &[param("source", Type::String, "`prometheus`, `access_logs`, `istio_metrics` or `envoy_stats`")],
    returns: "World",
    summary: "The same world with one source of evidence missing.",
    errors: &[&PARAM],
    search: &["no data", "evidence"],
    examples: &[
        Example {
            world: "breaker",
            script: r#"world("breaker").without("prometheus")"#,
            expect: Expect::Value("world breaker with no prometheus"),
        },
        Example {
            world: "breaker",
            script: r#"world("breaker").without("luck")"#,
            expect: Expect::Fails("meshbook::param"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (world, source) = (call.receiver::<World>()?, call.string(0)?);
    let changed = world.lab().clone().without(&source).map_err(|error| Failure::new(&PARAM, error.to_string()))?;
    Ok(Dynamic::from(world.with(changed, format!("no {source}"))))
}
