//! Series with their samples, as a Prometheus keeps them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use regex::Regex;

/// The bits of the NaN that marks a series as ended (`value.StaleNaN` in Prometheus).
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// How long (ms) samples are kept.
const RETENTION: i64 = 3 * 3600 * 1000;

/// Labels, sorted by name; `__name__` is among them.
pub type Labels = BTreeMap<String, String>;

/// Whether a value is the marker of an ended series.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE
}

/// One series.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// Time (ms since 1970) and value, oldest first.
    pub samples: Vec<(i64, f64)>,
}

/// A condition on one label.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The label.
    pub label: String,
    /// What its value must be; a label that is missing is empty.
    pub test: Test,
}

/// A condition's test.
#[derive(Clone, Debug)]
pub enum Test {
    /// `=`.
    Is(String),
    /// `!=`.
    IsNot(String),
    /// `=~`, anchored.
    Matches(Regex),
    /// `!~`, anchored.
    MatchesNot(Regex),
}

impl Condition {
    /// Whether a value passes.
    pub fn accepts(&self, value: &str) -> bool {
        match &self.test {
            Test::Is(text) => value == text,
            Test::IsNot(text) => value != text,
            Test::Matches(regex) => regex.is_match(value),
            Test::MatchesNot(regex) => !regex.is_match(value),
        }
    }
}

/// All series of a Prometheus.
#[derive(Default)]
pub struct Database {
    /// Shared with the snapshots that queries read.
    series: Vec<Arc<Series>>,
    index: HashMap<Labels, usize>,
    by_name: HashMap<String, Vec<usize>>,
}

impl Database {
    /// The number of the series with these labels; a new one if there is none.
    pub fn series(&mut self, labels: Labels) -> usize {
        if let Some(id) = self.index.get(&labels) {
            return *id;
        }
        let id = self.series.len();
        // In the order of their labels: every query wants them so.
        let same_name = self.by_name.entry(labels.get("__name__").cloned().unwrap_or_default()).or_default();
        let place = same_name.partition_point(|other| self.series[*other].labels < labels);
        same_name.insert(place, id);
        self.index.insert(labels.clone(), id);
        self.series.push(Arc::new(Series { labels, samples: Vec::new() }));
        id
    }

    /// Adds a sample; samples come in the order of their times.
    pub fn append(&mut self, id: usize, at: i64, value: f64) {
        if self.series[id].samples.last().is_some_and(|(last, _)| *last >= at) {
            return;
        }
        // Only a series that a query reads at this moment is copied.
        let samples = &mut Arc::make_mut(&mut self.series[id]).samples;
        if samples.len() >= 1024 && samples[0].0 < at - RETENTION {
            let old = samples.partition_point(|(time, _)| *time < at - RETENTION);
            samples.drain(..old);
        }
        samples.push((at, value));
    }

    /// Marks a series as ended.
    pub fn end(&mut self, id: usize, at: i64) {
        if self.series[id].samples.last().is_some_and(|(_, value)| !is_stale(*value)) {
            self.append(id, at, f64::from_bits(STALE));
        }
    }

    /// What is here now, for a query that goes on while more is added. Nothing can be added to it: it has no index.
    pub fn snapshot(&self) -> Database {
        Database { series: self.series.clone(), index: HashMap::new(), by_name: self.by_name.clone() }
    }

    /// The series that fulfil every condition, in the order of their labels.
    pub fn select(&self, conditions: &[Condition]) -> Vec<&Series> {
        let name = conditions.iter().find_map(|condition| match (&condition.label[..], &condition.test) {
            ("__name__", Test::Is(name)) => Some(name),
            _ => None,
        });
        let fits = |series: &&Series| {
            conditions
                .iter()
                .all(|condition| condition.accepts(series.labels.get(&condition.label).map_or("", String::as_str)))
        };
        if let Some(name) = name {
            return self.by_name.get(name).into_iter().flatten().map(|id| &*self.series[*id]).filter(fits).collect();
        }
        let mut found: Vec<&Series> = self.series.iter().map(|series| &**series).filter(fits).collect();
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_stays_as_it_was() {
        let mut database = Database::default();
        let labels = Labels::from([("__name__".to_owned(), "up".to_owned())]);
        let id = database.series(labels.clone());
        database.append(id, 1000, 1.0);
        let snapshot = database.snapshot();
        database.append(id, 2000, 0.0);
        let named = [Condition { label: "__name__".into(), test: Test::Is("up".into()) }];
        assert_eq!(snapshot.select(&named)[0].samples, [(1000, 1.0)]);
        assert_eq!(database.select(&named)[0].samples, [(1000, 1.0), (2000, 0.0)]);
        assert_eq!(database.series(labels), id, "the database itself still knows its series");
    }
}
