//! `Proxies.diff()`: in what their configurations differ.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::differences::gather;
use crate::proxies::Proxies;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "diff",
    receiver: Some("Proxies"),
    returns: "Differences",
    class: Some(Class::Read),
    summary: "In what the configurations of these proxies differ: clusters, listeners, routes, versions.",
    doc: "By meaning: times, versions of a push, the order of what has names, and a pod's own address are no differences. Each proxy that is not as most are is named with the fields.",
    permissions: descriptor::FORWARD,
    search: &["istioctl proxy-config", "config dump", "compare", "drift"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"proxies("front").diff()"#,
            expect: Expect::Value("3 proxies of Deployment summit/front are configured alike"),
        },
        Example {
            world: "healthy",
            script: r#"proxies("reports").diff().is_empty()"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(gather::gather(call.run(), &call.receiver::<Proxies>()?)?))
}
