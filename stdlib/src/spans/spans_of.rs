//! `Namespace.spans()`: whose spans have come to Jaeger.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::spans;
use crate::workload::Namespace;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "spans",
    receiver: Some("Namespace"),
    returns: "Spans",
    class: Some(Class::Read),
    summary: "Which services of the namespace have reported spans to Jaeger, of those whose pods have a proxy.",
    doc: "By `/api/services`. Istio samples one request of a hundred unless a Telemetry says otherwise: a service that is hardly asked may have no span yet.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::PROMETHEUS,
    search: &["jaeger", "tracing", "traces arrive"],
    examples: &[
        Example {
            world: "traces",
            script: r#"namespace().spans()"#,
            expect: Expect::Value("Jaeger has spans of 4 services of summit"),
        },
        Example { world: "breaker", script: r#"namespace().spans().is_missing()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let spans = spans::gather(call.run(), &call.receiver::<Namespace>()?.text())?;
    saw(call, spans.text());
    Ok(Dynamic::from(spans))
}
