//! `read_manifest(name)`: what another tool has rendered into a file.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FILE, Failure, NOT_FOUND};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::MANIFEST;
use crate::descriptor::{self, param};
use crate::manifest::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "read_manifest",
    params: &[param("name", Type::String, "the name of the file in the folder of manifests")],
    returns: "Manifest",
    class: Some(Class::Read),
    summary: "Reads the objects of an installation from a file, such as `helm template` writes it.",
    doc: "The folder is `manifests` of `$MESHBOOK_HOME`, or of `~/.local/state/meshbook`: people put files there, nothing is written. YAML, one object or several. Hooks of Helm are refused: render with `--no-hooks`. The namespaces that its objects need are added. What the file holds is in no record as a whole; its hash is.",
    errors: &[&FILE, &MANIFEST, &NOT_FOUND],
    permissions: descriptor::MANIFEST,
    search: &["helm template", "kubectl apply -f", "install", "render"],
    examples: &[
        Example {
            world: "install-empty",
            script: r#"read_manifest("never-rendered")"#,
            expect: Expect::Fails("meshbook::cluster::not_found"),
        },
        Example {
            world: "install-empty",
            script: r#"read_manifest("../backups/x")"#,
            expect: Expect::Fails("meshbook::file"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let manifest = gather::in_file(call.run(), &call.string(0)?)?;
    saw(call, manifest.text());
    Ok(Dynamic::from(manifest))
}
