//! `Host.is_complete(file)`: whether the objects about the host have every section of a reviewed file.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure, SCRIPT};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::CONFIGURED_ELSEWHERE;
use crate::descriptor::{self, param};
use crate::host::Host;
use crate::onboarding::file;
use crate::text::and;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_complete",
    receiver: Some("Host"),
    params: &[param("file", Type::Resource, "as `configure` takes it")],
    returns: "bool",
    class: Some(Class::Read),
    summary: "Whether every object of the file is there, and has every section that the file has.",
    doc: "Sections as `add_missing` adds them. One that is there with other values counts: `is_configured` compares values.",
    errors: &[&CONFIGURED_ELSEWHERE, &SCRIPT, &FORBIDDEN],
    permissions: descriptor::CONFIGURED,
    search: &["kubectl diff", "missing", "unset"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"host("catalog").is_complete("circuit-breakers.destinationrule.yaml")"#,
            expect: Expect::Value("false"),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").is_complete("onboarding.virtualservice.yaml")"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (host, (name, text)) = (call.receiver::<Host>()?, call.resource(0)?);
    let lacking: Vec<String> =
        file::lacking(call.run(), &host, &name, &text)?.iter().map(file::Lacking::text).collect();
    saw(call, if lacking.is_empty() { format!("nothing of {name} is lacking") } else { and(&lacking) });
    Ok(Dynamic::from(lacking.is_empty()))
}
