//! `Backup.restoration()`: in what the cluster differs from it.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NOT_FOUND};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::backup::{Backup, restoration};
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "restoration",
    receiver: Some("Backup"),
    returns: "Restoration",
    class: Some(Class::Read),
    summary: "In what the cluster differs from the backup now: what would have to be restored, in its order.",
    doc: "Objects are held against each other without what servers and controllers add, whichever version of their group they are served in. First namespaces, the certificate authority, Istio's ConfigMaps; then what others refer to before those that refer to it; policies that refuse come last.",
    errors: &[&NOT_FOUND, &FORBIDDEN],
    permissions: descriptor::BACKUP,
    search: &["compare", "diff", "drift", "restore"],
    examples: &[Example {
        world: "healthy",
        script: r#"backup().restoration()"#,
        expect: Expect::Value("nothing differs from the 8 objects of the backup"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let restoration = restoration::gather(call.run(), &call.receiver::<Backup>()?)?;
    saw(call, restoration.text());
    Ok(Dynamic::from(restoration))
}
