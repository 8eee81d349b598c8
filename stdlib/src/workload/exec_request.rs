//! `Workload.exec_request(to[, path, options])`: requests by a command in one of its own pods.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{BAD_ANSWER, DENIED, FORBIDDEN, Failure, NOT_FOUND, TYPE};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::code::{HOST_PORT, REQUEST};
use crate::descriptor::{self, optional, param};
use crate::request::asked::Asked;
use crate::request::executed;
use crate::workload::Workload;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "exec_request",
    receiver: Some("Workload"),
    params: &[
        param("to", Type::Any, "a host, or an address: `NAME`, `NAME:PORT`, `https://NAME`").naming(Names::Host),
        optional("path", Type::String, "\"/\"", "path and query"),
        optional("options", Type::Map, "#{}", "as of `request`, without `image`; `method` is GET, HEAD or OPTIONS"),
    ],
    returns: "Answers",
    class: Some(Class::Probe),
    summary: "Makes requests with the curl of one of the workload's own pods, in a run that was started with `--allow-exec`.",
    doc: "For what only that very pod shows, such as its own certificates, limits or NetworkPolicy; prefer `request`, which touches no process of the workload. A command in a running container is seen by nobody beforehand, so it is refused without the flag, in a plan, and in a read-only run. Of the workload's running pods it is the first by name; of its containers the one that `kubectl exec` would take. Response flags are not known: the access log has the workload's own requests as well. API: `pods/exec`.",
    errors: &[&REQUEST, &HOST_PORT, &BAD_ANSWER, &TYPE, &NOT_FOUND, &FORBIDDEN, &DENIED],
    permissions: descriptor::EXEC,
    search: &["kubectl exec", "curl", "--allow-exec"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"workload("front").exec_request(host("graph-core"), "/", #{ count: 2 })"#,
            expect: Expect::Value("2 requests: 200"),
        },
        Example {
            world: "healthy",
            script: r#"workload("front").exec_request(host("graph-core"), "/", #{ method: "DELETE" })"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let work = call.receiver::<Workload>()?;
    let asked = Asked::of_call(call)?;
    let answers = executed::ask(call.run(), work.object(), &asked)?;
    saw(call, answers.text());
    Ok(Dynamic::from(answers))
}
