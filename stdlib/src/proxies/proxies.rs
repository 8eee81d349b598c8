//! `proxies(name)`: the proxies of a workload, or of one pod.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::code::WORKLOAD_UNKNOWN;
use crate::proxies::gather;
use crate::proxy::Proxy;
use crate::workload::{Pod, Workload};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "proxies",
    params: &[param("name", Type::Any, "the name of a Deployment, StatefulSet, DaemonSet or Pod of the run's namespace; or a Workload, a Pod, a Proxy").naming(descriptor::A_WORKLOAD_OR_POD)],
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
            script: r#"proxies(host("graph-core").callers().first())"#,
            expect: Expect::Contains("the proxy of Pod summit/front-"),
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
    let run = call.run();
    let found = match call.any(0) {
        any if any.is::<Workload>() => gather::of_workload(run, any.cast::<Workload>().object()),
        any if any.is::<Pod>() => {
            let pod = any.cast::<Pod>();
            gather::of_pod(run, pod.object().namespace.as_deref().unwrap_or_default(), &pod.object().name)
        }
        any if any.is::<Proxy>() => {
            let proxy = any.cast::<Proxy>();
            gather::of_pod(run, proxy.namespace(), proxy.pod())
        }
        any => {
            let name = any.into_string().map_err(|_| {
                Failure::new(&TYPE, "proxies are those of a name, a Workload, a Pod or a Proxy")
                    .hint("write its name, `proxies(\"front\")`")
            })?;
            gather::gather(run, &name)
        }
    };
    Ok(Dynamic::from(found?))
}
