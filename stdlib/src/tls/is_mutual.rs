//! `TlsPair.is_mutual()`: whether they speak mutual TLS.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::envoy::transport::Transport;
use crate::tls::TlsPair;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_mutual",
    receiver: Some("TlsPair"),
    returns: "bool",
    summary: "Whether the caller sends the mesh's mutual TLS, and the server takes it.",
    doc: "By the transport sockets in the caller's proxy and by what the server's proxies accept. Automatic mutual TLS counts: it is plain text only to pods without a sidecar.",
    errors: &[&NO_DATA],
    search: &["mTLS", "encrypted", "tls-check"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"host("graph-core").tls_by_caller().all(|pair| pair.is_mutual())"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "mtls-disabled-by-rule",
            script: r#"host("graph-core").tls_by_caller().first().is_mutual()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let pair = call.receiver::<TlsPair>()?;
    let (agree, known) = (pair.cause()?.is_none(), pair.known());
    let sent = known.sends.filter(|_| known.caller.sidecar).map(|transport| known.server.demand.gets(transport));
    Ok(Dynamic::from(agree && matches!(sent, Some(Transport::Automatic | Transport::Mutual))))
}
