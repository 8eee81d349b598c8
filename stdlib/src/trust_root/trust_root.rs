//! `trust_root()`: whom the workloads of a mesh trust.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::trust_root::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "trust_root",
    returns: "TrustRoot",
    class: Some(Class::Read),
    summary: "The root certificates that the workloads of the mesh trust, by their fingerprints.",
    doc: "From the ConfigMap `istio-ca-root-cert` of Istio's root namespace (X.509, RFC 5280); the fingerprint is the SHA-256 of the certificate. Two clusters are one mesh for mutual TLS only where they share a root.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::TRUST_ROOT,
    search: &["istio-ca-root-cert", "root certificate", "ROOTCA", "multicluster", "cacerts"],
    examples: &[
        Example { world: "healthy", script: r#"trust_root() == trust_root()"#, expect: Expect::Value("true") },
        Example { world: "healthy", script: r#"trust_root()"#, expect: Expect::Contains("root") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(gather::gather(call.run())?))
}
