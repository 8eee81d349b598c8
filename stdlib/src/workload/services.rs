//! `Workload.services()`: the hosts that lead to it.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NOT_FOUND};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;
use serde_json::Value;

use crate::descriptor;
use crate::host::resolve::resolve;
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::{selects, strings};
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
    let labels = strings(object.pointer("/spec/template/metadata/labels"));
    let namespace = work.object().namespace.as_deref().unwrap_or_default();
    let mut hosts = Vec::new();
    for service in read::list(run, kinds::service(), Some(namespace), None)? {
        let selector = strings(service.pointer("/spec/selector"));
        let name = service.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        if !selector.is_empty() && selects(&selector, &labels) {
            hosts.push(resolve(run, &format!("{name}.{namespace}"))?);
        }
    }
    Ok(Dynamic::from(List::new(hosts)))
}
