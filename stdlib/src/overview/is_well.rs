//! `Overview.is_well()`: whether nothing is wrong.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::overview::Overview;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_well",
    receiver: Some("Overview"),
    returns: "bool",
    summary: "Whether nothing is wrong with any of the proxies.",
    doc: "A certificate in its validity and renewed in time, configuration that is acknowledged and not refused, an istiod that knows it, memory below nine tenths of its limit, a host that takes requests for each service that was used.",
    errors: &[&NO_DATA],
    search: &["healthy", "check"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"proxies("front").overview().is_well()"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "mtls-expired-certificate",
            script: r#"proxies("graph-core").overview().is_well()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Overview>()?.problems()?.is_empty()))
}
