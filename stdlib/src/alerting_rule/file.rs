//! Rule files, as Prometheus loads them and as `promtool` checks them.
//!
//! Format: <https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/>: `groups[].{name, interval,
//! rules[].{alert, expr, for, labels, annotations}}`. Recording rules are left out.

use std::collections::BTreeMap;

use meshbook_runtime::value::Span;
use serde_json::Value;

use super::{AlertingRule, Facts, Health};
use crate::alert::State;
use crate::prometheus::expression;

/// The alerting rules of a file.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn parse(text: &str) -> Result<Vec<AlertingRule>, String> {
    let file: Value = serde_saphyr::from_str(text).map_err(|error| format!("it is not YAML: {error}"))?;
    let groups = file.get("groups").and_then(Value::as_array).ok_or("it has no list `groups`")?;
    let mut rules = Vec::new();
    for group in groups {
        let name = group.get("name").and_then(Value::as_str).ok_or("a group has no name")?;
        for rule in group.get("rules").and_then(Value::as_array).into_iter().flatten() {
            if rule.get("record").is_some() {
                continue;
            }
            rules.push(AlertingRule::new(one(name, rule)?));
        }
    }
    if rules.is_empty() { Err("it has no alerting rule".into()) } else { Ok(rules) }
}

fn one(group: &str, rule: &Value) -> Result<Facts, String> {
    let text = |key: &str| rule.get(key).and_then(Value::as_str).map(str::to_owned);
    let name = text("alert").ok_or_else(|| format!("a rule of group {group} has no name"))?;
    let expression = text("expr").ok_or_else(|| format!("{name} has no expression"))?;
    expression::metrics(&expression).map_err(|why| format!("{name} is not PromQL: {why}"))?;
    let hold = match text("for") {
        Some(written) if written != "0s" => {
            written.parse::<Span>().map_err(|why| format!("{name}: {why}"))?.0.as_secs_f64()
        }
        _ => 0.0,
    };
    Ok(Facts {
        group: group.to_owned(),
        name,
        expression,
        hold,
        labels: texts(rule, "labels"),
        annotations: texts(rule, "annotations"),
        state: State::Inactive,
        health: Health::Unknown,
    })
}

fn texts(rule: &Value, key: &str) -> BTreeMap<String, String> {
    let pairs = rule.get(key).and_then(Value::as_object).into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use proptest::prelude::*;

    use super::*;

    const REVIEWED: &str = include_str!("../../../runbooks/resources/istio-alerts.rules.yaml");

    #[test]
    fn the_reviewed_rules_are_the_manuals_four() {
        let rules = parse(REVIEWED).unwrap();
        let names: Vec<&str> = rules.iter().map(AlertingRule::name).collect();
        assert_eq!(
            names,
            ["IstioHighErrorRate", "IstioHighLatency", "IstioControlPlaneDown", "IstioCertificateExpiringSoon"]
        );
        assert_eq!(rules.iter().map(|rule| rule.facts().hold).collect::<Vec<_>>(), [300.0, 300.0, 60.0, 3600.0]);
        assert!(rules.iter().all(|rule| rule.facts().annotations.contains_key(crate::alert::RUNBOOK)));
    }

    #[test]
    fn a_rule_agrees_with_itself_as_prometheus_prints_it() {
        let rules = parse(REVIEWED).unwrap();
        for rule in &rules {
            let mut printed = rule.facts().clone();
            printed.expression = expression::canonical(&printed.expression);
            assert!(AlertingRule::new(printed.clone()).differences(rule).is_empty());
            let changed = |change: &dyn Fn(&mut Facts)| {
                let mut other = printed.clone();
                change(&mut other);
                AlertingRule::new(other).differences(rule).join("; ")
            };
            assert!(changed(&|facts| facts.expression.push_str(" * 2")).contains("expression"));
            assert!(changed(&|facts| facts.hold = 1.0).contains("fires after"));
            assert!(changed(&|facts| facts.labels.clear()).contains("no label severity"));
        }
    }

    #[test]
    fn what_is_no_rule_file_is_told() {
        for (text, part) in [
            ("a: [", "YAML"),
            ("a: 1", "groups"),
            ("groups: [{rules: []}]", "no name"),
            ("groups: [{name: g, rules: [{record: a, expr: up}]}]", "no alerting rule"),
            ("groups: [{name: g, rules: [{alert: A}]}]", "no expression"),
            ("groups: [{name: g, rules: [{alert: A, expr: 'sum('}]}]", "not PromQL"),
            ("groups: [{name: g, rules: [{alert: A, expr: up, for: soon}]}]", "duration"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,200}") {
            let _ = parse(&text);
        }
    }
}
