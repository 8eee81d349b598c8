//! `TlsPair.agree()`: whether both sides agree about TLS.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::tls::TlsPair;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "agree",
    receiver: Some("TlsPair"),
    returns: "bool",
    summary: "Whether what the caller sends is what the server accepts, and each trusts the certificate of the other.",
    errors: &[&NO_DATA],
    search: &["handshake", "tls-check", "mTLS"],
    examples: &[
        Example { world: "mtls-disabled-by-rule", script: r#"host("graph-core").tls_by_caller().first().agree()"#, expect: Expect::Value("false") },
        Example { world: "healthy", script: r#"host("graph-core").tls_by_caller().all(|pair| pair.agree())"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<TlsPair>()?.cause()?.is_none()))
}
