//! `world(name)`: a world of the lab.

use meshbook_runtime::failure::{CONFIG, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_stdlib::descriptor::{self, param};
use rhai::Dynamic;

use crate::world::World;
use crate::mesh;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "world",
    params: &[param("name", Type::String, "a world of the lab (`meshbook lab --list`), or the path of a world file (`.toml`)")],
    returns: "World",
    summary: "A world of the lab, in which a test plays.",
    errors: &[&CONFIG],
    search: &["lab", "test", "rehearse"],
    examples: &[
        Example { world: "breaker", script: r#"world("breaker")"#, expect: Expect::Value("world breaker") },
        Example { world: "breaker", script: r#"world("braker")"#, expect: Expect::Fails("meshbook::config") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(World::new(mesh::world(&call.string(0)?)?)))
}
