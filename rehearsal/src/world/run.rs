//! `World.run(runbook, params)`: a runbook, unattended, in this world.

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
    name: "run",
    receiver: Some("World"),
    params: &[
        param("runbook", Type::String, "its path below the tree of runbooks in which the test stands"),
        optional("params", Type::Map, "#{}", "its parameters by name"),
        optional(
            "approve",
            Type::String,
            "\"*\"",
            "as `--approve`, with commas: `destinationrule=1`; `*` is every change that can be taken back; an empty string is none",
        ),
        optional("allow_exec", Type::Bool, "false", "as `--allow-exec`"),
    ],
    returns: "Rehearsal",
    class: Some(Class::Read),
    summary: "Runs a runbook in this world, as cron or CI would, and answers how it ended.",
    doc: "The run is an ordinary one: its own record, approvals, proofs, taking back. The world goes on from there: a second run meets what the first has made of it. That a run fails is an answer, not a failure of the test.",
    errors: &[&PARAM, &TWO_WORLDS],
    permissions: descriptor::GET_ANY,
    search: &["rehearse", "unattended"],
    examples: &[
        Example {
            world: "breaker",
            script: r#"world("breaker").run("troubleshooting/503-circuit-breaker.rhai", #{ service: "graph-core" }).ending()"#,
            expect: Expect::Value("fixed"),
        },
        Example {
            world: "breaker",
            script: r#"world("breaker").run("troubleshooting/503-circuit-breaker.rhai", #{ service: "graph-core" }, "").exit_code()"#,
            expect: Expect::Value("3"),
        },
        Example {
            world: "breaker",
            script: r#"world("breaker").run("troubleshooting/503-circuit-breaker.rhai", #{ limit: "many" })"#,
            expect: Expect::Fails("meshbook::param"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let approve = if call.given(2) { call.string(2)? } else { "*".to_owned() };
    let params = if call.given(1) { call.map(1)? } else { rhai::Map::new() };
    let allow_exec = call.given(3) && call.bool(3)?;
    let part = Part { runbook: call.string(0)?, params, approve, mode: Mode::Unattended, allow_exec };
    Ok(Dynamic::from(play(call.run(), &call.receiver::<World>()?, &part)?))
}
