//! `ControlPlane.traffic(over)`: whether traffic goes on.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{BAD_ANSWER, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::metric::Metric;
use crate::prometheus::{Series, ask};
use meshbook_runtime::value::Missing;
use crate::descriptor::{self, optional};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "traffic",
    receiver: Some("ControlPlane"),
    params: &[optional("over", Type::Duration, "\"2m\"", "over which span of time, at least two scrapes")],
    returns: "Metric",
    class: Some(Class::Read),
    summary: "Requests that the mesh answered in a span of time: proof that traffic goes on without a control plane.",
    doc: "From Prometheus: `istio_requests_total` as the servers' proxies counted it, of all services together. May be missing.",
    errors: &[&BAD_ANSWER],
    permissions: descriptor::PROMETHEUS,
    search: &["requests", "data plane", "goes on"],
    examples: &[
        Example {
            world: "control-plane-wrong-selector",
            script: r#"control_plane().traffic("2m") > 1000"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let span = call.span(0)?;
    let millis = span.0.as_millis();
    let query = format!("sum(increase(istio_requests_total{{reporter=\"destination\"}}[{millis}ms]))");
    let value = match ask(call.run(), "whether traffic goes on", query)? {
        Ok(series) => series
            .first()
            .and_then(Series::last)
            .map(|(_, value)| value.round())
            .ok_or_else(|| Missing::NoSeries("no istio_requests_total of any server".into())),
        Err(missing) => Err(missing),
    };
    let metric = Metric::new(format!("requests that the mesh answered in {span} (Prometheus: istio_requests_total)"), value);
    saw(call, metric.text());
    Ok(Dynamic::from(metric))
}
