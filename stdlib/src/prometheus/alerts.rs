//! `prom::alerts()`: alerts that are pending or firing.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor;
use crate::prometheus::pages;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "prom::alerts",
    returns: "List<Alert>",
    class: Some(Class::Read),
    summary: "The alerts that Prometheus holds pending or firing.",
    doc: "`/api/v1/alerts`: what Prometheus finds, not what Alertmanager sends, silences or groups.",
    errors: &[&NO_DATA],
    permissions: descriptor::PROMETHEUS,
    search: &["alert", "firing", "pending"],
    examples: &[
        Example { world: "alerts", script: r#"prom::alerts().filter(|alert| alert.is_firing()).map(|alert| alert.name())[0]"#, expect: Expect::Value("IstioHighErrorRate") },
        Example { world: "healthy", script: r#"prom::alerts().is_empty()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    match pages::alerts(call.run())? {
        Ok(found) => Ok(Dynamic::from(List::new(found))),
        Err(missing) => Err(missing.failure("the list of alerts")),
    }
}
