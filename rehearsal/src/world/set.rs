//! `World.set(path, value)`: the same world with one thing changed.

use meshbook_runtime::failure::{Failure, PARAM};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_stdlib::descriptor::{self, param};
use meshbook_stdlib::show;
use rhai::Dynamic;

use crate::world::World;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "set",
    receiver: Some("World"),
    params: &[
        param(
            "path",
            Type::String,
            "where in the world file: parts separated by dots, members of a list by name or index, a part with dots in double quotes",
        ),
        param("value", Type::Any, "what it becomes there: a string, a number, a bool, an array or a map"),
    ],
    returns: "World",
    summary: "The same world with one thing changed.",
    doc: "The value is replaced, or added where its parent exists. `workload.front.replicas`, `objects.DestinationRule/graph-core.spec.trafficPolicy`, `traffic.0.rate`, `telemetry.access_log`.",
    errors: &[&PARAM],
    search: &["variation", "override"],
    examples: &[
        Example {
            world: "breaker",
            script: r#"world("breaker").set("workload.front.replicas", 5)"#,
            expect: Expect::Value("world breaker with workload.front.replicas = 5"),
        },
        Example {
            world: "breaker",
            script: r#"world("breaker").set("workload.frnt.replicas", 5)"#,
            expect: Expect::Fails("meshbook::param"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (world, path, value) = (call.receiver::<World>()?, call.string(0)?, show::json(&call.any(1)));
    let change = format!("{path} = {value}");
    let changed = world.lab().clone().set(&path, value).map_err(|error| Failure::new(&PARAM, error.to_string()))?;
    Ok(Dynamic::from(world.with(changed, change)))
}
