//! `RestorationPart.is_restored()`: whether objects are as the backup has them.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::backup::restoration::Part;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_restored",
    receiver: Some("RestorationPart"),
    returns: "bool",
    class: Some(Class::Read),
    summary: "Whether each of its objects, read from the cluster now, is as the backup has it.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::GET_ANY,
    search: &["verify", "equal", "proof"],
    examples: &[Example {
        world: "healthy",
        script: r#"let taken = backup(); k8s::patch("dr", "catalog", #{ spec: #{ host: "other" } }); check("it differs", taken.restoration().parts().all(|part| !part.is_restored()))"#,
        expect: Expect::Changes(&["DestinationRule summit/catalog: spec.host"]),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let part = call.receiver::<Part>()?;
    let differing = part.0.first_lacking(call.run())?;
    saw(
        call,
        match &differing {
            Some(object) => object.clone(),
            None => format!("as in the backup: {}", part.text()),
        },
    );
    Ok(Dynamic::from(differing.is_none()))
}
