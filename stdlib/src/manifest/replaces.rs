//! `Manifest.replaces()`: which other versions stand in its place.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::manifest::{Manifest, gather};
use crate::text::and;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "replaces",
    receiver: Some("Manifest"),
    returns: "string",
    class: Some(Class::Read),
    summary: "Which control planes of another version the manifest would replace, as a sentence; empty if none.",
    doc: "By the tags of the images of Deployments of istiods that have the same names. Replacing one in place moves every proxy at once, and leaves no old one to go back to.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::GET_ANY,
    search: &["upgrade", "in place", "version"],
    examples: &[
        Example { world: "install-empty", script: r#"istio_manifest("1.31.0").replaces()"#, expect: Expect::Value("") },
        Example {
            world: "upgrade-canary",
            script: r#"istio_manifest("1.31.0").replaces()"#,
            expect: Expect::Value("Deployment istio-system/istiod is of 1.30.3"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let others = gather::others(call.run(), &call.receiver::<Manifest>()?)?;
    let text = if others.is_empty() { String::new() } else { and(&others) };
    saw(
        call,
        if text.is_empty() { "it replaces no control plane of another version".to_owned() } else { text.clone() },
    );
    Ok(Dynamic::from(text))
}
