//! `Effective.limits(subset)`: what the circuit breakers let through.`

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::ROUTE;
use crate::descriptor::{self, optional};
use crate::effective::Effective;
use crate::rule::Limits;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "limits",
    receiver: Some("Effective"),
    params: &[optional("subset", Type::String, "()", "the first to which the route leads if left out; the subset of the host; empty for none")],
    returns: "Limits",
    summary: "What the circuit breakers of the caller's proxy let through to the host, by the rules that apply.",
    doc: "A subset's `connectionPool` replaces the rule's as a whole; settings of a port replace both and inherit nothing.",
    errors: &[&ROUTE],
    search: &["connectionPool", "maxConnections"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").effective("front").limits()"#, expect: Expect::Contains("connections 100, pending 100, requests 100") },
        Example { world: "healthy", script: r#"host("graph-core").effective("front").limits("v9")"#, expect: Expect::Fails("meshbook::route::none") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let effective = call.receiver::<Effective>()?;
    let subset = if call.given(0) {
        call.string(0)?
    } else {
        effective.seen().parts.first().map(|part| part.subset.clone()).unwrap_or_default()
    };
    let pool = effective.part(&subset)?.pool.as_ref();
    Ok(Dynamic::from(pool.map_or(Limits::UNLIMITED, |(_, _, limits)| *limits)))
}
