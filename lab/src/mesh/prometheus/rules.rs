//! Alerting rules: read from a rule file, evaluated over virtual time, answered as `/api/v1/rules` and `/api/v1/alerts`.
//!
//! Source: `docs/configuration/alerting_rules.md` and `docs/querying/api.md` of Prometheus; shapes are held against
//! recorded answers of its version 2.42. Rules are evaluated with the scrape that is due; recording rules are not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use promql_parser::parser::Expr;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::number;
use super::eval::{self, Query, QueryError};
use super::tsdb::{Database, Labels};
use crate::world::span;

/// Groups of rules with what they have found so far.
#[derive(Default)]
pub struct Rules {
    groups: Vec<Group>,
}

struct Group {
    name: String,
    interval: i64,
    last: Option<i64>,
    rules: Vec<Rule>,
}

struct Rule {
    name: String,
    expression: Expr,
    hold: i64,
    labels: Labels,
    annotations: BTreeMap<String, String>,
    error: Option<String>,
    active: BTreeMap<Labels, Active>,
}

/// An alert of a rule.
struct Active {
    since: i64,
    value: f64,
    firing: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    #[serde(default)]
    groups: Vec<WrittenGroup>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGroup {
    name: String,
    #[serde(default)]
    interval: Option<String>,
    #[serde(default)]
    rules: Vec<WrittenRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    alert: String,
    expr: String,
    #[serde(default, rename = "for")]
    hold: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Prometheus' own default of `evaluation_interval`.
const INTERVAL: i64 = 60_000;

fn milliseconds(text: Option<&str>, otherwise: i64) -> Result<i64, String> {
    let Some(text) = text else { return Ok(otherwise) };
    let duration = span::parse(text).ok_or_else(|| format!("\"{text}\" is not a duration"))?;
    i64::try_from(duration.as_millis()).map_err(|_| format!("\"{text}\" is too long"))
}

/// Reads a rule file. An empty text has no rules.
///
/// # Errors
/// What is not YAML, not a rule, or not PromQL.
pub fn parse(text: &str) -> Result<Rules, String> {
    if text.trim().is_empty() {
        return Ok(Rules::default());
    }
    let file: WrittenFile = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let rule = |written: WrittenRule| {
        let expression = eval::parse(&written.expr).map_err(|error| match error {
            QueryError::BadData(why) | QueryError::Execution(why) => format!("rule {}: {why}", written.alert),
        })?;
        Ok::<Rule, String>(Rule {
            name: written.alert,
            expression,
            hold: milliseconds(written.hold.as_deref(), 0)?,
            labels: written.labels,
            annotations: written.annotations,
            error: None,
            active: BTreeMap::new(),
        })
    };
    let group = |written: WrittenGroup| {
        Ok::<Group, String>(Group {
            name: written.name,
            interval: milliseconds(written.interval.as_deref(), INTERVAL)?,
            last: None,
            rules: written.rules.into_iter().map(rule).collect::<Result<_, _>>()?,
        })
    };
    Ok(Rules { groups: file.groups.into_iter().map(group).collect::<Result<_, _>>()? })
}

impl Rules {
    /// Evaluates every group that is due.
    pub fn evaluate(&mut self, database: &Database, now: i64) {
        for group in &mut self.groups {
            if group.last.is_some_and(|last| now < last + group.interval) {
                continue;
            }
            group.last = Some(now);
            for rule in &mut group.rules {
                rule.evaluate(database, now);
            }
        }
    }

    /// `data` of `/api/v1/rules`.
    pub fn rules(&self) -> Value {
        let groups: Vec<Value> = self
            .groups
            .iter()
            .map(|group| {
                let rules: Vec<Value> = group.rules.iter().map(|rule| rule.answer(group.last)).collect();
                json!({
                    "name": group.name, "file": "/etc/prometheus/rules.yml", "rules": rules,
                    "interval": seconds(group.interval), "limit": 0, "evaluationTime": 0.001,
                    "lastEvaluation": stamp(group.last),
                })
            })
            .collect();
        json!({ "groups": groups })
    }

    /// `data` of `/api/v1/alerts`.
    pub fn alerts(&self) -> Value {
        let rules = self.groups.iter().flat_map(|group| &group.rules);
        json!({ "alerts": rules.flat_map(Rule::alerts).collect::<Vec<_>>() })
    }
}

/// Whole seconds stand without a point.
fn seconds(milliseconds: i64) -> Value {
    if milliseconds % 1000 == 0 { json!(milliseconds / 1000) } else { json!(milliseconds as f64 / 1000.0) }
}

/// A time in RFC 3339; Go's zero time where there is none.
fn stamp(at: Option<i64>) -> String {
    at.and_then(|at| Timestamp::from_millisecond(at).ok())
        .map_or_else(|| "0001-01-01T00:00:00Z".into(), |at| at.to_string())
}

/// A number as Go prints it with its exponent (`strconv.FormatFloat(v, 'e', -1, 64)`).
fn scientific(value: f64) -> String {
    if !value.is_finite() {
        return number(value);
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

impl Rule {
    fn evaluate(&mut self, database: &Database, now: i64) {
        let samples = match Query::new(database, self.expression.clone(), now, now).at(now) {
            Ok(eval::Value::Vector(samples)) => samples,
            Ok(eval::Value::Scalar(value)) => vec![eval::Sample { labels: Labels::new(), value, at: now }],
            Ok(other) => {
                self.error = Some(format!("rule result is not a vector or scalar but a {}", other.kind()));
                return;
            }
            Err(QueryError::BadData(why) | QueryError::Execution(why)) => {
                self.error = Some(why);
                return;
            }
        };
        self.error = None;
        let mut seen = BTreeMap::new();
        for sample in samples {
            let mut labels = sample.labels;
            labels.remove("__name__");
            for (name, value) in &self.labels {
                let value = expanded(value, &labels, sample.value);
                labels.insert(name.clone(), value);
            }
            labels.insert("alertname".into(), self.name.clone());
            let since = self.active.get(&labels).map_or(now, |active| active.since);
            seen.insert(labels, Active { since, value: sample.value, firing: now - since >= self.hold });
        }
        self.active = seen;
    }

    fn answer(&self, last: Option<i64>) -> Value {
        let state = match self.active.values().map(|active| active.firing).max() {
            Some(true) => "firing",
            Some(false) => "pending",
            None => "inactive",
        };
        let mut answer = json!({
            "state": state, "name": self.name, "query": self.expression.to_string(), "duration": seconds(self.hold),
            "keepFiringFor": 0, "labels": self.labels, "annotations": self.annotations,
            "alerts": self.alerts().collect::<Vec<_>>(), "health": if last.is_none() { "unknown" } else if self.error.is_some() { "err" } else { "ok" },
            "evaluationTime": 0.0005, "lastEvaluation": stamp(last), "type": "alerting",
        });
        if let Some(error) = &self.error {
            answer["lastError"] = json!(error);
        }
        answer
    }

    fn alerts(&self) -> impl Iterator<Item = Value> + '_ {
        self.active.iter().map(|(labels, active)| {
            let annotations: BTreeMap<&String, String> =
                self.annotations.iter().map(|(name, text)| (name, expanded(text, labels, active.value))).collect();
            json!({
                "labels": labels, "annotations": annotations, "state": if active.firing { "firing" } else { "pending" },
                "activeAt": stamp(Some(active.since)), "value": scientific(active.value),
            })
        })
    }
}

/// Templates of labels and annotations: `$labels.NAME`, `$value`, and `humanizePercentage` or `printf "%.Nf"` after a
/// pipe. Another one stays as it is written.
fn expanded(text: &str, labels: &Labels, value: f64) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inside, next)) = after.split_once("}}") else { break };
        out.push_str(before);
        match template(inside.trim(), labels, value) {
            Some(text) => out.push_str(&text),
            None => out.push_str(&format!("{{{{{inside}}}}}")),
        }
        rest = next;
    }
    out + rest
}

