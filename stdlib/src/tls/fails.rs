//! `TlsPair.fails()`: whether its requests failed.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::tls::TlsPair;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "fails",
    receiver: Some("TlsPair"),
    returns: "bool",
    summary: "Whether requests of the caller ended as failed handshakes do, in the minute before the pair was looked at.",
    doc: "Flags UC or UF as the caller counted them, by telemetry, else by its access log; of a caller without a sidecar, connections that the servers logged as `NR filter_chain_not_found`.",
    errors: &[&NO_DATA],
    search: &["UC", "UF", "NR", "harm"],
    examples: &[
        Example { world: "mtls-disabled-by-rule", script: r#"host("graph-core").tls_by_caller().first().fails()"#, expect: Expect::Value("true") },
        Example { world: "healthy", script: r#"host("graph-core").tls_by_caller().first().fails()"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let pair = call.receiver::<TlsPair>()?;
    let known = pair.known();
    let failed = known.failed.as_ref().map_err(|why| why.failure(&format!("whether requests of {} fail", known.caller.name)))?;
    Ok(Dynamic::from(failed.failed > 0.5))
}
