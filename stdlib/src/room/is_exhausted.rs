//! `Room.is_exhausted()`: whether the service is saturated.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::room::Room;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_exhausted",
    receiver: Some("Room"),
    returns: "bool",
    summary: "Whether the service is saturated: then a higher limit lets more in and nothing more out.",
    doc: "It is, if no endpoint is ready; or a pod uses 90 % of its CPU limit or more; or there are twice as many requests inside as at an earlier time of at most a tenth less throughput (Little's law: a queue). What is not known is no reason for either answer; if nothing is known, that is an error.",
    errors: &[&NO_DATA],
    search: &["saturated", "overload", "full"],
    examples: &[Example {
        world: "overload",
        script: r#"host("graph-core").room().is_exhausted()"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Room>()?.is_exhausted()?))
}
