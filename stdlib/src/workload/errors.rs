//! `Workload.errors(over)`: which part of the requests that it sends failed.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::workload::{Workload, sent::sent};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "errors",
    receiver: Some("Workload"),
    params: &[param("over", Type::Duration, "the span that ends now; two scrapes at least")],
    returns: "Errors",
    class: Some(Class::Read),
    summary: "Which part of the requests that the workload sends failed in a span of time.",
    doc: "Answers of 500 to 599 and requests without an answer, as its own proxies counted them: `istio_requests_total` with `reporter=\"source\"`. A workload that sends nothing has no data.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::PROMETHEUS,
    search: &["5xx", "error rate", "egress", "outbound"],
    examples: &[
        Example { world: "healthy", script: r#"workload("front").errors(over("1m")).rate() < 0.01"#, expect: Expect::Value("true") },
        Example { world: "healthy", script: r#"workload("front").errors(over("1m"))"#, expect: Expect::Contains("requests that Deployment summit/front sent failed in 1m") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let errors = sent(call.run(), &call.receiver::<Workload>()?, call.span(0)?)?;
    saw(call, errors.text());
    Ok(Dynamic::from(errors))
}
