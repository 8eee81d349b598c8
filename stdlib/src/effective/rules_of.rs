//! `Effective.rules()`: the DestinationRules that apply.`

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor;
use crate::effective::Effective;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "rules",
    receiver: Some("Effective"),
    returns: "List<Rule>",
    summary: "The DestinationRules that apply, the one whose policy counts first; empty if none does.",
    search: &["DestinationRule", "traffic policy"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").effective("front").rules().first()"#, expect: Expect::Value("DestinationRule summit/graph-core") },
        Example { world: "healthy", script: r#"host("graph-core").effective("legacy").rules().is_empty()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let effective = call.receiver::<Effective>()?;
    Ok(Dynamic::from(List::new(effective.seen().rules.iter().cloned())))
}
