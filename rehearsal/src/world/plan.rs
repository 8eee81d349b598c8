//! `World.plan(runbook, params)`: what a runbook would change in this world.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{Failure, PARAM};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::run::Mode;
use meshbook_stdlib::descriptor::{self, optional, param};
use rhai::Dynamic;

use crate::world::World;
use crate::rehearsal::play::{Part, play};
use crate::stage::TWO_WORLDS;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "plan",
    receiver: Some("World"),
    params: &[
        param("runbook", Type::String, "its path below the tree of runbooks in which the test stands"),
        optional("params", Type::Map, "#{}", "its parameters by name"),
    ],
    returns: "Rehearsal",
    class: Some(Class::Read),
    summary: "Plans a runbook in this world: the API server tries each change, none is made.",
    errors: &[&PARAM, &TWO_WORLDS],
    permissions: descriptor::GET_ANY,
    search: &["dry run"],
    examples: &[Example {
        world: "breaker",
        script: r#"world("breaker").plan("troubleshooting/503-circuit-breaker.rhai", #{ service: "graph-core" }).ending()"#,
        expect: Expect::Value("planned"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let params = if call.given(1) { call.map(1)? } else { rhai::Map::new() };
    let part = Part { runbook: call.string(0)?, params, approve: String::new(), mode: Mode::Plan, allow_exec: false };
    Ok(Dynamic::from(play(call.run(), &call.receiver::<World>()?, &part)?))
}
