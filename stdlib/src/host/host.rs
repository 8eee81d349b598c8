//! `host(name)`: a service by its name.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::code::HOST_UNKNOWN;
use crate::descriptor::{self, param};
use crate::host::resolve::resolve;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "host",
    params: &[param("name", Type::String, "`name`, `name.namespace`, or the full name").naming(Names::Host)],
    returns: "Host",
    class: Some(Class::Read),
    summary: "A service of the mesh, by the name that callers use.",
    doc: "`graph-core` is a Service of the run's namespace; `graph-core.summit` one of another; the full name works too. The cluster's domain is read from the sidecars, else it is `cluster.local`.",
    errors: &[&HOST_UNKNOWN],
    permissions: descriptor::HOST,
    search: &["service", "upstream"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core")"#, expect: Expect::Value("graph-core.summit") },
        Example { world: "healthy", script: r#"host("search.discovery")"#, expect: Expect::Value("search.discovery") },
        Example { world: "healthy", script: r#"host("graph-cor")"#, expect: Expect::Fails("meshbook::host::unknown") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(resolve(call.run(), &call.string(0)?)?))
}
