//! `analyze([namespace])`: what is wrong with the configuration.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::kubernetes::kinds;
use crate::descriptor::{self, optional};
use crate::analysis::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "analyze",
    params: &[optional("namespace", Type::String, "()", "whose objects the messages are about; the run's if it is left out, `*` is all of them").naming(Names::Objects(&[kinds::namespace]))],
    returns: "Messages",
    class: Some(Class::Read),
    summary: "What is wrong with the configuration of the mesh, by its objects alone, as `istioctl analyze` says it.",
    doc: "Codes: IST0002, IST0101 (hosts, subsets, gateways, selectors of Gateways; not credentials), IST0102, IST0103, IST0109, IST0110, IST0111, IST0112, IST0113 (no longer given by istioctl), IST0118, IST0123, IST0127, IST0128, IST0129, IST0130, IST0131, IST0132, IST0135 (of pods), IST0173, IST0174. Objects of all namespaces are read. The annotation `galley.istio.io/analyze-suppress` is obeyed.",
    permissions: descriptor::ANALYZE,
    search: &["istioctl analyze", "lint", "validate", "IST0101"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"analyze()"#,
            expect: Expect::Value("no error and no warning about namespace summit"),
        },
        Example {
            world: "mtls-disabled-by-rule",
            script: r#"analyze().cause()"#,
            expect: Expect::Value("DestinationRule against STRICT mutual TLS"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let namespace = if call.given(0) { call.string(0)? } else { call.run().namespace().to_owned() };
    Ok(Dynamic::from(gather::gather(call.run(), &namespace)?))
}
