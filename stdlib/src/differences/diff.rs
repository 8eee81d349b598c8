//! `Proxies.diff()`: in what their configurations differ.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, optional};
use crate::differences::gather;
use crate::proxies::Proxies;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "diff",
    receiver: Some("Proxies"),
    params: &[optional("other", Type::Noun("Proxies"), "()", "the proxies of something else, to compare with; only these among themselves if left out")],
    returns: "Differences",
    class: Some(Class::Read),
    summary: "In what the configurations of these proxies differ: clusters, listeners, routes, versions.",
    doc: "By meaning: times, versions of a push, the order of what has names, and a pod's own address are no differences. Each proxy that is not as most are is named with the fields. Of two proxies, one of each side, the fields of both are shown: `proxies(\"front-1\").diff(proxies(\"front-2\"))`.",
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
        Example {
            world: "healthy",
            script: r#"let callers = host("graph-core").callers(); proxies(callers.first()).diff(proxies(host("graph-core").proxies().first()))"#,
            expect: Expect::Contains("is configured otherwise than front-"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let own = call.receiver::<Proxies>()?;
    let all = if call.given(0) { own.with(&call.noun::<Proxies>(0)?) } else { own };
    Ok(Dynamic::from(gather::gather(call.run(), &all)?))
}
