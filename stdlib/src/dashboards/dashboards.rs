//! `dashboards()`: where they are, and whether they answer.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::dashboards::gather;
use crate::dashboards::known::KNOWN;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "dashboards",
    returns: "Dashboards",
    class: Some(Class::Read),
    summary: "Where Prometheus, Grafana, Jaeger and Kiali are, whether each answers, and how to open it.",
    doc: "By the labels, names and ports of Services; each is asked for its health page by port-forward to a ready pod behind its Service. `prometheus`, `jaeger`, `grafana` and `kiali` of the configuration file come first, if they are there.",
    permissions: descriptor::EVIDENCE_AND_ENDPOINTS,
    search: &["istioctl dashboard", "grafana", "kiali", "jaeger", "prometheus"],
    examples: &[Example {
        world: "healthy",
        script: r#"dashboards()"#,
        expect: Expect::Value("Prometheus answers; Grafana, Jaeger and Kiali are not there"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(gather::gather(call.run(), &KNOWN)?))
}
