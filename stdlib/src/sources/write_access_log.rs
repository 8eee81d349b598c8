//! `Workload.write_access_log()`: lets its proxies log.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::code::TELEMETRY;
use crate::sources::switch;
use crate::workload::Workload;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "write_access_log",
    receiver: Some("Workload"),
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::Deletion),
    summary: "Lets the proxies of the workload write access logs, by a Telemetry for it alone; answers whether anything had to be changed.",
    doc: "Creates the Telemetry NAME-access-log with the provider `envoy`, which every mesh has, and with the workload's own selector. Nothing restarts. Taken back, it is deleted, if nobody has changed it since.",
    errors: &[&TELEMETRY, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::TELEMETRY,
    search: &["Telemetry", "access log", "accessLogging"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"workload("front").write_access_log()"#,
            expect: Expect::Changes(&["Telemetry summit/front-access-log: spec.accessLogging",
                "Telemetry summit/front-access-log: spec.selector.matchLabels.app",]),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(switch::access_log(call.run(), call.receiver::<Workload>()?.object())?))
}
