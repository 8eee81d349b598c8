//! Pages of Prometheus' API that are no queries: `rules`, `alerts`, `targets`.
//!
//! Source: <https://prometheus.io/docs/prometheus/latest/querying/api/>, sections Rules, Alerts and Targets.

use std::collections::BTreeMap;

use jiff::Timestamp;
use meshbook_runtime::effect::{Call, Effect, Reply};
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::Value;

use crate::alert::{Alert, State};
use crate::alerting_rule::{AlertingRule, Health};
use crate::target::Target;
use crate::text::first_line;

/// Reads a page. That Prometheus does not answer is missing data; a stop of the run stays one.
///
/// # Errors
/// What a script may not handle.
pub fn read(run: &Run, page: &str, parameters: &[(&str, &str)]) -> Result<Result<Value, Missing>, Failure> {
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let call = Call::PrometheusPage { page: page.to_owned(), parameters };
    Ok(match run.read(Effect::read("Prometheus", page, call)) {
        Ok(Reply::Json(data)) => Ok(data),
        Ok(_) => Err(Missing::Unreachable("Prometheus gave no JSON".into())),
        Err(failure) => Err(Missing::Unreachable(crate::evidence::absorb(failure)?)),
    })
}

/// The alerting rules that Prometheus has loaded; recording rules are left out.
///
/// # Errors
/// As [`read`].
pub fn rules(run: &Run) -> Result<Result<Vec<AlertingRule>, Missing>, Failure> {
    Ok(read(run, "rules", &[("type", "alert")])?.and_then(|data| parse_rules(&data).map_err(unreadable)))
}

/// Alerts that are pending or firing.
///
/// # Errors
/// As [`read`].
pub fn alerts(run: &Run) -> Result<Result<Vec<Alert>, Missing>, Failure> {
    Ok(read(run, "alerts", &[])?.and_then(|data| parse_alerts(&data).map_err(unreadable)))
}

/// Targets that Prometheus scrapes.
///
/// # Errors
/// As [`read`].
pub fn targets(run: &Run) -> Result<Result<Vec<Target>, Missing>, Failure> {
    Ok(read(run, "targets", &[("state", "active")])?.and_then(|data| parse_targets(&data).map_err(unreadable)))
}

