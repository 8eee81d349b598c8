//! `TrustRoot.is_shared_with(other)`: whether two meshes trust each other.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::trust_root::TrustRoot;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_shared_with",
    receiver: Some("TrustRoot"),
    params: &[param("other", Type::Noun("TrustRoot"), "that of the other cluster")],
    returns: "bool",
    summary: "Whether a root certificate is trusted in both.",
    errors: &[&NO_DATA],
    search: &["same root", "multicluster"],
    examples: &[Example {
        world: "healthy",
        script: r#"trust_root().is_shared_with(trust_root())"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<TrustRoot>()?.shares(&call.noun::<TrustRoot>(0)?)?))
}
