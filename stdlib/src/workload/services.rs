//! `Workload.services()`: the hosts that lead to it.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NOT_FOUND};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor;
use crate::health::gather;
use crate::kubernetes::read;
use crate::workload::Workload;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "services",
    receiver: Some("Workload"),
    returns: "List<Host>",
    class: Some(Class::Read),
    summary: "The services that select its pods; none of a workload that nobody asks.",
    errors: &[&NOT_FOUND, &FORBIDDEN],
    permissions: descriptor::SERVICES_OF_WORKLOAD,
    search: &["host", "selector"],
    examples: &[
        Example { world: "healthy", script: r#"workload("graph-core").services()"#, expect: Expect::Contains("graph-core.summit") },
        Example { world: "healthy", script: r#"workload("legacy").services().is_empty()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, work) = (call.run(), call.receiver::<Workload>()?);
    let object = read::get(run, work.object())?;
    let hosts = gather::hosts(run, &work, &object)?;
    Ok(Dynamic::from(List::new(hosts)))
}
