//! `versions()`: which versions stand together.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::version::gather;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "versions",
    returns: "Versions",
    class: Some(Class::Read),
    summary: "The versions of Kubernetes, of every istiod of every revision, and of their proxies, with what does not fit.",
    doc: "Rules: Istio's supported releases (istio.io/latest/docs/releases/supported-releases, read 2026): the control plane may be one minor version ahead of the data plane, the data plane never ahead of the control plane; each minor version has its Kubernetes versions. meshbook itself supports control planes from 1.24 to 1.31.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::CONTROL_PLANE,
    search: &["skew", "upgrade", "support"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"versions()"#,
            expect: Expect::Contains("1.31.0"),
        },
        Example {
            world: "control-plane-webhook-without-endpoints",
            script: r#"versions()"#,
            expect: Expect::Contains("1.31.0"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(gather(call.run())?))
}
