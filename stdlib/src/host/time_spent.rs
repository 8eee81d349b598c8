//! `Host.time_spent(over)`: where the time of a request goes.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::host::Host;
use crate::time_spent::gather::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "time_spent",
    receiver: Some("Host"),
    params: &[param("over", Type::Duration, "the span that ends now")],
    returns: "TimeSpent",
    class: Some(Class::Read),
    summary: "Where the time of a request to the host goes: own work, waiting in the caller's proxy, retries, each dependency.",
    doc: "Means over the span, from `istio_request_duration_milliseconds` of both sides, for the callers that both sides know: the caller's proxy times the whole, the server's each attempt; what they differ by is waiting; attempts beyond one for each request are retries, and so are Envoy's pauses before them, as far as these explain the difference; what the service's own proxies time is its dependencies. Requests that the service sends for its own reasons count as dependencies too. The parts sum to the whole.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::EVIDENCE_AND_RULES,
    search: &["latency", "slow", "breakdown", "bottleneck", "dependency", "retries"],
    examples: &[
        Example {
            world: "latency-slow-dependency",
            script: r#"host("graph-core").time_spent(over("5m"))"#,
            expect: Expect::Contains("for store.summit"),
        },
        Example {
            world: "latency-exhausted-pool",
            script: r#"host("graph-core").time_spent(over("5m"))"#,
            expect: Expect::Contains("waiting in its caller's proxy"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let spent = gather(call.run(), &call.receiver::<Host>()?, call.span(0)?)?;
    saw(call, spent.text());
    Ok(Dynamic::from(spent))
}
