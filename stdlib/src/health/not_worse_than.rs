//! `Health.not_worse_than(before)`: whether the workload does as well as before.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::health::Health;
use crate::text::and;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "not_worse_than",
    receiver: Some("Health"),
    params: &[param("before", Type::Noun("Health"), "how it did before")],
    returns: "bool",
    summary: "Whether no larger part of its requests fails than before, its answers take no longer, and no pod is missing that was there.",
    doc: "A larger part: more than half a per cent, and more than three standard errors. Longer: a P95 of half as long again and 50 ms more. What was not counted before is not compared; what was counted before and is not now is no data.",
    errors: &[&NO_DATA],
    search: &["compare", "regression", "worse"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"let health = workload("store").health(over("2m")); health.not_worse_than(health)"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (now, before) = (call.receiver::<Health>()?, call.noun::<Health>(0)?);
    let worse = now.worse_than(&before)?;
    saw(call, if worse.is_empty() { now.text() } else { and(&worse) });
    Ok(Dynamic::from(worse.is_empty()))
}
