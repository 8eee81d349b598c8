//! `Refusals.rules()`: the rules whose limits refuse.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor;
use crate::refusals::Refusals;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "rules",
    receiver: Some("Refusals"),
    returns: "List<Rule>",
    summary: "The DestinationRules whose limits refuse, each with the places in it that do.",
    doc: "What istiod wrote into the proxy's cluster decides; else the lookup by the proxy's namespace, `exportTo`, the most specific host, subset and port.",
    errors: &[&NO_DATA],
    search: &["DestinationRule", "limits"],
    examples: &[Example {
        world: "breaker",
        script: r#"host("graph-core").refusals(over("30s")).rules()"#,
        expect: Expect::Value("DestinationRule summit/graph-core"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let refusals = call.receiver::<Refusals>()?;
    Ok(Dynamic::from(List::new(refusals.seen()?.rules.clone())))
}
