//! `prom::range(query, over, step)`: a query's past.

use std::time::Duration;

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use meshbook_runtime::value::{List, Span};
use rhai::Dynamic;

use crate::descriptor::{self, optional, param};
use crate::series::range;
use crate::text::first_line;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "prom::range",
    params: &[
        param("query", Type::String, "PromQL").naming(Names::PromQl),
        param("over", Type::Duration, "the span that ends now"),
        optional("step", Type::Duration, "()", "the distance of two points"),
    ],
    returns: "List<Series>",
    class: Some(Class::Read),
    summary: "What a query answered over a span of time, one series for each set of labels.",
    doc: "`/api/v1/query_range` from `over` ago until now by the clock of the run, one point for each `step`. Without a step there are 60 points. A point that is absent is a gap, not zero.",
    errors: &[&NO_DATA],
    permissions: descriptor::PROMETHEUS,
    search: &["PromQL", "history", "graph", "trend"],
    examples: &[
        Example { world: "healthy", script: r#"prom::range("sum(rate(istio_requests_total[1m]))", over("3m"), over("30s")).first().points()"#, expect: Expect::Value("7") },
        Example { world: "healthy", script: r#"prom::range("no_such_metric", over("3m")).is_empty()"#, expect: Expect::Value("true") },
        Example { world: "healthy", script: r#"prom::range("sum(", over("3m"))"#, expect: Expect::Fails("meshbook::data::missing") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (query, span) = (call.string(0)?, call.span(1)?);
    let step = if call.given(2) { call.span(2)? } else { Span((span.0 / 60).max(Duration::from_secs(1))) };
    match range(call.run(), &query, span, step)? {
        Ok(found) => Ok(Dynamic::from(List::new(found))),
        Err(missing) => Err(missing.failure(&format!("`{}`", first_line(&query)))),
    }
}
