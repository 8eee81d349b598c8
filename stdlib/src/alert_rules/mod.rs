//! Reviewed alerting rules, held against those that Prometheus has loaded.

pub mod gather;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::alert::State;
use crate::alerting_rule::{AlertingRule, Health};
use crate::text::{and, count};

/// How rules get into a Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As a PrometheusRule object, which the operator turns into a rule file.
    Operator,
    /// As a file that Prometheus' configuration names.
    File,
}

/// One reviewed rule, and what was found of it.
#[derive(Clone, Debug)]
pub struct Found {
    /// As it was reviewed.
    pub reviewed: AlertingRule,
    /// As it is loaded: those of its name.
    pub loaded: Vec<AlertingRule>,
    /// Metrics that it stands on and that have no series.
    pub absent: Vec<String>,
}

impl Found {
    /// The loaded rule that is the most like the reviewed one, with in what it differs.
    fn nearest(&self) -> Option<(&AlertingRule, Vec<String>)> {
        let all = self.loaded.iter().map(|rule| (rule, rule.differences(&self.reviewed)));
        all.min_by_key(|(_, differences)| differences.len())
    }

    /// What is wrong with it, as sentences without its name.
    fn problems(&self) -> Vec<String> {
        let mut all = match self.nearest() {
            None => vec!["it is not loaded".to_owned()],
            Some((rule, mut differences)) => {
                if let Health::Failing(why) = &rule.facts().health {
                    differences.push(format!("it cannot be evaluated: {why}"));
                }
                differences
            }
        };
        if !self.absent.is_empty() {
            all.push(format!("it can never fire: {} has no series", and(&self.absent)));
        }
        all
    }
}

/// Reviewed rules, held against the loaded ones.
#[derive(Clone, Debug)]
pub struct AlertRules(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: String,
    seen: Result<Seen, Missing>,
}

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    /// One entry for each reviewed rule.
    pub rules: Vec<Found>,
    /// How rules get into this Prometheus.
    pub way: Way,
}

impl AlertRules {
    /// What was seen of the rules of a file.
    pub fn new(file: &str, seen: Result<Seen, Missing>) -> Self {
        AlertRules(Arc::new(Inner { file: file.to_owned(), seen }))
    }

    /// Why nothing could be seen, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.seen.as_ref().err()
    }

    fn seen(&self) -> Result<&Seen, Failure> {
        self.0.seen.as_ref().map_err(|missing| missing.failure("the comparison of alerting rules"))
    }

    /// Names of the rules that are not loaded.
    ///
    /// # Errors
    /// `NO_DATA` if Prometheus does not tell.
    pub fn not_loaded(&self) -> Result<Vec<String>, Failure> {
        let absent = self.seen()?.rules.iter().filter(|found| found.loaded.is_empty());
        Ok(absent.map(|found| found.reviewed.text()).collect())
    }

    /// What is wrong, as sentences that name their rule; none if every rule is loaded as reviewed and has data.
    ///
    /// # Errors
    /// `NO_DATA` if Prometheus does not tell.
    pub fn problems(&self) -> Result<Vec<String>, Failure> {
        let name = |found: &Found| {
            let name = found.reviewed.text();
            found.problems().into_iter().map(move |problem| format!("{name}: {problem}"))
        };
        Ok(self.seen()?.rules.iter().flat_map(name).collect())
    }

    /// How to bring the rules in, as a sentence.
    ///
    /// # Errors
    /// `NO_DATA` if Prometheus does not tell.
    pub fn how_to_load(&self) -> Result<String, Failure> {
        let file = &self.0.file;
        Ok(match self.seen()?.way {
            Way::Operator => format!(
                "the Prometheus operator is installed: apply runbooks/resources/{}, with the labels that its ruleSelector chooses",
                file.replace(".rules.yaml", ".prometheusrule.yaml")
            ),
            Way::File => format!(
                "no Prometheus operator is installed: name runbooks/resources/{file} under rule_files of Prometheus' configuration, and reload it"
            ),
        })
    }
}

impl Noun for AlertRules {
    const NAME: &'static str = "AlertRules";
    const DOC: &'static str = "Alerting rules as they were reviewed, held against those that Prometheus has loaded.";

    fn text(&self) -> String {
        match &self.0.seen {
            Err(missing) => format!("no data: {missing}"),
            Ok(seen) => {
                let wrong = seen.rules.iter().filter(|found| !found.problems().is_empty()).count();
                let all = count(seen.rules.len(), "reviewed rule", "reviewed rules");
                if wrong == 0 {
                    format!("{all}: loaded as reviewed, each with data")
                } else {
                    format!("{all}, {wrong} of them not in order")
                }
            }
        }
    }

