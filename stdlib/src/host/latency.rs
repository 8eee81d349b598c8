//! `Host.latency(quantile, over)`: how long requests take.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::host::Host;
use crate::latency::quantile::buckets;
use crate::metric::{Metric, Unit};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "latency",
    receiver: Some("Host"),
    params: &[
        param("quantile", Type::Float, "which, between 0 and 1: `0.95` for P95"),
        param("over", Type::Duration, "the span that ends now"),
    ],
    returns: "Metric",
    class: Some(Class::Read),
    summary: "How long requests to the host take, as a quantile that compares with durations.",
    doc: "`histogram_quantile` over `istio_request_duration_milliseconds_bucket`, summed by `le`: as the callers' proxies timed them, which includes retries and waiting; where callers report nothing, as the server's did. It is interpolated within a bucket of the histogram, so that times between 1 s and 2.5 s are told apart only by how many there are. No requests, no series, and a quantile beyond the largest bucket are missing, not a time.",
    errors: &[&TYPE],
    permissions: descriptor::PROMETHEUS,
    search: &["P95", "percentile", "quantile", "slow", "duration", "histogram_quantile"],
    examples: &[
        Example {
            world: "latency-slow-dependency",
            script: r#"host("graph-core").latency(0.95, over("5m")) > over("2s")"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"over("200ms") >= host("graph-core").latency(0.95, over("5m"))"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"host("search.discovery").latency(0.95, over("5m")).why()"#,
            expect: Expect::Contains("no series"),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").latency(0.95, over("5m")) < 2"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").latency(95, over("5m"))"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (host, q, span) = (call.receiver::<Host>()?, call.float(0)?, call.span(1)?);
    if !(q > 0.0 && q < 1.0) {
        return Err(Failure::new(&TYPE, format!("{q} is no quantile")).hint("write P95 as 0.95"));
    }
    let what = format!("P{} of {} over {span}", crate::text::figure(q * 100.0), host.text());
    let value = buckets(call.run(), &host, span)?.and_then(|buckets| buckets.quantile(q));
    let metric = Metric::of(what, Unit::Seconds, value);
    saw(call, metric.text());
    Ok(Dynamic::from(metric))
}
