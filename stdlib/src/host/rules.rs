//! `Host.rules()`: the rules that apply to it.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor;
use crate::evidence::rules::Rules;
use crate::host::Host;
use crate::rule::Rule;
use crate::rule::policy::levels;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "rules",
    receiver: Some("Host"),
    returns: "List<Rule>",
    class: Some(Class::Read),
    summary: "The DestinationRules that apply to the host for callers of the run's namespace, with every place in them that sets limits.",
    doc: "Lookup as istiod's: the caller's namespace, the service's, the root namespace; the most specific host; `exportTo`. For what refuses, ask `refusals(…).rules()`.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::RULES,
    search: &["DestinationRule", "traffic policy"],
    examples: &[
        Example {
            world: "breaker",
            script: r#"host("graph-core").rules()"#,
            expect: Expect::Value("DestinationRule summit/graph-core"),
        },
        Example {
            world: "breaker",
            script: r#"host("search.discovery").rules().is_empty()"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, host) = (call.run(), call.receiver::<Host>()?);
    let rules = Rules::read(run, &host, &[])?;
    let found = rules.for_namespace(&host, run.namespace());
    Ok(Dynamic::from(List::new(
        found.into_iter().map(|object| Rule::new(object, &host, object.get("spec").map(levels).unwrap_or_default())),
    )))
}
