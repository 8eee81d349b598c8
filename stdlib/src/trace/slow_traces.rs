//! `jaeger::slow_traces(service, over, longer_than[, limit])`: requests that took long.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{Failure, NO_DATA, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor::{self, optional, param};
use crate::trace::read;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "jaeger::slow_traces",
    params: &[
        param("service", Type::String, "the service as Jaeger names it: `graph-core.summit`"),
        param("over", Type::Duration, "the span that ends now"),
        param("longer_than", Type::Duration, "how long a span of the service must have taken"),
        optional("limit", Type::Int, "20", "how many at most"),
    ],
    returns: "List<Trace>",
    class: Some(Class::Read),
    summary: "Traces in which a span of a service took long, the slowest first.",
    doc: "`/api/traces` with `minDuration`. Jaeger chooses which it gives if there are more than `limit`, and only sampled requests have a trace (1 % by default): that there is none does not say that nothing was slow.",
    errors: &[&NO_DATA, &TYPE],
    permissions: descriptor::PROMETHEUS,
    search: &["tracing", "latency", "where does the time go"],
    examples: &[
        Example { world: "traces", script: r#"jaeger::slow_traces("graph-core.summit", over("5m"), over("2s")).is_empty()"#, expect: Expect::Value("false") },
        Example { world: "traces", script: r#"jaeger::slow_traces("graph-core.summit", over("5m"), over("2s")).first().duration() > over("2s")"#, expect: Expect::Value("true") },
        Example { world: "traces", script: r#"jaeger::slow_traces("graph-core.summit", over("5m"), over("2s")).first().own_times().largest()"#, expect: Expect::Value("store.summit") },
        Example { world: "traces", script: r#"jaeger::slow_traces("nobody", over("5m"), over("2s")).is_empty()"#, expect: Expect::Value("true") },
        Example { world: "traces", script: r#"jaeger::slow_traces("x", over("5m"), over("2s"), 0)"#, expect: Expect::Fails("meshbook::script::type") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let limit = if call.given(3) { call.int(3)? } else { 20 };
    if !(1..=1500).contains(&limit) {
        return Err(Failure::new(&TYPE, format!("`limit` must be from 1 to 1500, not {limit}")));
    }
    match read::slow(call.run(), &call.string(0)?, call.span(1)?, call.span(2)?, limit)? {
        Ok(traces) => Ok(Dynamic::from(List::new(traces))),
        Err(missing) => Err(missing.failure("the list of slow traces")),
    }
}
