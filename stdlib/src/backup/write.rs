//! `Backup.write(name)`: keeps it in a file of this machine.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::{Class, ObjectRef};
use meshbook_runtime::failure::{DENIED, FILE, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive, Type};
use rhai::Dynamic;
use serde_json::json;

use crate::backup::Backup;
use crate::descriptor::{self, param};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "write",
    receiver: Some("Backup"),
    params: &[param("name", Type::String, "letters, digits, `.`, `-` and `_`")],
    returns: "()",
    class: Some(Class::Change),
    inverse: Some(Inverse::Deletion),
    summary: "Writes it to a new file in the folder of backups, which only this user can read.",
    doc: "A change like any other (`--approve file`): shown, recorded with the file's hash, and taken back by its removal while it is as it was written. A file that is there is never overwritten. It is whole or not at all. `kubectl apply -f` takes the file too.",
    errors: &[&FILE, &DENIED],
    permissions: descriptor::CLUSTER_IDENTITY,
    kinds: &[("", "File")],
    search: &["save", "file", "store"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"backup().write("before-upgrade")"#,
            expect: Expect::Changes(&["File before-upgrade: sha256", "File before-upgrade: bytes"]),
        },
        Example { world: "healthy", script: r#"backup().write("a/b")"#, expect: Expect::Fails("meshbook::file") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let backup = call.receiver::<Backup>()?;
    let summary = format!("write the backup of {}", backup.text());
    let content = json!({ "content": backup.file() });
    // The folder is meshbook's own; a script names a file in it and no other place.
    let change = Change::creation(ObjectRef::file(&call.string(0)?), summary, content).designated();
    call.run().change(change)?;
    Ok(Dynamic::UNIT)
}
