//! `Host.proxies()`: the proxies of its own pods.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor;
use crate::host::Host;
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::PodFacts;
use crate::proxy::{Proxy, Side};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "proxies",
    receiver: Some("Host"),
    returns: "List<Proxy>",
    class: Some(Class::Read),
    summary: "The proxies of the host's own pods.",
    doc: "Sidecars as containers, native sidecars and gateways alike. Pods that are being deleted are left out.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::PODS,
    search: &["sidecars", "servers", "pods"],
    examples: &[
        Example { world: "breaker", script: r#"host("graph-core").proxies().len()"#, expect: Expect::Value("6") },
        Example {
            world: "no-healthy-upstream",
            script: r#"host("graph-core").proxies().is_empty()"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, host) = (call.run(), call.receiver::<Host>()?);
    let pods = read::list(run, kinds::pod(), Some(host.namespace()), None)?;
    let pods: Vec<_> = pods
        .iter()
        .map(PodFacts::of)
        .filter(|pod| pod.is_selected(host.selector()) && pod.has_proxy && pod.is_running)
        .collect();
    Ok(Dynamic::from(List::new(pods.iter().map(|pod| Proxy::new(pod, Side::Server, &host)))))
}
