//! `Pod.logs(container, over[, containing, tail, previous])`: what a container wrote.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NOT_FOUND, SCRIPT, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::code::CONTAINER;
use crate::descriptor;
use crate::log::gather::{self, PARAMS, Wanted};
use crate::workload::Pod;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "logs",
    receiver: Some("Pod"),
    params: PARAMS,
    returns: "List<LogLine>",
    class: Some(Class::Read),
    summary: "What a container of the pod wrote in a span of time, oldest first.",
    doc: "Each line has its time. At most 4 MiB are read of a container; a warning says where there was more. Secrets are left out as everywhere. API: `GET /api/v1/namespaces/NAMESPACE/pods/NAME/log` with `timestamps`, `sinceSeconds`, `tailLines`, `limitBytes` and `previous`.",
    errors: &[&CONTAINER, &NOT_FOUND, &FORBIDDEN, &SCRIPT, &TYPE],
    permissions: descriptor::LOGS_OF_POD,
    search: &["kubectl logs", "access log", "tail", "crash"],
    examples: &[
        Example { world: "breaker", script: r#"pod(host("graph-core").callers().first().pod()).logs("istio-proxy", over("30s"), "UO", 5).len()"#, expect: Expect::Value("5") },
        Example { world: "breaker", script: r#"pod(host("graph-core").callers().first().pod()).logs("none", over("1m"))"#, expect: Expect::Fails("meshbook::workload::container") },
        Example { world: "healthy", script: r#"pod(host("graph-core").proxies().first().pod()).logs("istio-proxy", over("1m"), (), 10, true)"#, expect: Expect::Fails("meshbook::script::error") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (noun, wanted) = (call.receiver::<Pod>()?, Wanted::of(call)?);
    let lines = gather::of_pod(call.run(), noun.object(), &wanted)?;
    Ok(wanted.found(call, lines))
}
