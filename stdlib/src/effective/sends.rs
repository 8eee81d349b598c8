//! `Effective.sends()`: what the caller sends.`

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::code::ROUTE;
use crate::descriptor;
use crate::effective::Effective;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "sends",
    receiver: Some("Effective"),
    returns: "string",
    summary: "What the caller's proxy sends to the host, by the rules that apply: `ISTIO_MUTUAL`, `DISABLE`, `SIMPLE`, `MUTUAL`, `automatic`, or `plain text` of a caller without a sidecar.",
    doc: "`automatic` is mutual TLS to every endpoint that has a sidecar (`enableAutoMtls`). Subsets of the route that differ are joined by `or`.",
    errors: &[&ROUTE],
    search: &["mTLS", "tls mode"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").effective("front").sends()"#, expect: Expect::Value("automatic") },
        Example { world: "mtls-simple-by-rule", script: r#"host("graph-core").effective("front").sends()"#, expect: Expect::Value("SIMPLE") },
        Example { world: "healthy", script: r#"host("graph-core").effective("legacy").sends()"#, expect: Expect::Value("plain text") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let effective = call.receiver::<Effective>()?;
    let seen = effective.seen();
    if !seen.caller.has_proxy {
        return Ok(Dynamic::from("plain text".to_owned()));
    }
    if let Err(why) = &seen.known {
        return Err(Failure::new(&ROUTE, format!("{} does not know {}: {why}", seen.caller.text(), seen.host.text())));
    }
    let modes: Vec<String> = seen.parts.iter().map(|part| effective.sends(part)).collect();
    let mut unique = modes.clone();
    unique.sort_unstable();
    unique.dedup();
    Ok(Dynamic::from(unique.join(" or ")))
}
