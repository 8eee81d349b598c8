//! `Host.is_configured(file)`: whether the objects of a reviewed file are as it says.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure, SCRIPT};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::host::Host;
use crate::onboarding::file;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_configured",
    receiver: Some("Host"),
    params: &[param("file", Type::Resource, "as `configure` takes it")],
    returns: "bool",
    class: Some(Class::Read),
    summary: "Whether every object of the file is there, and has every field that the file names as it names it.",
    errors: &[&SCRIPT, &FORBIDDEN],
    permissions: descriptor::GET_ANY,
    search: &["kubectl diff", "applied"],
    examples: &[Example {
        world: "healthy",
        script: r#"host("catalog").is_configured("onboarding.virtualservice.yaml")"#,
        expect: Expect::Value("false"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (host, (name, text)) = (call.receiver::<Host>()?, call.resource(0)?);
    let differing = file::differing(call.run(), &host, &name, &text)?;
    saw(call, differing.as_ref().map_or_else(|| format!("as {name} says"), |object| format!("{object} is not as {name} says")));
    Ok(Dynamic::from(differing.is_none()))
}
