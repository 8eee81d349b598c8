//! `Workload.logs(container, over[, containing, tail, previous])`: what a container wrote.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NOT_FOUND, SCRIPT, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::code::CONTAINER;
use crate::descriptor;
use crate::log::gather::{self, PARAMS, Wanted};
use crate::workload::Workload;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "logs",
    receiver: Some("Workload"),
    params: PARAMS,
    returns: "List<LogLine>",
    class: Some(Class::Read),
    summary: "What a container wrote in all pods of the workload in a span of time, oldest first.",
    doc: "Each line has its time and its pod; lines of all pods stand in the order of their times. Pods that do not answer are named in a warning. At most 4 MiB are read of a container; a warning says where there was more. Secrets are left out as everywhere. API: `GET /api/v1/namespaces/NAMESPACE/pods/NAME/log` with `timestamps`, `sinceSeconds`, `tailLines`, `limitBytes` and `previous`.",
    errors: &[&CONTAINER, &NOT_FOUND, &FORBIDDEN, &SCRIPT, &TYPE],
    permissions: descriptor::LOGS_OF_WORKLOAD,
    search: &["kubectl logs", "access log", "tail", "crash"],
    examples: &[
        Example { world: "breaker", script: r#"workload("front").logs("istio-proxy", over("30s"), "UO", 20).all(|line| line.message().contains(" UO "))"#, expect: Expect::Value("true") },
        Example { world: "breaker", script: r#"workload("front").logs("istio-prxy", over("30s"))"#, expect: Expect::Fails("meshbook::workload::container") },
        Example { world: "healthy", script: r#"workload("front").logs("istio-proxy", over("1m"), (), 0)"#, expect: Expect::Fails("meshbook::script::type") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (noun, wanted) = (call.receiver::<Workload>()?, Wanted::of(call)?);
    let lines = gather::of_workload(call.run(), noun.object(), &wanted)?;
    Ok(wanted.found(call, lines))
}
