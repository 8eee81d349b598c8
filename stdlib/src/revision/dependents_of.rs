//! `Revision.dependents()`: who still depends on it.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::dependents;
use crate::descriptor;
use crate::revision::Revision;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "dependents",
    receiver: Some("Revision"),
    returns: "Dependents",
    summary: "Who still depends on the revision: proxies, pods, namespaces, tags.",
    doc: "By what was seen when the revision was asked for: every istiod of every revision was asked which proxies it has. `istio-injection=enabled` and the tag `default` are no dependence: they move with `make_default`.",
    errors: &[&NO_DATA],
    search: &["connected", "proxy-status", "uninstall"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"revision("default").dependents()"#, expect: Expect::Contains("10 proxies are connected to it") },
        Example { world: "upgrade-moved", script: r#"revision("default").dependents()"#, expect: Expect::Value("nobody depends on revision default") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(dependents::of(&call.receiver::<Revision>()?)?))
}
