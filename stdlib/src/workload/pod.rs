//! `pod(name)`: one pod.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::WORKLOAD_UNKNOWN;
use crate::descriptor::{self, param};
use crate::workload::resolve;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "pod",
    params: &[param("name", Type::String, "its name").naming(descriptor::A_POD)],
    returns: "Pod",
    class: Some(Class::Read),
    summary: "One pod of the run's namespace.",
    doc: "Pods' names die at every restart: prefer `workload`.",
    errors: &[&WORKLOAD_UNKNOWN],
    permissions: descriptor::PODS,
    search: &["container"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"pod(host("graph-core").proxies().first().pod())"#,
            expect: Expect::Contains("Pod summit/graph-core-"),
        },
        Example { world: "healthy", script: r#"pod("none")"#, expect: Expect::Fails("meshbook::workload::unknown") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(resolve::pod(call.run(), &call.string(0)?)?))
}
