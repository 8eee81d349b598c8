//! `TlsPair.is_counted()`: whether anything tells what became of the caller's requests.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::tls::TlsPair;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_counted",
    receiver: Some("TlsPair"),
    returns: "bool",
    summary: "Whether anything tells what became of the caller's requests: telemetry, or its access log.",
    doc: "Without it, `fails` has no data.",
    search: &["no data", "evidence"],
    examples: &[Example {
        world: "mtls-disabled-by-rule",
        script: r#"host("graph-core").tls_by_caller().first().is_counted()"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<TlsPair>()?.known().failed.is_ok()))
}
