//! `Host.configure(file)`: makes objects for the host as a reviewed file says.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED, SCRIPT};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::{CONFIGURED_ELSEWHERE, HOST_UNKNOWN, SUBSET_UNKNOWN};
use crate::descriptor::{self, param};
use crate::host::Host;
use crate::onboarding::file;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "configure",
    receiver: Some("Host"),
    params: &[param(
        "file",
        Type::Resource,
        "YAML in which `$(service)`, `$(namespace)` and `$(host)` stand for the host's name, namespace and full name",
    )],
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Makes the objects of a reviewed file for this host: creates what is not there, sets the fields that the file names in what is; answers whether anything had to be changed.",
    doc: "The file lies in `resources/` of the runbook tree, and is reviewed, hashed and planned with the script. Fields that it does not name stay; a list is replaced whole, so a file with `http` routes names all of them. Whoever wrote the object before stays its owner of the other fields. Refused where another object of the kind in the namespace is about the same host: which of two counts, nobody could see.",
    errors: &[
        &HOST_UNKNOWN,
        &CONFIGURED_ELSEWHERE,
        &SUBSET_UNKNOWN,
        &SCRIPT,
        &NOT_FOUND,
        &FORBIDDEN,
        &CONFLICT,
        &REJECTED,
        &DENIED,
    ],
    permissions: descriptor::CONFIGURE,
    search: &["kubectl apply -f", "kubectl edit", "DestinationRule", "VirtualService", "template"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"host("catalog").configure("onboarding.virtualservice.yaml")"#,
            expect: Expect::Changes(&[
                "VirtualService summit/catalog: spec.hosts",
                "VirtualService summit/catalog: spec.http",
            ]),
        },
        Example {
            world: "healthy",
            script: r#"host("catalog").configure("retry-policies.virtualservice.yaml")"#,
            expect: Expect::Fails("meshbook::host::subset_unknown"),
        },
        Example {
            world: "route-to-nowhere",
            script: r#"host("nobody").configure("onboarding.virtualservice.yaml")"#,
            expect: Expect::Fails("meshbook::host::unknown"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (host, (name, text)) = (call.receiver::<Host>()?, call.resource(0)?);
    Ok(Dynamic::from(file::configure(call.run(), &host, &name, &text)?))
}