fn unreadable(why: String) -> Missing {
    Missing::Unreachable(format!("Prometheus: {why}"))
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn labels(value: &Value, key: &str) -> BTreeMap<String, String> {
    let pairs = value.get(key).and_then(Value::as_object).into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn time(value: &Value, key: &str) -> Option<Timestamp> {
    // Go's zero time stands for "never".
    value.get(key)?.as_str()?.parse().ok().filter(|at: &Timestamp| *at > Timestamp::UNIX_EPOCH)
}

fn list<'a>(data: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    data.get(key).and_then(Value::as_array).ok_or_else(|| format!("the answer has no list `{key}`"))
}

/// Reads `data` of `/api/v1/rules`.
///
/// # Errors
/// A sentence that says why it is none.
pub fn parse_rules(data: &Value) -> Result<Vec<AlertingRule>, String> {
    let mut rules = Vec::new();
    for group in list(data, "groups")? {
        for rule in list(group, "rules")?.iter().filter(|rule| rule.get("type").is_none_or(|kind| kind == "alerting")) {
            let name = text(rule, "name");
            if name.is_empty() {
                return Err("a rule has no name".into());
            }
            rules.push(AlertingRule::new(crate::alerting_rule::Facts {
                group: text(group, "name"),
                expression: text(rule, "query"),
                hold: rule.get("duration").and_then(Value::as_f64).unwrap_or(0.0),
                labels: labels(rule, "labels"),
                annotations: labels(rule, "annotations"),
                state: state(rule),
                health: match text(rule, "health").as_str() {
                    "ok" => Health::Ok,
                    "err" => Health::Failing(first_line(&text(rule, "lastError"))),
                    _ => Health::Unknown,
                },
                name,
            }));
        }
    }
    Ok(rules)
}

fn state(value: &Value) -> State {
    match value.get("state").and_then(Value::as_str) {
        Some("firing") => State::Firing,
        Some("pending") => State::Pending,
        _ => State::Inactive,
    }
}

/// Reads `data` of `/api/v1/alerts`.
///
/// # Errors
/// A sentence that says why it is none.
pub fn parse_alerts(data: &Value) -> Result<Vec<Alert>, String> {
    let one = |alert: &Value| {
        Alert::new(labels(alert, "labels"), labels(alert, "annotations"), state(alert), time(alert, "activeAt"))
    };
    Ok(list(data, "alerts")?.iter().map(one).collect())
}

/// Reads `data` of `/api/v1/targets`.
///
/// # Errors
/// A sentence that says why it is none.
pub fn parse_targets(data: &Value) -> Result<Vec<Target>, String> {
    let one = |target: &Value| {
        Target::new(
            labels(target, "labels"),
            &first_line(&text(target, "scrapeUrl")),
            &text(target, "health"),
            &first_line(&text(target, "lastError")),
            time(target, "lastScrape"),
        )
    };
    Ok(list(data, "activeTargets")?.iter().map(one).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use meshbook_runtime::noun::Noun;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn recorded(text: &str) -> Value {
        serde_json::from_str::<Value>(text).unwrap()["data"].clone()
    }

    #[test]
    fn recorded_pages_are_read() {
        let rules = parse_rules(&recorded(include_str!("../../../lab/testdata/prometheus/rules.json"))).unwrap();
        assert_eq!(rules.len(), 4);
        assert_eq!(
            (rules[0].name(), rules[0].state(), rules[0].facts().hold),
            ("IstioHighErrorRate", State::Firing, 5.0)
        );
        assert_eq!(rules[0].facts().health, Health::Ok);
        let alerts = parse_alerts(&recorded(include_str!("../../../lab/testdata/prometheus/alerts.json"))).unwrap();
        assert_eq!((alerts[0].name(), alerts[0].is_firing()), ("IstioHighErrorRate", true));
        assert_eq!(alerts[0].runbook(), Some("troubleshooting/triage.rhai"));
        assert_eq!((alerts[1].name(), alerts[1].is_firing()), ("IstioControlPlaneDown", false));
        let targets = parse_targets(&recorded(include_str!("../../../lab/testdata/prometheus/targets.json"))).unwrap();
        assert_eq!(targets.iter().map(Target::is_up).collect::<Vec<_>>(), [true, false]);
        assert!(targets[1].text().contains("connection refused"), "{}", targets[1].text());
    }

    #[test]
    fn what_is_no_page_is_told() {
        for wrong in
            [json!({}), json!([]), json!({"groups": [{}]}), json!({"groups": [{"rules": [{"type": "alerting"}]}]})]
        {
            assert!(parse_rules(&wrong).is_err(), "{wrong}");
        }
        assert!(parse_alerts(&json!({"alerts": {}})).is_err() && parse_targets(&json!(null)).is_err());
        let recording =
            json!({"groups": [{"name": "g", "rules": [{"type": "recording", "name": "a:b", "query": "up"}]}]});
        assert!(parse_rules(&recording).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,20}", number in proptest::num::f64::ANY) {
            let page = json!({"groups": [{"name": text, "rules": [{"name": text, "query": text, "duration": number, "state": text, "health": text, "lastError": text, "labels": {&text: text}}]}],
                "alerts": [{"activeAt": text, "labels": {&text: 1}}], "activeTargets": [{"lastScrape": text, "labels": text, "health": text}]});
            for rule in parse_rules(&page).unwrap_or_default() { let _ = (rule.text(), rule.table(), rule.json()); }
            for alert in parse_alerts(&page).unwrap() { let _ = (alert.text(), alert.table(), alert.json()); }
            for target in parse_targets(&page).unwrap() { let _ = (target.text(), target.table(), target.json()); }
        }
    }
}
