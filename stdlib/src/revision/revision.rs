//! `revision(name)`: a revision of the control plane.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::revision::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "revision",
    params: &[param("name", Type::String, "its name, as `istio.io/rev` of its istiods says it, or a tag's; `default` for an installation without revision")],
    returns: "Revision",
    class: Some(Class::Read),
    summary: "A revision of the control plane as it is now, by its name or by the name of a tag.",
    doc: "Reads what `control_plane()` reads. A name that is neither, and a tag whose revision has no istiod, is missing.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::CONTROL_PLANE,
    search: &["canary", "istio.io/rev", "istioctl tag list", "upgrade"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"revision("1-31")"#, expect: Expect::Value("revision 1-31") },
        Example { world: "upgrade-canary", script: r#"revision("1-32").is_missing()"#, expect: Expect::Value("true") },
        Example { world: "upgrade-dangling-tag", script: r#"revision("prod").why()"#, expect: Expect::Contains("points at revision 1-29, which has no istiod") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(gather::gather(call.run(), &call.string(0)?)?))
}
