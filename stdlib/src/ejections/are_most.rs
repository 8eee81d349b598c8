//! `Ejections.are_most()`: whether the others carry everything.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::ejections::Ejections;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "are_most",
    receiver: Some("Ejections"),
    returns: "bool",
    summary: "Whether at least half of the hosts are ejected by at least half of the callers.",
    doc: "Then the others carry the load of all. No answer of any proxy is no data.",
    errors: &[&NO_DATA],
    search: &["half", "outlier"],
    examples: &[
        Example {
            world: "latency-ejected-hosts",
            script: r#"host("graph-core").ejections().are_most()"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").ejections().are_most()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Ejections>()?.seen()?.is_most()))
}
