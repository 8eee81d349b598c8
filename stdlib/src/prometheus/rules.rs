//! `prom::rules()`: the alerting rules that Prometheus has loaded.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor;
use crate::prometheus::pages;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "prom::rules",
    returns: "List<AlertingRule>",
    class: Some(Class::Read),
    summary: "The alerting rules that Prometheus has loaded, with their state.",
    doc: "`/api/v1/rules?type=alert`. Recording rules are left out. A Prometheus that does not answer is missing data, not a list without rules.",
    errors: &[&NO_DATA],
    permissions: descriptor::PROMETHEUS,
    search: &["alert", "rule", "PrometheusRule"],
    examples: &[
        Example { world: "healthy", script: r#"prom::rules().map(|rule| rule.name())[2]"#, expect: Expect::Value("IstioControlPlaneDown") },
        Example { world: "breaker", script: r#"prom::rules().is_empty()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    match pages::rules(call.run())? {
        Ok(found) => Ok(Dynamic::from(List::new(found))),
        Err(missing) => Err(missing.failure("the list of alerting rules")),
    }
}
