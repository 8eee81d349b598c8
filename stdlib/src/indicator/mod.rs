//! The indicator: what a query measures, for each of its series, and whether that is within a bound.
//!
//! It is what a panel of a dashboard shows, with a verdict: within the bound, beyond it, or no data and why.

pub mod gather;

use std::collections::BTreeMap;
use std::sync::Arc;

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::{Noun, a_type};
use meshbook_runtime::value::{Missing, Quantity, Span, Table};
use rhai::Dynamic;
use serde_json::{Value, json};

use crate::text::{figure, first_line, percent, time};

/// How many series are shown beside the worst.
const SHOWN: usize = 3;

/// What the numbers of an indicator count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Whatever the query counts.
    Plain,
    /// A part of a whole, 0 to 1.
    Share,
    /// Seconds: its bound is a duration.
    Seconds,
    /// Each second.
    PerSecond,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// Every unit, as scripts write it.
    pub const ALL: [(&'static str, Unit); 5] = [
        ("", Unit::Plain),
        ("share", Unit::Share),
        ("seconds", Unit::Seconds),
        ("per second", Unit::PerSecond),
        ("bytes", Unit::Bytes),
    ];

    fn text(self, value: f64) -> String {
        match self {
            _ if !value.is_finite() => value.to_string(),
            Unit::Plain => figure(value),
            Unit::Share => percent(value),
            Unit::Seconds => time(value),
            Unit::PerSecond => format!("{}/s", figure(value)),
            Unit::Bytes if value >= 1024.0 * 1024.0 => format!("{} MiB", figure(value / 1024.0 / 1024.0)),
            Unit::Bytes => format!("{} bytes", figure(value)),
        }
    }
}

/// One series' value now.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The labels that the query keeps.
    pub labels: BTreeMap<String, String>,
    /// Its value; never NaN.
    pub value: f64,
}

impl Point {
    /// Its labels' values in a word or two.
    fn place(&self) -> String {
        let full = |(name, value): (&String, &String)| {
            let value = first_line(value.trim_end_matches(".svc.cluster.local"));
            if name == "reporter" { format!("by {value}") } else { value }
        };
        // Who counted stands last, as in `graph-core.summit by source`.
        let (reporter, rest): (Vec<_>, Vec<_>) = self.labels.iter().partition(|(name, _)| *name == "reporter");
        rest.into_iter().chain(reporter).map(full).collect::<Vec<_>>().join(" ")
    }
}

/// On which side of its bound a value is well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Bound::AtMost(most) => value <= most,
            Bound::AtLeast(least) => value >= least,
        }
    }
}

/// What a query measures.
#[derive(Clone, Debug)]
pub struct Indicator(Arc<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    what: String,
    unit: Unit,
    query: String,
    outcome: Result<Vec<Point>, Missing>,
    bound: Option<Bound>,
    runbook: String,
}

impl Indicator {
    /// What was measured; without a bound yet.
    pub fn new(what: &str, unit: Unit, query: &str, outcome: Result<Vec<Point>, Missing>) -> Self {
        let (what, query) = (what.to_owned(), query.to_owned());
        Indicator(Arc::new(Inner { what, unit, query, outcome, bound: None, runbook: String::new() }))
    }

    /// The same with a bound.
    ///
    /// # Errors
    /// `TYPE` if the bound is not of its unit: a duration for times, a quantity or a number for bytes, a number for the rest.
    pub fn bounded(&self, bound: &Dynamic, of: fn(f64) -> Bound) -> Result<Indicator, Failure> {
        let wrong = |wanted: &str| {
            Failure::new(&TYPE, format!("the bound of \"{}\" must be {wanted}, not {}", self.0.what, a_type(bound)))
        };
        #[allow(clippy::cast_precision_loss, reason = "a number that a script writes as an int has few digits")]
        let number = || bound.as_float().ok().or_else(|| bound.as_int().ok().map(|int| int as f64));
        let value = match self.0.unit {
            Unit::Seconds => {
                let span = bound.clone().try_cast::<Span>();
                span.ok_or_else(|| wrong("a duration").hint("write it as over(\"2s\")"))?.0.as_secs_f64()
            }
            #[allow(clippy::cast_precision_loss, reason = "a bound needs no more than 15 digits")]
            Unit::Bytes if bound.is::<Quantity>() => {
                bound.clone().try_cast::<Quantity>().map_or(0, |quantity| quantity.milli()) as f64 / 1000.0
            }
            _ => number().filter(|value| value.is_finite()).ok_or_else(|| wrong("a number"))?,
        };
        Ok(Indicator(Arc::new(Inner { bound: Some(of(value)), ..(*self.0).clone() })))
    }

