//! `Host.ejections()`: which of its hosts get no requests.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::ejections::gather::gather;
use crate::host::Host;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "ejections",
    receiver: Some("Host"),
    returns: "Ejections",
    class: Some(Class::Read),
    summary: "Which hosts of the service its callers' proxies have ejected, by outlier detection.",
    doc: "`health_status.failed_outlier_check` of Envoy's `/clusters` page, which Istio's proxies show whatever statistics they export; each caller's proxy decides for itself.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::EVIDENCE_AND_RULES,
    search: &["outlier detection", "failed_outlier_check", "UH"],
    examples: &[
        Example {
            world: "latency-ejected-hosts",
            script: r#"host("graph-core").ejections()"#,
            expect: Expect::Contains("4 of 6 hosts of graph-core.summit are ejected"),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").ejections()"#,
            expect: Expect::Value("none of 6 hosts of graph-core.summit is ejected"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let ejections = gather(call.run(), &call.receiver::<Host>()?)?;
    saw(call, ejections.text());
    Ok(Dynamic::from(ejections))
}
