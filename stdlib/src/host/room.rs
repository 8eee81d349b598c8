//! `Host.room()`: could the service take more?

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::host::Host;
use crate::room::gather::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "room",
    receiver: Some("Host"),
    returns: "Room",
    class: Some(Class::Read),
    summary: "Whether the service could take more than it gets.",
    doc: "Ready endpoints; CPU of the limit (Prometheus, cAdvisor's metric); P95 and the course of latency against throughput over half an hour; requests open in its inbound clusters; what all callers together may open. What is not known is said.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::EVIDENCE_AND_ENDPOINTS,
    search: &["saturation", "overload", "capacity", "CPU", "latency"],
    examples: &[
        Example {
            world: "breaker",
            script: r#"host("graph-core").room().is_exhausted()"#,
            expect: Expect::Value("false"),
        },
        Example {
            world: "overload",
            script: r#"host("graph-core").room().is_exhausted()"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(gather(call.run(), &call.receiver::<Host>()?)?))
}
