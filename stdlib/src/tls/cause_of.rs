//! `TlsPair.cause()`: why they do not agree.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::tls::TlsPair;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "cause",
    receiver: Some("TlsPair"),
    returns: "string",
    summary: "Why the two sides do not agree, in fixed words; `()` if they do.",
    doc: "`plaintext caller under STRICT`, `TLS switched off by a rule`, `TLS of another kind set by a rule`, `plain text without a rule`, `no sidecar on the server`, `mutual TLS switched off on the server`, `expired certificate`, `two roots`.",
    errors: &[&NO_DATA],
    search: &["reason", "mismatch"],
    examples: &[
        Example { world: "mtls-disabled-by-rule", script: r#"host("graph-core").tls_by_caller().first().cause()"#, expect: Expect::Value("TLS switched off by a rule") },
        Example { world: "mtls-simple-by-rule", script: r#"host("graph-core").tls_by_caller().first().cause()"#, expect: Expect::Value("TLS of another kind set by a rule") },
        Example { world: "mtls-plaintext-caller", script: r#"host("graph-core").tls_by_caller().first().cause()"#, expect: Expect::Value("plaintext caller under STRICT") },
        Example { world: "mtls-expired-certificate", script: r#"host("graph-core").tls_by_caller().first().cause()"#, expect: Expect::Value("expired certificate") },
        Example { world: "mtls-two-roots", script: r#"host("graph-core").tls_by_caller().first().cause()"#, expect: Expect::Value("two roots") },
        Example { world: "mtls-missing-sidecar", script: r#"host("graph-core").tls_by_caller().first().cause()"#, expect: Expect::Value("no sidecar on the server") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let cause = call.receiver::<TlsPair>()?.cause()?;
    Ok(cause.map_or(Dynamic::UNIT, |cause| Dynamic::from(cause.words())))
}
