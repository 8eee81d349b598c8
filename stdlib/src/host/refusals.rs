//! `Host.refusals(over)`: what circuit breakers refused.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure, UNREACHABLE};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::host::Host;
use crate::refusals::gather::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "refusals",
    receiver: Some("Host"),
    params: &[param("over", Type::Duration, "the span that ends now")],
    returns: "Refusals",
    class: Some(Class::Read),
    summary: "What circuit breakers on the way to the host refused in a span of time, on both sides.",
    doc: "An increase between two reads, from the best source that speaks of a proxy, named with each figure: `istio_requests_total` with flag UO in Prometheus; Envoy's `upstream_rq_pending_overflow` + `upstream_rq_active_overflow`; flag UO in access logs. What is not exported is not zero. Callers are limited by their own proxies (`outbound`), and by the server's (`inbound`): both are read. Prometheus and logs know the past; counters have to be read twice, so the first question may take the whole span, and later ones share what was read.",
    errors: &[&FORBIDDEN, &UNREACHABLE],
    permissions: descriptor::EVIDENCE_AND_RULES,
    search: &["UO", "overflow", "circuit breaker", "503"],
    examples: &[
        Example {
            world: "breaker",
            script: r#"host("graph-core").refusals(over("30s")).is_none()"#,
            expect: Expect::Value("false"),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").refusals(over("30s"))"#,
            expect: Expect::Contains("no request was refused"),
        },
        Example {
            world: "breaker-default-stats",
            script: r#"host("graph-core").refusals(over("10s")).is_missing()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let refusals = gather(call.run(), &call.receiver::<Host>()?, call.span(0)?)?;
    saw(call, refusals.text());
    Ok(Dynamic::from(refusals))
}
