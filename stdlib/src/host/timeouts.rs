//! `Host.timeouts(over)`: what requests may take, and those that the host sends meanwhile.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::host::Host;
use crate::timeouts::gather::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "timeouts",
    receiver: Some("Host"),
    params: &[param("over", Type::Duration, "the span that ends now, for how requests ended")],
    returns: "Timeouts",
    class: Some(Class::Read),
    summary: "What a request to the host may take by its route, what those may take that the host sends, and how many end too late.",
    doc: "A route bounds a request by its timeout, or by `perTryTimeout` times its attempts. Services that the host asks are those that its own proxies report (`reporter=\"source\"`).",
    errors: &[&FORBIDDEN],
    permissions: descriptor::ROUTES,
    search: &["timeout", "chain", "504", "UT"],
    examples: &[Example {
        world: "latency-timeout-chain",
        script: r#"host("graph-core").timeouts(over("5m"))"#,
        expect: Expect::Contains("while it may go on to wait for store.summit (10s)"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let timeouts = gather(call.run(), &call.receiver::<Host>()?, call.span(0)?)?;
    saw(call, timeouts.text());
    Ok(Dynamic::from(timeouts))
}
