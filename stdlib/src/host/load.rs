//! `Host.load(over, within)`: what it has to answer.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, optional, param};
use crate::host::Host;
use crate::load::gather::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "load",
    receiver: Some("Host"),
    params: &[
        param("over", Type::Duration, "the span that ends now"),
        optional("within", Type::Duration, "()", "what each request may take: then those that wait count as load"),
    ],
    returns: "Load",
    class: Some(Class::Read),
    summary: "What the host has to answer, in requests a second, and what its pods answer.",
    doc: "Requests by their callers' proxies, attempts of one request as one. Clients that wait for an answer before they ask again hide their load: with `within`, the load is at least what has to be answered so that all requests under way are done within that time (Little's law).",
    errors: &[&FORBIDDEN],
    permissions: descriptor::EVIDENCE_AND_ENDPOINTS,
    search: &["requests per second", "throughput", "capacity", "Little's law"],
    examples: &[Example {
        world: "latency-too-few-replicas",
        script: r#"host("graph-core").load(over("5m"), "2s")"#,
        expect: Expect::Contains("and its 2 pods answer"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let within = if call.given(1) { Some(call.span(1)?) } else { None };
    let load = gather(call.run(), &call.receiver::<Host>()?, call.span(0)?, within)?;
    saw(call, load.text());
    Ok(Dynamic::from(load))
}
