//! `Identities.are_valid_for(span)`: whether every certificate lasts so long.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::identity::Identities;
use crate::text::some;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "are_valid_for",
    receiver: Some("Identities"),
    params: &[param("span", Type::Duration, "how long from when they were looked at")],
    returns: "bool",
    summary: "Whether every certificate is valid now and for this long.",
    search: &["expiry", "expired", "days left"],
    examples: &[
        Example { world: "healthy", script: r#"proxies("front").identities().are_valid_for("1h")"#, expect: Expect::Value("true") },
        Example { world: "healthy", script: r#"proxies("front").identities().are_valid_for("48h")"#, expect: Expect::Value("false") },
        Example { world: "mtls-expired-certificate", script: r#"proxies("graph-core").identities().are_valid_for("1m")"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let ending = call.receiver::<Identities>()?.ending_within(call.span(0)?)?;
    saw(call, if ending.is_empty() { "every certificate is valid so long".to_owned() } else { format!("sooner end: {}", some(&ending, 3)) });
    Ok(Dynamic::from(ending.is_empty()))
}
