//! `Host.errors(over)`: which part of the requests failed.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::errors::Errors;
use crate::host::Host;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "errors",
    receiver: Some("Host"),
    params: &[param("over", Type::Duration, "the span that ends now")],
    returns: "Errors",
    class: Some(Class::Read),
    summary: "Which part of the requests to the host failed in a span of time.",
    doc: "Answers of 500 to 599 and requests without an answer, as the callers saw it: `istio_requests_total`, else `rq_error` and `rq_success` of Envoy's `/clusters` page, which Istio exports by default.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::EVIDENCE,
    search: &["5xx", "error rate", "failures"],
    examples: &[
        Example {
            world: "breaker",
            script: r#"host("graph-core").errors(over("1m")).rate() > 0.01"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").errors(over("1m"))"#,
            expect: Expect::Contains("0 % of"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let errors = Errors::gather(call.run(), &call.receiver::<Host>()?, call.span(0)?)?;
    saw(call, errors.text());
    Ok(Dynamic::from(errors))
}
