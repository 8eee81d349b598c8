//! `Sources.is_enough()`: whether the other runbooks can see.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::sources::Sources;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_enough",
    receiver: Some("Sources"),
    returns: "bool",
    summary: "Whether at least one source tells what each caller meets.",
    doc: "`istio_requests_total`, or Envoy's statistics, or access logs. Prometheus without that series, and traces, are not enough.",
    errors: &[&NO_DATA],
    search: &["complete"],
    examples: &[
        Example {
            world: "breaker-default-stats",
            script: r#"host("graph-core").sources().is_enough()"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Sources>()?.seen()?.dark().is_empty()))
}
