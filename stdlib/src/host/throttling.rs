//! `Host.throttling(over)`: how often the kernel stops its pods.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::host::Host;
use crate::latency::throttling::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "throttling",
    receiver: Some("Host"),
    params: &[param("over", Type::Duration, "the span that ends now")],
    returns: "Metric",
    class: Some(Class::Read),
    summary: "The share of the kernel's periods in which a pod of the host was stopped because it had used up its CPU limit.",
    doc: "0 to 1, of the pod that is stopped most: `container_cpu_cfs_throttled_periods_total` over `container_cpu_cfs_periods_total` (cAdvisor), without the sidecars. A pod can be throttled although it uses far less than its limit on average: the limit holds for each 100 ms.",
    permissions: descriptor::EVIDENCE,
    search: &["CPU limit", "CFS", "throttled", "quota"],
    examples: &[
        Example {
            world: "latency-cpu-limit",
            script: r#"host("graph-core").throttling(over("5m")) > 0.5"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").throttling(over("5m"))"#,
            expect: Expect::Value("0 %"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let metric = gather(call.run(), &call.receiver::<Host>()?, call.span(0)?)?;
    saw(call, metric.text());
    Ok(Dynamic::from(metric))
}
