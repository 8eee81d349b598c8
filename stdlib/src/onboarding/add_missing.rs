//! `Host.add_missing(file)`: adds what the objects about the host lack of a reviewed file.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED, SCRIPT};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::{CONFIGURED_ELSEWHERE, HOST_UNKNOWN};
use crate::descriptor::{self, param};
use crate::host::Host;
use crate::onboarding::file;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "add_missing",
    receiver: Some("Host"),
    params: &[param("file", Type::Resource, "as `configure` takes it")],
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Adds what the objects about this host lack of a reviewed file: creates what is not there, adds sections that are not set; answers whether anything had to be changed.",
    doc: "A section is a field of `spec`, and in a DestinationRule one of `spec.trafficPolicy` (`connectionPool`, `outlierDetection`, `loadBalancer`). One that is there stays whole, whatever the file says of it: `configure` is for setting it. The object about the host is found under any name; refused where several in its namespace are about it.",
    errors: &[&HOST_UNKNOWN, &CONFIGURED_ELSEWHERE, &SCRIPT, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::CONFIGURE,
    search: &["kubectl apply -f", "DestinationRule", "VirtualService", "default", "complete"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"host("catalog").add_missing("circuit-breakers.destinationrule.yaml")"#,
            expect: Expect::Changes(&[
                "DestinationRule summit/catalog: spec.trafficPolicy.outlierDetection.consecutive5xxErrors",
                "DestinationRule summit/catalog: spec.trafficPolicy.outlierDetection.interval",
                "DestinationRule summit/catalog: spec.trafficPolicy.outlierDetection.baseEjectionTime",
            ]),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").add_missing("onboarding.virtualservice.yaml")"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (host, (name, text)) = (call.receiver::<Host>()?, call.resource(0)?);
    Ok(Dynamic::from(file::complete(call.run(), &host, &name, &text)?))
}
