//! `ManifestPart.is_applied()`: whether objects are as they were rendered, and work.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::manifest::outstanding::Part;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_applied",
    receiver: Some("ManifestPart"),
    returns: "bool",
    class: Some(Class::Read),
    summary: "Whether each of its objects, read from the cluster now, is as it was rendered, and works as far as its kind shows it.",
    doc: "A CustomResourceDefinition is established, a Deployment rolled out, each webhook has a root certificate.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::GET_ANY,
    search: &["verify", "rollout", "established", "proof"],
    examples: &[Example {
        world: "install-empty",
        script: r#"istio_manifest("1.31.0").outstanding().parts().first().is_applied()"#,
        expect: Expect::Value("false"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let part = call.receiver::<Part>()?;
    let lacking = part.0.first_lacking(call.run())?;
    saw(
        call,
        match &lacking {
            Some(what) => what.clone(),
            None => format!("as rendered, and at work: {}", part.text()),
        },
    );
    Ok(Dynamic::from(lacking.is_none()))
}
