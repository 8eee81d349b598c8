//! `Effective.accepts()`: what the host accepts.`

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::effective::Effective;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "accepts",
    receiver: Some("Effective"),
    returns: "string",
    summary: "What the host's pods accept on the port: `STRICT`, `PERMISSIVE` or `DISABLE`; pods that differ are joined by `or`.",
    errors: &[&NO_DATA],
    search: &["PeerAuthentication", "STRICT"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").effective("front").accepts()"#, expect: Expect::Value("PERMISSIVE") },
        Example { world: "mtls-plaintext-caller", script: r#"host("graph-core").effective("legacy").accepts()"#, expect: Expect::Value("STRICT") },
        Example { world: "no-healthy-upstream", script: r#"host("graph-core").effective("front").accepts()"#, expect: Expect::Fails("meshbook::data::missing") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let effective = call.receiver::<Effective>()?;
    Ok(Dynamic::from(effective.accepts()?))
}
