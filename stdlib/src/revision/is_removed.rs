//! `Revision.is_removed()`: whether its istiods are gone.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::revision::{Revision, remove};
use crate::text::some;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_removed",
    receiver: Some("Revision"),
    returns: "bool",
    class: Some(Class::Read),
    summary: "Whether no istiod of the revision is there any more, and nothing of what `remove` deletes.",
    doc: "Read now; of a name that no istiod has any more too. An istiod that is ending is still there: it serves its proxies until it is gone.",
    errors: &[&NO_DATA, &FORBIDDEN],
    permissions: descriptor::IS_REMOVED,
    search: &["gone", "uninstall"],
    examples: &[Example { world: "upgrade-canary", script: r#"revision("1-31").is_removed()"#, expect: Expect::Value("false") }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let remains = remove::remains(call.run(), &call.receiver::<Revision>()?)?;
    saw(call, if remains.is_empty() { "nothing of it is there".to_owned() } else { some(&remains, 3) });
    Ok(Dynamic::from(remains.is_empty()))
}
