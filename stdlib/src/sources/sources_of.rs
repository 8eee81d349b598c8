//! `Host.sources()`: what speaks about the requests to it.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::host::Host;
use crate::sources::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "sources",
    receiver: Some("Host"),
    returns: "Sources",
    class: Some(Class::Read),
    summary: "Which sources of evidence speak about the requests to the host.",
    doc: "Prometheus and its series; of each caller Envoy's statistics of the cluster to the host, lines of its access log of the last ten seconds, and whether its proxies have a tracing provider.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::EVIDENCE,
    search: &["evidence", "access log", "proxyStatsMatcher", "istio_requests_total", "tracing"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"host("graph-core").sources().is_enough()"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "breaker-default-stats",
            script: r#"host("graph-core").sources().has("statistics")"#,
            expect: Expect::Value("false"),
        },
        Example {
            world: "breaker-default-stats",
            script: r#"host("graph-core").sources().has("access_log", "front")"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(gather::gather(call.run(), &call.receiver::<Host>()?)?))
}
