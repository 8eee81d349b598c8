//! `Proxies.server_info()`: state, versions and uptime of the proxies.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::envoy::admin;
use crate::proxies::Proxies;
use crate::page::gather::{Ask, gather};
use crate::page::read;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "server_info",
    receiver: Some("Proxies"),
    returns: "Page",
    class: Some(Class::Read),
    summary: "State, versions and uptime of the proxies.",
    doc: "From `/server_info` (`envoy.admin.v3.ServerInfo`). Each row has `state` (`LIVE`, `DRAINING`, `PRE_INITIALIZING`, `INITIALIZING`), `envoy`, `istio`, `uptime_seconds` (int), `concurrency` (int or `()`), `proxy`.",
    permissions: descriptor::FORWARD,
    search: &["version", "uptime", "LIVE", "DRAINING"],
    examples: &[
        Example { world: "healthy", script: r#"proxies("front").server_info().rows()[0].state"#, expect: Expect::Value("LIVE") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, proxies) = (call.run(), call.receiver::<Proxies>()?);
    let ask = Ask {
        what: "server info".into(),
        columns: read::SERVER_INFO,
        page: &|namespace, pod| admin::server_info(namespace, pod),
        read: &read::server,
        empty: None,
        notes: Vec::new(),
    };
    Ok(Dynamic::from(gather(run, &proxies, ask)?))
}
