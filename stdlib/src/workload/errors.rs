//! `Workload.errors(over)`: which part of the requests that it sends failed.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::errors::{Counted, Errors};
use crate::prometheus::{self, quote};
use crate::workload::Workload;

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
    let (run, work, span) = (call.run(), call.receiver::<Workload>()?, call.span(0)?);
    let query = format!(
        "sum by (response_code) (increase(istio_requests_total{{reporter=\"source\",source_workload_namespace={},source_workload={}}}[{span}]))",
        quote(work.object().namespace.as_deref().unwrap_or_default()),
        quote(&work.object().name)
    );
    let counted = prometheus::ask(run, "requests that it sends", query)?.map(|series| {
        let (mut total, mut errors) = (0.0, 0.0);
        for one in &series {
            let value = one.last().map_or(0.0, |(_, value)| value);
            let code = one.label("response_code");
            total += value;
            errors += if code.starts_with('5') || code == "0" { value } else { 0.0 };
        }
        Counted { total, errors, source: "Prometheus: istio_requests_total" }
    });
    let errors = Errors::sent(&work, span, counted);
    saw(call, errors.text());
    Ok(Dynamic::from(errors))
}
