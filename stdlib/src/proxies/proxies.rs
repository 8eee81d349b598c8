//! `proxies(name)`: the proxies of a workload, or of one pod.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::code::WORKLOAD_UNKNOWN;
use crate::proxies::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "proxies",
    params: &[param("name", Type::String, "the name of a Deployment, StatefulSet, DaemonSet or Pod")],
    returns: "Proxies",
    class: Some(Class::Read),
    summary: "The proxies of a workload of the run's namespace, or of one pod.",
    doc: "Pods that are being deleted, and pods without a proxy, are named and left out. They stay the same pods, whatever is rolled out later.",
    errors: &[&WORKLOAD_UNKNOWN],
    permissions: descriptor::WORKLOADS,
    search: &["sidecar", "envoy", "istio-proxy"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"proxies("front")"#,
            expect: Expect::Value("3 proxies of Deployment summit/front"),
        },
        Example {
            world: "healthy",
            script: r#"proxies(host("graph-core").proxies().first().pod())"#,
            expect: Expect::Contains("the proxy of Pod summit/"),
        },
        Example {
            world: "healthy",
            script: r#"proxies("legacy")"#,
            expect: Expect::Contains("has no proxy"),
        },
        Example {
            world: "healthy",
            script: r#"proxies("frnt")"#,
            expect: Expect::Fails("meshbook::workload::unknown"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(gather::gather(call.run(), &call.string(0)?)?))
}
