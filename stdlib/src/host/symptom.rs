//! `Host.symptom()`: what callers see.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::Span;
use rhai::Dynamic;

use crate::descriptor;
use crate::host::Host;
use crate::symptom::gather::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "symptom",
    receiver: Some("Host"),
    returns: "Symptom",
    class: Some(Class::Read),
    summary: "What callers of the host see in the last minute, told apart by Envoy's response flags.",
    doc: "From `istio_requests_total`, else access logs, else the health of its hosts. UO, UH, UF, UC, NR, NC, UT, DC and the application's own answers are different faults with different cures; the symptom names the runbook for its own.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::EVIDENCE,
    search: &["503", "response flags", "UH", "UF", "UC", "NR", "UT"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").symptom()"#, expect: Expect::Contains("healthy") },
        Example {
            world: "no-healthy-upstream",
            script: r#"host("graph-core").symptom()"#,
            expect: Expect::Contains("UH"),
        },
        Example {
            world: "breaker",
            script: r#"host("graph-core").symptom().runbook()"#,
            expect: Expect::Value("troubleshooting/503-circuit-breaker.rhai"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let minute = Span(std::time::Duration::from_secs(60));
    Ok(Dynamic::from(gather(call.run(), &call.receiver::<Host>()?, minute)?))
}
