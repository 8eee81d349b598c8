//! `Pod.logs(container, over[, containing, tail, previous])`: what a container wrote.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NOT_FOUND, SCRIPT, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::code::CONTAINER;
use crate::descriptor::{self, optional, param};
use crate::log::gather::{self, Wanted};
use crate::text::count;
use crate::workload::Pod;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "logs",
    receiver: Some("Pod"),
    params: &[
        param("container", Type::String, "the container: `istio-proxy` is the sidecar"),
        param("over", Type::Duration, "the span that ends now"),
        optional("containing", Type::String, "()", "only lines that contain this text, as it is written"),
        optional("tail", Type::Int, "1000", "at most so many lines, the newest; 1 to 10,000"),
        optional("previous", Type::Bool, "false", "of the container's run before its last restart"),
    ],
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
    let noun = call.receiver::<Pod>()?;
    let wanted = Wanted {
        container: call.string(0)?,
        over: call.span(1)?,
        containing: call.given(2).then(|| call.string(2)).transpose()?.unwrap_or_default(),
        tail: Wanted::tail(call.given(3).then(|| call.int(3)).transpose()?.unwrap_or(1000))?,
        previous: call.given(4) && call.bool(4)?,
    };
    let lines = gather::of_pod(call.run(), noun.object(), &wanted)?;
    saw(call, format!("{} of {} in {}", count(lines.len(), "line", "lines"), wanted.container, wanted.over));
    Ok(Dynamic::from(List::new(lines)))
}