    fn table(&self) -> Table {
        let Ok(seen) = &self.0.seen else { return Table::line(self.text()) };
        let mut table = Table::new(self.text(), &["RULE", "LOADED", "DATA", "EVALUATION", "STATE"]);
        for found in &seen.rules {
            let nearest = found.nearest();
            let loaded = match &nearest {
                None => "no".into(),
                Some((_, differences)) if differences.is_empty() => "as reviewed".into(),
                Some(_) => "differs".to_owned(),
            };
            let data = if found.absent.is_empty() { "yes".into() } else { format!("no {}", and(&found.absent)) };
            let (evaluation, state) = nearest.as_ref().map_or(("-", "-"), |(rule, _)| {
                let evaluation = match rule.facts().health {
                    Health::Ok => "ok",
                    Health::Failing(_) => "fails",
                    Health::Unknown => "not yet",
                };
                let firing = found.loaded.iter().any(|rule| rule.state() == State::Firing);
                (evaluation, if firing { State::Firing.name() } else { rule.state().name() })
            });
            table.row([found.reviewed.text(), loaded, data, evaluation.into(), state.into()]);
            for problem in found.problems() {
                table.note(format!("{}: {problem}", found.reviewed.text()));
            }
        }
        table
    }

    fn json(&self) -> Value {
        match &self.0.seen {
            Err(missing) => json!({ "file": self.0.file, "missing": missing.to_string() }),
            Ok(seen) => json!({
                "file": self.0.file,
                "operator": seen.way == Way::Operator,
                "rules": seen.rules.iter().map(|found| json!({
                    "rule": found.reviewed.name(),
                    "loaded": found.loaded.iter().map(Noun::json).collect::<Vec<_>>(),
                    "without_data": found.absent,
                    "problems": found.problems(),
                })).collect::<Vec<_>>(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use crate::alerting_rule::{Facts, file};

    fn reviewed() -> AlertingRule {
        file::parse("groups: [{name: g, rules: [{alert: Down, expr: up == 0, for: 1m}]}]").unwrap().remove(0)
    }

    fn loaded(change: impl FnOnce(&mut Facts)) -> AlertingRule {
        let mut facts = Facts { health: Health::Ok, ..reviewed().facts().clone() };
        change(&mut facts);
        AlertingRule::new(facts)
    }

    fn rules(loaded: Vec<AlertingRule>, absent: &[&str], way: Way) -> AlertRules {
        let absent = absent.iter().map(|name| (*name).to_owned()).collect();
        AlertRules::new("a.rules.yaml", Ok(Seen { rules: vec![Found { reviewed: reviewed(), loaded, absent }], way }))
    }

    #[test]
    fn each_problem_is_told() {
        let problems = |rules: AlertRules| rules.problems().unwrap().join("; ");
        assert_eq!(problems(rules(vec![loaded(|_| ())], &[], Way::File)), "");
        assert_eq!(problems(rules(vec![], &[], Way::File)), "Down: it is not loaded");
        assert!(
            problems(rules(vec![loaded(|facts| facts.hold = 5.0)], &[], Way::File))
                .contains("fires after 5 s, reviewed is 60 s")
        );
        assert!(problems(rules(vec![loaded(|_| ())], &["up"], Way::File)).contains("can never fire: up has no series"));
        let failing = loaded(|facts| facts.health = Health::Failing("many-to-many".into()));
        assert!(problems(rules(vec![failing], &[], Way::File)).contains("cannot be evaluated: many-to-many"));
        // Of two rules of one name, the one that agrees counts.
        let two = vec![loaded(|facts| facts.expression = "up == 1".into()), loaded(|_| ())];
        assert_eq!(problems(rules(two, &[], Way::File)), "");
    }

    #[test]
    fn how_they_are_brought_in_follows_from_the_cluster() {
        let operator = rules(vec![], &[], Way::Operator);
        assert!(operator.how_to_load().unwrap().contains("a.prometheusrule.yaml"));
        assert!(rules(vec![], &[], Way::File).how_to_load().unwrap().contains("rule_files"));
        let missing = AlertRules::new("a", Err(Missing::Unreachable("down".into())));
        assert!(missing.problems().unwrap_err().is_no_data() && missing.text().contains("down"));
    }
}
