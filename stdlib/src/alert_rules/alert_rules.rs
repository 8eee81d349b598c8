//! `alert_rules(file)`: reviewed rules, held against the loaded ones.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{Failure, SCRIPT};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::alert_rules::gather;
use crate::alerting_rule::file;
use crate::descriptor::{self, param};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "alert_rules",
    params: &[param("file", Type::Resource, "a Prometheus rule file")],
    returns: "AlertRules",
    class: Some(Class::Read),
    summary: "Alerting rules as they were reviewed, held against those that Prometheus has loaded.",
    doc: "The file lies in `resources/` of the runbook tree and is a Prometheus rule file. For each rule: whether one of its name is loaded, with the same expression (spaces and breaks do not count), `for` and labels; whether the metrics of its expression have series, because a rule on a metric that is absent never fires; how its last evaluation went; its state. Sources: `/api/v1/rules`, and `count()` of each metric.",
    errors: &[&SCRIPT],
    permissions: descriptor::PROMETHEUS,
    search: &["alert", "PrometheusRule", "rule file"],
    examples: &[
        Example { world: "healthy", script: r#"alert_rules("istio-alerts.rules.yaml").problems()"#, expect: Expect::Value("") },
        Example { world: "breaker", script: r#"alert_rules("istio-alerts.rules.yaml").problems()"#, expect: Expect::Contains("IstioHighLatency: it is not loaded") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (name, text) = call.resource(0)?;
    let reviewed = file::parse(&text).map_err(|why| Failure::new(&SCRIPT, format!("resources/{name}: {why}")))?;
    Ok(Dynamic::from(gather::gather(call.run(), &name, reviewed)?))
}
