//! `Proxies.endpoints(name)`: the endpoints of the proxies' clusters, with their health and the outlier check.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::envoy::admin;
use crate::page::gather::{NAME, by_name};
use crate::page::read;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "endpoints",
    receiver: Some("Proxies"),
    params: NAME,
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
    let page = |namespace: &str, pod: &str, name: &str| admin::hosts_of(namespace, pod, name);
    Ok(Dynamic::from(by_name(call, "endpoints", read::ENDPOINTS, &page, &read::endpoints)?))
}
