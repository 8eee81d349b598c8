//! `RestorationPart.restore()`: makes objects as the backup has them.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, REJECTED};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive};
use rhai::Dynamic;

use crate::backup::restoration::Part;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "restore",
    receiver: Some("RestorationPart"),
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Makes its objects as the backup has them: creates what is not there, changes what differs; answers whether anything had to be done.",
    doc: "Each object is read anew, and left alone if it is equal by now. It may lie in any namespace: the backup designates it, which is believed only whole and of this cluster. Each is a change of its own kind (`--approve destinationrule,virtualservice`); the secrets of the certificate authority, and what GitOps owns, have to be approved by name. Nothing is deleted.",
    errors: &[&FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::RESTORE,
    kinds: descriptor::KINDS_OF_A_BACKUP,
    search: &["kubectl apply -f", "recover", "import"],
    examples: &[Example {
        world: "healthy",
        script: r#"let taken = backup(); k8s::patch("dr", "catalog", #{ spec: #{ host: "other" } }); for part in taken.restoration().parts() { part.restore(); }"#,
        expect: Expect::Changes(&[
            "DestinationRule summit/catalog: spec.host",
            "DestinationRule summit/catalog: spec.host",
        ]),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Part>()?.0.make(call.run())?))
}
