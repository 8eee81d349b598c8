//! `precheck(version)`: whether Istio can be installed.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::precheck::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "precheck",
    params: &[param("version", Type::String, "the version of Istio that is to be installed: `1.31.0`")],
    returns: "Precheck",
    class: Some(Class::Read),
    summary: "Whether Istio of a version can be installed into the cluster: its Kubernetes, this user's permissions, the Gateway API's CRDs.",
    doc: "The checks of `istioctl x precheck`, by its codes: IST0142 (Kubernetes is older than that version of Istio supports), IST0141 (this user may not create what an installation creates), IST0156 and IST0172 (CRDs of the Gateway API that are too old now, or soon). Alpha annotations (IST0136) are told, as istioctl tells them only on request. Access reviews ask, nothing is tried.",
    errors: &[&TYPE],
    permissions: descriptor::PRECHECK,
    search: &["istioctl x precheck", "requirements", "can I install", "upgrade"],
    examples: &[
        Example {
            world: "install-empty",
            script: r#"precheck("1.31.0")"#,
            expect: Expect::Contains("Istio 1.31.0 can be installed: Kubernetes v1.37"),
        },
        Example {
            world: "install-old-kubernetes",
            script: r#"precheck("1.31.0").is_passed()"#,
            expect: Expect::Value("false"),
        },
        Example {
            world: "install-empty",
            script: r#"precheck("latest")"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let precheck = gather::gather(call.run(), &call.string(0)?)?;
    saw(call, precheck.text());
    Ok(Dynamic::from(precheck))
}
