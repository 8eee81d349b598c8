//! `Revision.is_default()`: whether it is the default.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::revision::{Revision, default};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_default",
    receiver: Some("Revision"),
    returns: "bool",
    class: Some(Class::Probe),
    summary: "Whether `istio-injection=enabled` leads to the revision and to no other, the default validator calls it, and an object of Istio is admitted.",
    doc: "The objects are read now; the creation of a DestinationRule in the run's namespace is tried (`dryRun=All`).",
    errors: &[&NO_DATA, &FORBIDDEN],
    permissions: descriptor::IS_DEFAULT,
    search: &["istioctl tag list", "validator"],
    examples: &[
        Example { world: "upgrade-moved", script: r#"revision("1-31").is_default()"#, expect: Expect::Value("false") },
        Example { world: "upgrade-moved", script: r#"revision("default").is_default()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let revision = call.receiver::<Revision>()?;
    let lacking = default::lacking(call.run(), &revision)?;
    saw(call, lacking.clone().unwrap_or_else(|| format!("{} is the default", revision.text())));
    Ok(Dynamic::from(lacking.is_none()))
}
