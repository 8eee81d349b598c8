//! `Identities.replace(before)`: whether these are new certificates in the place of others.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::identity::Identities;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "replace",
    receiver: Some("Identities"),
    params: &[param("before", Type::Noun("Identities"), "the certificates before the rotation")],
    returns: "bool",
    summary: "Whether every proxy shows a certificate with a new serial number, valid now, whose chain leads to a root that it trusts.",
    search: &["rotation", "renewed", "serial", "chain", "proof"],
    examples: &[Example { world: "healthy", script: r#"let before = proxies("front").identities(); proxies("front").identities().replace(before)"#, expect: Expect::Value("false") }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let now = call.receiver::<Identities>()?;
    let not = now.not_replacing(&call.noun::<Identities>(0)?)?;
    saw(call, not.clone().unwrap_or_else(|| now.text()));
    Ok(Dynamic::from(not.is_none()))
}
