//! `World.host(name)`: a service of the world, as it is now.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_stdlib::code::HOST_UNKNOWN;
use meshbook_stdlib::descriptor::{self, param};
use meshbook_stdlib::host::resolve::resolve;
use rhai::Dynamic;

use crate::world::World;
use crate::stage::{Stage, TWO_WORLDS};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "host",
    receiver: Some("World"),
    params: &[param("name", Type::String, "as for `host`: `graph-core`, `graph-core.summit`, or a full name")],
    returns: "Host",
    class: Some(Class::Read),
    summary: "A service of this world, as it is now: after a run, what the run has made of it.",
    errors: &[&HOST_UNKNOWN, &TWO_WORLDS],
    permissions: descriptor::HOST,
    search: &["service", "state after a run"],
    examples: &[
        Example {
            world: "breaker",
            script: r#"world("breaker").host("graph-core").refusals(over("30s")).is_none()"#,
            expect: Expect::Value("false"),
        },
        Example {
            world: "breaker",
            script: r#"world("breaker").host("graph-cor")"#,
            expect: Expect::Fails("meshbook::host::unknown"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (world, name) = (call.receiver::<World>()?, call.string(0)?);
    let run = call.run();
    let mesh = run.kept::<Stage>().enter(world.id(), world.lab())?;
    // The test's own run began before it was in any world, so its namespace is not the world's.
    let name = if name.contains('.') { name } else { format!("{name}.{}", mesh.namespace()) };
    Ok(Dynamic::from(resolve(run, &name)?))
}
