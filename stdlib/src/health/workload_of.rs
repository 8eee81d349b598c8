//! `Health.workload()`: whose health it is.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::health::Health;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "workload",
    receiver: Some("Health"),
    returns: "Workload",
    summary: "The workload whose health it is.",
    search: &["whose"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"workload("store").health(over("2m")).workload()"#, expect: Expect::Value("StatefulSet summit/store") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Health>()?.workload().clone()))
}
