//! `Effective.candidates(kind)`: the chain of precedence.`

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor::{self, optional};
use crate::effective::Effective;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "candidates",
    receiver: Some("Effective"),
    params: &[optional("kind", Type::String, "\"\"", "`Sidecar`, `VirtualService`, `DestinationRule` or `PeerAuthentication`; all if empty").naming(Names::OneOf(&["Sidecar", "VirtualService", "DestinationRule", "PeerAuthentication"]))],
    returns: "List<Candidate>",
    summary: "Every object that could apply, whether it does, and why: Sidecars, VirtualServices, DestinationRules, PeerAuthentications, those that are asked first before the others.",
    search: &["precedence", "why"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").effective("front").candidates("DestinationRule").first().why()"#, expect: Expect::Value("host graph-core.summit.svc.cluster.local, in the caller's namespace") },
        Example { world: "mtls-plaintext-caller", script: r#"host("graph-core").effective("front").candidates("PeerAuthentication").any(|one| one.applies())"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let effective = call.receiver::<Effective>()?;
    let kind = if call.given(0) { call.string(0)? } else { String::new() };
    let all = effective.seen().candidates.iter();
    Ok(Dynamic::from(List::new(all.filter(|one| kind.is_empty() || one.kind() == kind).cloned())))
}
