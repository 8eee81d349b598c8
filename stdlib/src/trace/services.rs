//! `jaeger::services()`: who has reported spans.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::{Array, Dynamic};

use crate::descriptor;
use crate::trace::read;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "jaeger::services",
    returns: "array",
    class: Some(Class::Read),
    summary: "The services that have reported spans to Jaeger.",
    doc: "`/api/services`. Istio's proxies call themselves `APP.NAMESPACE` unless `tracing_service_name` says otherwise. Jaeger is found as a Service (Istio's `tracing`, `jaeger-query`), or by `jaeger` in the configuration file; one that does not answer is missing data.",
    errors: &[&NO_DATA],
    permissions: descriptor::PROMETHEUS,
    search: &["tracing", "spans"],
    examples: &[
        Example { world: "traces", script: r#"jaeger::services().len()"#, expect: Expect::Value("4") },
        Example { world: "breaker", script: r#"jaeger::services()"#, expect: Expect::Fails("meshbook::data::missing") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    match read::services(call.run())? {
        Ok(names) => Ok(names.into_iter().map(Dynamic::from).collect::<Array>().into()),
        Err(missing) => Err(missing.failure("the list of Jaeger's services")),
    }
}
