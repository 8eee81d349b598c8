//! `Host.refused_plaintext()`: connections of callers without a sidecar that the host's proxies refuse.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::host::Host;
use crate::metric::Metric;
use crate::tls::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "refused_plaintext",
    receiver: Some("Host"),
    returns: "Metric",
    class: Some(Class::Read),
    summary: "How many connections the host's proxies refused in the last minute because they were no mutual TLS.",
    doc: "Such a connection is closed before there is a request: no metric counts it and no proxy of the caller knows it, only the access logs of the host's proxies, as `NR filter_chain_not_found`. Zero where nothing is STRICT. Missing where something is, pods of the host's namespace have no sidecar, and the access log is off.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::TLS,
    search: &["mTLS", "STRICT", "plaintext", "filter_chain_not_found", "access log"],
    examples: &[
        Example {
            world: "mtls-plaintext-caller",
            script: r#"host("graph-core").refused_plaintext() > 0"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").refused_plaintext() == 0"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, host) = (call.run(), call.receiver::<Host>()?);
    let what = format!("connections in plain text that {} refused in {}", host.text(), gather::SPAN);
    let metric = Metric::new(what, gather::refused_plaintext(run, &host)?);
    saw(call, metric.text());
    Ok(Dynamic::from(metric))
}
