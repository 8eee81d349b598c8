//! `Host.route(name)`: the route that requests take.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::ROUTE;
use crate::descriptor::{self, optional};
use crate::host::Host;
use crate::latency::route_of;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "route",
    receiver: Some("Host"),
    params: &[optional("name", Type::String, "\"\"", "which route of the VirtualService; the one that takes every request if empty")],
    returns: "Route",
    class: Some(Class::Read),
    summary: "The route that requests to the host take, with the object that sets it.",
    doc: "As istiod looks it up for the namespace of most callers: VirtualServices for gateway `mesh` that are exported there; the exact host before a wildcard, the older one of two; of its routes the first that takes every request. Where most requests come in by gateways, the route that is bound to a gateway and leads to the host. Where none applies, Istio's defaults: two retries on connection failures and the like, no timeout.",
    errors: &[&ROUTE, &FORBIDDEN],
    permissions: descriptor::ROUTES,
    search: &["VirtualService", "retries", "timeout", "http"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"host("graph-core").route()"#,
            expect: Expect::Value("route default of VirtualService summit/graph-core: 3 retries, each attempt at most 2s, timeout 10s"),
        },
        Example {
            world: "healthy",
            script: r#"host("catalog").route()"#,
            expect: Expect::Value("catalog.summit without a VirtualService: 2 retries (Istio's default), no timeout"),
        },
        Example {
            world: "gateway-retry-storm",
            script: r#"host("graph-core").route()"#,
            expect: Expect::Contains("route shop of VirtualService summit/shop: 8 retries"),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").route("canary")"#,
            expect: Expect::Contains("route canary of VirtualService summit/graph-core"),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").route("blue")"#,
            expect: Expect::Fails("meshbook::route::none"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let name = if call.given(0) { call.string(0)? } else { String::new() };
    let host = call.receiver::<Host>()?;
    Ok(Dynamic::from(route_of(call.run(), &host, Some(name.as_str()).filter(|name| !name.is_empty()))?))
}
