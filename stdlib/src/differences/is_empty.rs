//! `Differences.is_empty()`: whether all are alike.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::differences::Differences;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_empty",
    receiver: Some("Differences"),
    returns: "bool",
    summary: "Whether all proxies that answered are configured alike.",
    errors: &[&NO_DATA],
    search: &["same", "equal"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"proxies("front").diff().is_empty()"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Differences>()?.others()?.is_empty()))
}
