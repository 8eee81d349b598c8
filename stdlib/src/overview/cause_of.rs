//! `Overview.cause()`: the gravest thing that is wrong.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::overview::Overview;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "cause",
    receiver: Some("Overview"),
    returns: "string",
    summary: "The gravest thing that is wrong, in fixed words; empty if nothing is.",
    doc: "The words: proxy does not answer, proxy does not serve, expired certificate, no healthy endpoint, refused configuration, proxy without istiod, configuration not acknowledged, configuration waits, memory near its limit, certificate not renewed.",
    errors: &[&NO_DATA],
    search: &["finding"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"proxies("front").overview().cause()"#,
            expect: Expect::Value(""),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Overview>()?.problems()?.first().map(|one| one.cause).unwrap_or_default()))
}