fn template(text: &str, labels: &Labels, value: f64) -> Option<String> {
    if let Some(name) = text.strip_prefix("$labels.") {
        return Some(labels.get(name).cloned().unwrap_or_default());
    }
    let (what, how) = text.split_once('|').map_or((text, None), |(what, how)| (what.trim(), Some(how.trim())));
    if what != "$value" {
        return None;
    }
    match how {
        None => Some(number(value)),
        // %.4g, as Prometheus does it.
        Some("humanizePercentage") => {
            let percent = value * 100.0;
            let digits = 4 - 1 - percent.abs().max(f64::MIN_POSITIVE).log10().floor().clamp(-4.0, 3.0) as i32;
            let text = format!("{percent:.*}", usize::try_from(digits).unwrap_or(0));
            let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
            Some(format!("{text}%"))
        }
        Some(how) => {
            let digits = how.strip_prefix("printf \"%.")?.strip_suffix("f\"")?.parse::<usize>().ok()?;
            Some(format!("{value:.*}", digits.min(20)))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    const FILE: &str = "groups:\n- name: g\n  interval: 30s\n  rules:\n  - alert: Down\n    expr: up == 0\n    for: 1m\n    labels: {severity: critical}\n    annotations: {summary: '{{ $labels.pod }} is {{ $value }}'}\n";

    fn database() -> (Database, usize) {
        let mut database = Database::default();
        let labels = [("__name__", "up"), ("pod", "a")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let id = database.series(labels.into());
        (database, id)
    }

    #[test]
    fn an_alert_is_pending_then_fires_then_ends() {
        let (mut database, id) = database();
        let mut rules = parse(FILE).unwrap();
        let mut states = Vec::new();
        for (at, up) in [(0, 1.0), (30, 0.0), (60, 0.0), (90, 0.0), (100, 1.0), (120, 1.0)] {
            database.append(id, at * 1000 + 1, up);
            rules.evaluate(&database, at * 1000 + 1);
            states.push(rules.rules()["groups"][0]["rules"][0]["state"].as_str().unwrap().to_owned());
            if at == 90 {
                let alert = &rules.alerts()["alerts"][0];
                assert_eq!(alert["annotations"]["summary"], "a is 0");
                assert_eq!(alert["labels"], json!({"alertname": "Down", "pod": "a", "severity": "critical"}));
                assert_eq!(
                    (&alert["value"], &alert["activeAt"]),
                    (&json!("0e+00"), &json!("1970-01-01T00:00:30.001Z"))
                );
            }
        }
        // At 100 s the group is not due.
        assert_eq!(states, ["inactive", "pending", "pending", "firing", "firing", "inactive"]);
    }

    #[test]
    fn a_rule_that_cannot_be_evaluated_says_so() {
        let (mut database, id) = database();
        database.append(id, 1, 1.0);
        let text = FILE.replace(
            "up == 0",
            "up * on (pod) group_left () (up or label_replace(up, \\\"x\\\", \\\"y\\\", \\\"\\\", \\\"\\\"))",
        );
        let mut rules = parse(&text.replace("\\\"", "\"")).unwrap();
        rules.evaluate(&database, 1);
        let rule = &rules.rules()["groups"][0]["rules"][0];
        assert_eq!(rule["health"], "err", "{rule}");
        assert!(rule["lastError"].as_str().is_some_and(|why| !why.is_empty()), "{rule}");
    }

    #[test]
    fn a_wrong_file_is_refused() {
        for (text, part) in [
            ("groups: [{name: a, rules: [{alert: A, expr: 'sum('}]}]", "rule A"),
            ("groups: [{name: a, rules: [{record: a, expr: up}]}]", "record"),
            ("groups: [{name: a, interval: soon}]", "not a duration"),
            ("groups: 1", "groups"),
        ] {
            let why = parse(text).err().unwrap();
            assert!(why.contains(part), "{text}: {why}");
        }
        assert!(parse("").unwrap().groups.is_empty());
    }

    #[test]
    fn numbers_read_as_prometheus_writes_them() {
        let texts = [0.0, 0.1, 1.0, 2500.0, 9.999e-2, -3.0, f64::NAN, 1e100].map(scientific);
        assert_eq!(texts, ["0e+00", "1e-01", "1e+00", "2.5e+03", "9.999e-02", "-3e+00", "NaN", "1e+100"]);
        let labels = Labels::new();
        let percent = |value| expanded("{{ $value | humanizePercentage }}", &labels, value);
        assert_eq!(
            (percent(0.1), percent(0.012345), percent(1.0), percent(0.0)),
            ("10%".into(), "1.234%".into(), "100%".into(), "0%".into())
        );
        assert_eq!(expanded("{{ $value | printf \"%.1f\" }} {{ other }} {{", &labels, 2.25), "2.2 {{ other }} {{");
    }

    /// The keys of a document, with those of the first member of each list.
    fn shape(value: &Value) -> Value {
        match value {
            Value::Object(map) => map
                .iter()
                .filter(|(key, _)| *key != "labels" && *key != "annotations" && *key != "discoveredLabels")
                .map(|(key, value)| (key.clone(), shape(value)))
                .collect(),
            Value::Array(list) => {
                list.iter().find(|one| one["alerts"] != json!([])).map_or(json!([]), |one| json!([shape(one)]))
            }
            Value::Number(_) => json!(0),
            Value::String(_) => json!(""),
            other => other.clone(),
        }
    }

    #[test]
    fn answers_have_the_shape_of_recorded_ones() {
        let recorded = |text: &str| serde_json::from_str::<Value>(text).unwrap()["data"].clone();
        let (mut database, id) = database();
        database.append(id, 1, 0.0);
        let mut rules = parse(FILE).unwrap();
        rules.evaluate(&database, 1);
        let real = recorded(include_str!("../../../testdata/prometheus/rules.json"));
        assert_eq!(shape(&rules.rules()), shape(&real));
        assert_eq!(shape(&rules.alerts()), shape(&recorded(include_str!("../../../testdata/prometheus/alerts.json"))));
        // An expression is printed as Prometheus prints it.
        for rule in real["groups"][0]["rules"].as_array().unwrap() {
            let query = rule["query"].as_str().unwrap();
            assert_eq!(eval::parse(query).unwrap().to_string(), query);
        }
    }
}