    /// The same with the runbook to go to when it is beyond its bound.
    pub fn with_runbook(&self, runbook: &str) -> Indicator {
        Indicator(Arc::new(Inner { runbook: runbook.to_owned(), ..(*self.0).clone() }))
    }

    /// What it measures.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// The runbook to go to when it is beyond its bound; empty if there is none.
    pub fn runbook(&self) -> &str {
        &self.0.runbook
    }

    /// Why it has no value, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.outcome.as_ref().err()
    }

    /// Its points, the worst first: the largest, or the smallest where the bound is a least.
    fn sorted(&self) -> Vec<&Point> {
        let mut points: Vec<&Point> = self.0.outcome.iter().flatten().collect();
        let least = matches!(self.0.bound, Some(Bound::AtLeast(_)));
        points.sort_by(|a, b| if least { a.value.total_cmp(&b.value) } else { b.value.total_cmp(&a.value) });
        points
    }

    /// Whether one of its series is beyond the bound; without a bound none ever is.
    ///
    /// # Errors
    /// `NO_DATA` if there is no value.
    pub fn is_beyond(&self) -> Result<bool, Failure> {
        let points = self.0.outcome.as_ref().map_err(|missing| missing.failure(&format!("\"{}\"", self.0.what)))?;
        Ok(self.0.bound.is_some_and(|bound| points.iter().any(|point| !bound.holds(point.value))))
    }

    fn bound_text(&self) -> String {
        match self.0.bound {
            None => "-".into(),
            Some(Bound::AtMost(most)) => format!("at most {}", self.0.unit.text(most)),
            Some(Bound::AtLeast(least)) => format!("at least {}", self.0.unit.text(least)),
        }
    }

    /// Points beyond the bound, as `2.3 % (graph-core.summit by source)`.
    fn worst(&self) -> String {
        let points = self.sorted();
        let beyond: Vec<&&Point> =
            points.iter().filter(|point| self.0.bound.is_some_and(|bound| !bound.holds(point.value))).collect();
        let text = |point: &Point| {
            let place = point.place();
            let value = self.0.unit.text(point.value);
            if place.is_empty() { value } else { format!("{value} ({place})") }
        };
        match (beyond.as_slice(), points.first()) {
            ([], None) => String::new(),
            ([], Some(first)) => text(first),
            (beyond, _) => {
                let rest = beyond.len().saturating_sub(SHOWN);
                let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
                beyond.iter().take(SHOWN).map(|point| text(point)).collect::<Vec<_>>().join(", ") + more.as_str()
            }
        }
    }

    fn verdict(&self) -> &'static str {
        match (&self.0.outcome, self.0.bound) {
            (Err(_), _) => "no data",
            (Ok(_), None) => "shown",
            (Ok(points), Some(bound)) if points.iter().all(|point| bound.holds(point.value)) => "within",
            (Ok(_), Some(_)) => "beyond",
        }
    }
}

impl Noun for Indicator {
    const NAME: &'static str = "Indicator";
    const DOC: &'static str = "What a query measures, for each of its series, and whether that is within a bound. Its verdict is `within`, `beyond`, `shown` (it has no bound) or `no data`.";

