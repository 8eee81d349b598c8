//! `Backup.is_in(name)`: whether a file holds it.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FILE, Failure, NOT_FOUND};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::backup::Backup;
use crate::code::BACKUP_DAMAGED;
use crate::descriptor::{self, param};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_in",
    receiver: Some("Backup"),
    params: &[param("name", Type::String, "the name of the file in the folder of backups")],
    returns: "bool",
    class: Some(Class::Read),
    summary: "Whether the file, read again from the disk, is whole and holds this backup, object by object.",
    errors: &[&BACKUP_DAMAGED, &FILE],
    permissions: descriptor::CLUSTER_IDENTITY,
    search: &["verify", "proof", "hash"],
    examples: &[
        Example { world: "healthy", script: r#"backup().is_in("never-written")"#, expect: Expect::Value("false") },
        Example {
            world: "healthy",
            script: r#"let taken = backup(); taken.write("kept"); check("whole", taken.is_in("kept"))"#,
            expect: Expect::Changes(&["File kept: sha256", "File kept: bytes"]),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (backup, name) = (call.receiver::<Backup>()?, call.string(0)?);
    let (is_in, seen) = match backup.is_in(call.run(), &name) {
        Ok(true) => (true, format!("the file {name} is whole, and holds it")),
        Ok(false) => (false, format!("the file {name} holds another backup")),
        Err(failure) if failure.is(&NOT_FOUND) => (false, failure.message),
        Err(failure) => return Err(failure),
    };
    saw(call, seen);
    Ok(Dynamic::from(is_in))
}
