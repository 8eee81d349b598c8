//! `TlsPair.reaches(over)`: whether its requests arrive by mutual TLS.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::tls::{TlsPair, traffic};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "reaches",
    receiver: Some("TlsPair"),
    params: &[param("over", Type::Duration, "the span that ends now")],
    returns: "bool",
    class: Some(Class::Read),
    summary: "Whether no request of the caller failed in a span that ends now, and requests came by mutual TLS.",
    doc: "Telemetry says both: the flags on the caller's side, `connection_security_policy=\"mutual_tls\"` on the server's. Without it, the caller's access log says the first. A caller that sent nothing is no proof.",
    errors: &[&NO_DATA],
    permissions: descriptor::TLS,
    search: &["handshake", "proof", "mutual_tls"],
    examples: &[
        Example { world: "mtls-disabled-by-rule", script: r#"host("graph-core").tls_by_caller().first().reaches(over("30s"))"#, expect: Expect::Value("false") },
        Example { world: "healthy", script: r#"host("graph-core").tls_by_caller().first().reaches(over("30s"))"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let pair = call.receiver::<TlsPair>()?;
    let known = pair.known();
    let (reaches, said) = traffic::reaches(call.run(), &known.host, &known.caller, call.span(0)?)?;
    saw(call, said);
    Ok(Dynamic::from(reaches))
}
