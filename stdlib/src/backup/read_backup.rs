//! `read_backup(name[, cluster, identity])`: a backup from its file, whole and of this cluster.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FILE, Failure, NOT_FOUND};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::backup::Backup;
use crate::code::{BACKUP_DAMAGED, BACKUP_FOREIGN, BACKUP_KEY};
use crate::descriptor::{self, optional, param};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "read_backup",
    params: &[
        param("name", Type::String, "the name of the file in the folder of backups"),
        optional(
            "cluster",
            Type::String,
            "\"\"",
            "of which other cluster it may be: the uid of that one's namespace kube-system; only this one if empty",
        ),
        optional(
            "identity",
            Type::String,
            "\"\"",
            "the name of the file of `age-keygen` in the same folder, by which the secrets are decrypted; without it they are left alone",
        ),
    ],
    returns: "Backup",
    class: Some(Class::Read),
    summary: "Reads a backup from its file, and believes it only whole: its manifest, and the SHA-256 of every object.",
    doc: "Refused, before anything else is done: a file that is cut short or altered anywhere, one of another version of the format, and one of another cluster than this, unless that cluster is named. The folder is `backups` of `$MESHBOOK_HOME`, or of `~/.local/state/meshbook`. What a file holds is in no record; its hash is.",
    errors: &[&BACKUP_DAMAGED, &BACKUP_FOREIGN, &BACKUP_KEY, &FILE, &NOT_FOUND],
    permissions: descriptor::CLUSTER_IDENTITY,
    search: &["disaster recovery", "restore", "import"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"let taken = backup(); taken.write("before"); read_backup("before")"#,
            expect: Expect::Changes(&["File before: sha256", "File before: bytes"]),
        },
        Example {
            world: "healthy",
            script: r#"read_backup("never-written")"#,
            expect: Expect::Fails("meshbook::cluster::not_found"),
        },
        Example { world: "healthy", script: r#"read_backup("../runs")"#, expect: Expect::Fails("meshbook::file") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let text = |index: usize| if call.given(index) { call.string(index) } else { Ok(String::new()) };
    Ok(Dynamic::from(Backup::read(call.run(), &text(0)?, &text(1)?, &text(2)?)?))
}
