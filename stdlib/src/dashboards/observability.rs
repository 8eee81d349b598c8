//! `observability()`: the dashboards, and what gathers their spans.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::dashboards::gather;
use crate::dashboards::known::{COLLECTOR, KNOWN};
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "observability",
    returns: "Dashboards",
    class: Some(Class::Read),
    summary: "Whether the OpenTelemetry collector, Prometheus, Grafana, Jaeger and Kiali are there and well, by their own health endpoints.",
    doc: "As `dashboards()`, and the collector: its extension `health_check`, port 13133 of its pod, which its Service usually does not offer.",
    permissions: descriptor::EVIDENCE_AND_ENDPOINTS,
    search: &["otel-collector", "opentelemetry", "health_check", "kiali healthz", "kubectl wait"],
    examples: &[
        Example {
            world: "installation-observability",
            script: r#"observability()"#,
            expect: Expect::Value("OpenTelemetry collector, Prometheus, Grafana, Jaeger and Kiali answer"),
        },
        Example {
            world: "installation-collector-unwell",
            script: r#"observability().has("OpenTelemetry collector")"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let all = std::iter::once(&COLLECTOR).chain(&KNOWN);
    Ok(Dynamic::from(gather::gather(call.run(), all)?))
}
