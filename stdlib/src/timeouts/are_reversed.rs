//! `Timeouts.are_reversed()`: whether an inner timeout outlasts the outer one.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::timeouts::Timeouts;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "are_reversed",
    receiver: Some("Timeouts"),
    returns: "bool",
    summary: "Whether requests end at their own timeout while the service may wait longer for what it asks.",
    doc: "At least a twentieth of the requests end because they took too long (flags UT and DC), and a service that the host asks may take as long or longer by its own route: then work is done that nobody waits for.",
    errors: &[&NO_DATA],
    search: &["chain", "deadline", "nested"],
    examples: &[
        Example {
            world: "latency-timeout-chain",
            script: r#"host("graph-core").timeouts(over("5m")).are_reversed()"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "latency-slow-dependency",
            script: r#"host("graph-core").timeouts(over("5m")).are_reversed()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Timeouts>()?.seen()?.are_reversed()))
}
