//! `workload(name)`: what keeps pods running.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::WORKLOAD_UNKNOWN;
use crate::descriptor::{self, param};
use crate::workload::resolve;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "workload",
    params: &[param("name", Type::String, "its name").naming(descriptor::A_WORKLOAD)],
    returns: "Workload",
    class: Some(Class::Read),
    summary: "A Deployment, StatefulSet or DaemonSet of the run's namespace.",
    errors: &[&WORKLOAD_UNKNOWN],
    permissions: descriptor::WORKLOADS,
    search: &["deployment", "statefulset", "daemonset"],
    examples: &[
        Example { world: "healthy", script: r#"workload("front")"#, expect: Expect::Value("Deployment summit/front") },
        Example {
            world: "healthy",
            script: r#"workload("frnt")"#,
            expect: Expect::Fails("meshbook::workload::unknown"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(resolve::workload(call.run(), &call.string(0)?)?))
}
