//! `Refusals.proxies()`: who refuses.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor;
use crate::refusals::Refusals;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "proxies",
    receiver: Some("Refusals"),
    returns: "List<Proxy>",
    summary: "The proxies that refused, on both sides.",
    doc: "Where the source does not tell the pods of a workload apart, all of them.",
    errors: &[&NO_DATA],
    search: &["who refuses"],
    examples: &[
        Example {
            world: "breaker",
            script: r#"host("graph-core").refusals(over("30s")).proxies().len()"#,
            expect: Expect::Value("3"),
        },
        Example {
            world: "breaker-inbound",
            script: r#"host("graph-core").refusals(over("30s")).proxies().all(|proxy| proxy.side() == "server")"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(List::new(call.receiver::<Refusals>()?.proxies()?)))
}
