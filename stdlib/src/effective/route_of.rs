//! `Effective.route()`: the route that applies.`

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::code::ROUTE;
use crate::descriptor;
use crate::effective::Effective;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "route",
    receiver: Some("Effective"),
    returns: "Route",
    summary: "The route that requests of the caller take, or Istio's defaults where no VirtualService applies.",
    errors: &[&ROUTE],
    search: &["VirtualService", "retries", "timeout"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").effective("front").route()"#, expect: Expect::Contains("route default of VirtualService summit/graph-core") },
        Example { world: "healthy", script: r#"host("graph-core").effective("legacy").route()"#, expect: Expect::Fails("meshbook::route::none") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let effective = call.receiver::<Effective>()?;
    Ok(Dynamic::from(effective.route()?))
}
