//! `Carried.walk(path, headers)`: which route a request takes in each proxy.

use std::collections::BTreeMap;

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::carried::Carried;
use crate::carried::walk::{Asked, Walk};
use crate::descriptor::{self, optional};
use crate::text::first_line;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "walk",
    receiver: Some("Carried"),
    params: &[
        optional("path", Type::String, "\"/\"", "the path of the request, without a query"),
        optional("headers", Type::Map, "#{}", "its headers: `#{ \"x-test\": \"canary\" }`"),
    ],
    returns: "Walk",
    summary: "Which route a GET request takes in each proxy, walked through the routes that it has now, in Envoy's order.",
    doc: "No request is made. The virtual host is that of the host's first port. `envoy.config.route.v3.RouteMatch`: path, prefix, path-separated prefix, regular expression (of the whole path), headers in every form; a route that asks for more, such as query parameters, ends the walk without a result.",
    errors: &[&TYPE],
    search: &["istioctl proxy-config route", "canary", "header match", "VirtualService"],
    examples: &[
        Example { world: "healthy", script: r#"let host = host("graph-core"); host.carried(host.callers()).walk()"#, expect: Expect::Value("/ of graph-core.summit: route default to outbound|8080||graph-core.summit.svc.cluster.local in 4 proxies") },
        Example { world: "healthy", script: r#"let host = host("graph-core"); host.carried(host.callers()).walk("/health", #{ "x-test": "canary" })"#, expect: Expect::Contains("route canary to outbound|8080|v1|graph-core") },
        Example { world: "healthy", script: r#"let host = host("graph-core"); host.carried(host.callers()).walk("health")"#, expect: Expect::Fails("meshbook::script::type") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let path = if call.given(0) { call.string(0)? } else { "/".to_owned() };
    if !path.starts_with('/') {
        return Err(Failure::new(&TYPE, format!("`{}` is no path", first_line(&path))).hint("a path begins with `/`"));
    }
    let given = if call.given(1) { call.map(1)? } else { rhai::Map::new() };
    let mut headers = BTreeMap::new();
    for (name, value) in given {
        let text = value.into_string().map_err(|_| {
            Failure::new(&TYPE, format!("the header {} has a value that is no string", first_line(&name)))
                .hint("write `#{ \"x-test\": \"canary\" }`")
        })?;
        headers.insert(name.to_ascii_lowercase(), text);
    }
    let walk = Walk::through(&call.receiver::<Carried>()?, Asked { path, headers })?;
    saw(call, walk.text());
    Ok(Dynamic::from(walk))
}
