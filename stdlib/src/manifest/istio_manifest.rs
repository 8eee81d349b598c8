//! `istio_manifest(version[, profile, revision, values, file])`: what istioctl renders.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NOT_FOUND, TOOL, TYPE};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::MANIFEST;
use crate::descriptor::{self, optional, param};
use crate::manifest::gather::{self, DEFAULT, Wanted};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "istio_manifest",
    params: &[
        param(
            "version",
            Type::String,
            "the version of Istio, as its release is called: `1.31.0`; istioctl must be of it",
        ),
        optional(
            "profile",
            Type::String,
            "\"minimal\"",
            "a profile that istioctl brings: `minimal` is the control plane alone",
        ),
        optional("revision", Type::String, "\"default\"", "the revision; `default` is an installation without one"),
        optional(
            "values",
            Type::String,
            "\"\"",
            "further values as `istioctl --set` takes them, `path=value`, with blanks between them; they go before those of the file",
        ),
        optional(
            "file",
            Type::Resource,
            "\"\"",
            "a file of values as `istioctl -f` takes it, an IstioOperator, in `resources/` of the runbook tree",
        ),
    ],
    returns: "Manifest",
    class: Some(Class::Read),
    summary: "Lets istioctl render an installation of Istio (`istioctl manifest generate`): what a cluster is to have.",
    doc: "istioctl is looked for in `[tools]` of the configuration file, else on `$PATH`; it must be of the version. It gets no kubeconfig, and has a minute. What it writes is not applied: `outstanding()` says what of it the cluster lacks. The namespace, which it leaves to its user, is added. The first revision of a cluster also gets `istiod-default-validator` (`values.defaultRevision`), as `istioctl install` gives it: without it nobody checks objects that name no revision. A file of values is read, hashed and planned with the script. The lab has what istioctl 1.31.0 renders for `minimal`, and takes values of `meshConfig`, and of `values.global` the mesh, the cluster and its network.",
    errors: &[&TOOL, &MANIFEST, &TYPE, &NOT_FOUND],
    permissions: descriptor::MANIFEST,
    search: &["istioctl manifest generate", "istioctl install", "helm", "render", "install"],
    examples: &[
        Example {
            world: "install-empty",
            script: r#"istio_manifest("1.31.0")"#,
            expect: Expect::Contains("objects by istioctl 1.31.0, profile minimal"),
        },
        Example {
            world: "install-empty",
            script: r#"istio_manifest("1.20.0")"#,
            expect: Expect::Fails("meshbook::tool"),
        },
        Example {
            world: "install-empty",
            script: r#"istio_manifest("1.31.0", "minimal", "Not A Revision")"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
        Example {
            world: "install-empty",
            script: r#"istio_manifest("1.31.0", "minimal", "default", "", "primary-cluster.yaml")"#,
            expect: Expect::Contains("profile minimal, by primary-cluster.yaml"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let text =
        |index: usize, default: &str| if call.given(index) { call.string(index) } else { Ok(default.to_owned()) };
    let wanted = Wanted {
        version: call.string(0)?,
        profile: text(1, "minimal")?,
        revision: text(2, DEFAULT)?,
        values: text(3, "")?.split_whitespace().map(str::to_owned).collect(),
        file: if call.given(4) { Some(call.resource(4)?) } else { None },
    };
    let manifest = gather::rendered(call.run(), &wanted)?;
    saw(call, manifest.text());
    Ok(Dynamic::from(manifest))
}
