//! `Host.onboarding()`: what the service needs to take part in the mesh, and what of it is there.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::host::Host;
use crate::onboarding::gather::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "onboarding",
    receiver: Some("Host"),
    returns: "Onboarding",
    class: Some(Class::Read),
    summary: "What the service needs to take part in the mesh, item by item, and what of it is there.",
    doc: "`injection`: a label of its namespace, and not two that contradict; `sidecar`: in every running pod, as a container or a native sidecar (`initContainers`); `probes`: a readiness probe of every container of the application; `destination rule` and `virtual service` that are about it; `metrics`: `istio_requests_total` as its own proxies count; `traces`: its name in Jaeger's list of services. What cannot be told is unknown, and `lacks` says so.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::ONBOARDING,
    search: &["checklist", "new service", "onboard"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"host("graph-core").onboarding()"#,
            expect: Expect::Value("graph-core.summit lacks: probes; it cannot be told of: traces"),
        },
        Example {
            world: "healthy",
            script: r#"host("catalog").onboarding().lacks("virtual service")"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let onboarding = gather(call.run(), &call.receiver::<Host>()?)?;
    saw(call, onboarding.text());
    Ok(Dynamic::from(onboarding))
}
