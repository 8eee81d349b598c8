//! The alerting rule: an expression that Prometheus evaluates again and again, and that alerts while it has a result.

pub mod file;

use std::collections::BTreeMap;
use std::sync::Arc;

use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

use crate::alert::State;
use crate::prometheus::expression::canonical;
use crate::text::{first_line, time};

/// How a rule's last evaluation went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It was evaluated.
    Ok,
    /// It could not be evaluated, for this reason.
    Failing(String),
    /// It has not been evaluated yet.
    Unknown,
}

/// What a rule is.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its group.
    pub group: String,
    /// Its name.
    pub name: String,
    /// PromQL, as it was written or as Prometheus prints it.
    pub expression: String,
    /// For how many seconds it must hold before it fires.
    pub hold: f64,
    /// Labels that its alerts get.
    pub labels: BTreeMap<String, String>,
    /// Annotations that its alerts get, as templates.
    pub annotations: BTreeMap<String, String>,
    /// How far its alerts are.
    pub state: State,
    /// How its last evaluation went.
    pub health: Health,
}

/// One alerting rule.
#[derive(Clone, Debug)]
pub struct AlertingRule(Arc<Facts>);

impl AlertingRule {
    /// A rule.
    pub fn new(facts: Facts) -> Self {
        AlertingRule(Arc::new(facts))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How far its alerts are.
    pub fn state(&self) -> State {
        self.0.state
    }

    /// What it is.
    pub fn facts(&self) -> &Facts {
        &self.0
    }

    /// In what it differs from another rule of its name, as sentences; none if they mean the same.
    pub fn differences(&self, reviewed: &AlertingRule) -> Vec<String> {
        let (own, other) = (&self.0, &reviewed.0);
        let mut all = Vec::new();
        let (loaded, wanted) = (canonical(&own.expression), canonical(&other.expression));
        if loaded != wanted {
            all.push(format!("its expression is `{}`, reviewed is `{}`", first_line(&loaded), first_line(&wanted)));
        }
        if (own.hold - other.hold).abs() > 0.0005 {
            all.push(format!("it fires after {}, reviewed is {}", time(own.hold), time(other.hold)));
        }
        for (name, value) in &other.labels {
            match own.labels.get(name) {
                Some(other) if other == value => {}
                Some(other) => all.push(format!("its label {name} is {}, reviewed is {value}", first_line(other))),
                None => all.push(format!("it has no label {name}={value}")),
            }
        }
        all
    }
}

impl Noun for AlertingRule {
    const NAME: &'static str = "AlertingRule";
    const DOC: &'static str = "An alerting rule that Prometheus has loaded. `Rule` is a DestinationRule.";

    fn text(&self) -> String {
        first_line(&self.0.name)
    }

    fn table(&self) -> Table {
        let mut table = Table::new(self.text(), &["RULE", "GROUP", "STATE", "EVALUATION", "EXPRESSION"]);
        let health = match &self.0.health {
            Health::Ok => "ok".to_owned(),
            Health::Failing(why) => format!("fails: {why}"),
            Health::Unknown => "not yet".to_owned(),
        };
        let expression = first_line(&canonical(&self.0.expression));
        table.row([self.text(), first_line(&self.0.group), self.0.state.name().into(), health, expression]);
        table
    }

    fn json(&self) -> Value {
        let error = match &self.0.health {
            Health::Failing(why) => Some(why),
            _ => None,
        };
        json!({
            "rule": self.0.name, "group": self.0.group, "expression": self.0.expression, "for_seconds": self.0.hold,
            "labels": self.0.labels, "annotations": self.0.annotations, "state": self.0.state.name(), "error": error,
        })
    }
}
