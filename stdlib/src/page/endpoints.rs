//! `Proxies.endpoints(name)`: the endpoints of the proxies' clusters, with their health and the outlier check.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, optional};
use crate::envoy::admin;
use crate::proxies::Proxies;
use crate::page::gather::{Ask, gather};
use crate::page::read;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "endpoints",
    receiver: Some("Proxies"),
    params: &[optional("name", Type::String, "\"\"", "a part of their names, taken as it is; all if empty")],
    returns: "Page",
    class: Some(Class::Read),
    summary: "The endpoints of the proxies' clusters, with their health and the outlier check.",
    doc: "From `/clusters?format=json` (`envoy.admin.v3.Clusters`), only the clusters whose name holds `name`. Each row has `endpoint` (`ADDRESS:PORT`), `status`, `ejected` (bool, by outlier detection), `cluster`, and the counters `rq_total`, `rq_error`, `rq_active`, `cx_active`, `cx_connect_fail` since the proxy started, `proxy`.",
    permissions: descriptor::FORWARD,
    search: &["istioctl proxy-config endpoint", "EDS", "ejected", "health"],
    examples: &[
        Example { world: "healthy", script: r#"proxies("front").endpoints("|8080||graph-core.").rows()[0].status"#, expect: Expect::Value("HEALTHY") },
        Example { world: "latency-ejected-hosts", script: r#"proxies("front").endpoints("|8080||graph-core.").rows().some(|one| one.ejected)"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, proxies) = (call.run(), call.receiver::<Proxies>()?);
    let name = if call.given(0) { call.string(0)? } else { String::new() };
    let ask = Ask {
        what: "endpoints".into(),
        columns: read::ENDPOINTS,
        page: &|namespace, pod| admin::hosts_of(namespace, pod, &name),
        read: &read::endpoints,
        empty: (!name.is_empty()).then(|| format!("no name holds `{}`", crate::text::first_line(&name))),
        notes: Vec::new(),
    };
    Ok(Dynamic::from(gather(run, &proxies, ask)?))
}