    fn text(&self) -> String {
        match &self.0.outcome {
            Err(missing) => format!("{}: no data: {missing}", self.0.what),
            Ok(_) if self.0.bound.is_none() => format!("{}: {}", self.0.what, self.worst()),
            Ok(_) => format!("{}: {}, {}", self.0.what, self.worst(), self.bound_text()),
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(self.0.what.clone(), &["WHAT", "NOW", "BOUND", "VERDICT"]);
        let now = self.missing().map_or_else(|| self.worst(), |_| "-".into());
        table.row([self.0.what.clone(), now, self.bound_text(), self.verdict().into()]);
        if let Some(missing) = self.missing() {
            table.note(format!("{}: {missing}", self.0.what));
        }
        table
    }

    fn json(&self) -> Value {
        // JSON has no infinity: it stands as Prometheus writes it.
        let number = |value: f64| if value.is_finite() { json!(value) } else { json!(value.to_string()) };
        let point = |point: &Point| json!({ "labels": point.labels, "value": number(point.value) });
        let (at_most, at_least) = match self.0.bound {
            Some(Bound::AtMost(most)) => (Some(most), None),
            Some(Bound::AtLeast(least)) => (None, Some(least)),
            None => (None, None),
        };
        let unit = Unit::ALL.iter().find(|(_, unit)| *unit == self.0.unit).map_or("", |(name, _)| *name);
        json!({
            "what": self.0.what, "query": self.0.query, "unit": unit, "verdict": self.verdict(),
            "at_most": at_most, "at_least": at_least, "missing": self.missing().map(ToString::to_string),
            "series": self.0.outcome.iter().flatten().map(point).collect::<Vec<_>>(), "runbook": self.0.runbook,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    fn of(unit: Unit, values: &[f64]) -> Indicator {
        let point = |(index, value): (usize, &f64)| Point {
            labels: [
                ("destination_service".to_owned(), format!("s{index}.summit.svc.cluster.local")),
                ("reporter".to_owned(), "source".to_owned()),
            ]
            .into(),
            value: *value,
        };
        Indicator::new("what fails", unit, "q", Ok(values.iter().enumerate().map(point).collect()))
    }

    #[test]
    fn the_worst_series_decides() {
        let failing = of(Unit::Share, &[0.001, 0.5, 0.02, 0.3, 0.04]).bounded(&0.01.into(), Bound::AtMost).unwrap();
        assert!(failing.is_beyond().unwrap());
        assert_eq!(
            failing.text(),
            "what fails: 50 % (s1.summit by source), 30 % (s3.summit by source), 4 % (s4.summit by source) and 1 more, at most 1 %"
        );
        let fine = failing.bounded(&1_i64.into(), Bound::AtMost).unwrap();
        assert!(!fine.is_beyond().unwrap());
        assert_eq!(fine.text(), "what fails: 50 % (s1.summit by source), at most 100 %");
        let least = failing.bounded(&0.01.into(), Bound::AtLeast).unwrap();
        assert_eq!(
            (least.is_beyond().unwrap(), least.table().rows[0][1].as_str()),
            (true, "0.1 % (s0.summit by source)")
        );
        let infinite = of(Unit::Plain, &[f64::INFINITY]).bounded(&1.0.into(), Bound::AtMost).unwrap();
        assert!(infinite.is_beyond().unwrap(), "a division by nothing is beyond any bound");
        assert_eq!(infinite.json()["series"][0]["value"], "inf");
    }

    #[test]
    fn a_bound_has_the_unit_of_its_values() {
        let slow = of(Unit::Seconds, &[3.0]);
        assert!(slow.bounded(&2_i64.into(), Bound::AtMost).unwrap_err().message.contains("a duration"));
        let span = Dynamic::from("2s".parse::<Span>().unwrap());
        assert!(slow.bounded(&span, Bound::AtMost).unwrap().is_beyond().unwrap());
        assert!(of(Unit::Share, &[0.1]).bounded(&span, Bound::AtMost).is_err());
        assert!(of(Unit::Share, &[0.1]).bounded(&f64::NAN.into(), Bound::AtMost).is_err());
        let quantity = Dynamic::from("1Mi".parse::<Quantity>().unwrap());
        let large = of(Unit::Bytes, &[2e6]).bounded(&quantity, Bound::AtMost).unwrap();
        assert_eq!(
            (large.is_beyond().unwrap(), large.text().as_str()),
            (true, "what fails: 1.91 MiB (s0.summit by source), at most 1 MiB")
        );
    }

    #[test]
    fn no_data_is_neither_within_nor_beyond() {
        let gone = Indicator::new("x", Unit::Plain, "q", Err(Missing::NotExported("y".into())));
        let gone = gone.bounded(&1_i64.into(), Bound::AtMost).unwrap();
        assert!(gone.is_beyond().unwrap_err().is_no_data());
        assert_eq!(
            (gone.table().rows[0][3].as_str(), gone.text().as_str()),
            ("no data", "x: no data: not exported: y")
        );
        assert!(!of(Unit::Plain, &[1.0]).is_beyond().unwrap(), "without a bound nothing is beyond it");
    }
}
