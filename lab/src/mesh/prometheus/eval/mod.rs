//! PromQL: parsed by `promql-parser`, evaluated here over the lab's series as Prometheus 2.42 does.
//!
//! That version is the reference because the tests hold this evaluator against its binary. A range includes both its
//! ends; an instant looks back five minutes; ended series end at once.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use promql_parser::label::{MatchOp, Matcher, Matchers};
use promql_parser::parser::{AtModifier, Expr, Offset};
use regex::Regex;

use super::tsdb::{Condition, Database, Labels, Test, is_stale};

mod aggregate;
mod binary;
mod durations;
mod histogram;
mod instant;
mod range;

/// How far back (ms) an instant looks for a sample.
const LOOKBACK: i64 = 300_000;
/// The step (ms) of a subquery that names none: the evaluation interval.
const SUBQUERY_STEP: i64 = 60_000;

/// The samples that one query may look at, over all its steps. Prometheus' own limit (`query.max-samples`) is 50 million
/// at a time; here all that it looks at counts, so that a query ends within seconds.
const MOST_SAMPLES: usize = 10_000_000;
/// What a selector costs besides its samples: it is looked up, and its regular expressions are compiled.
const SELECTOR: usize = 10;
/// How deep a query may nest, brackets and operators counted: evaluation recurses.
const DEEPEST: usize = 200;
/// The farthest time (ms) from 1970. Differences and sums of a few of them stay numbers.
const FARTHEST: i64 = i64::MAX / 8;

/// A series' value at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Labels.
    pub labels: Labels,
    /// Value.
    pub value: f64,
    /// The time (ms) of the sample it stems from.
    pub at: i64,
}

/// A series' values over a range.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// Labels.
    pub labels: Labels,
    /// Time (ms) and value.
    pub samples: Vec<(i64, f64)>,
}

/// What an expression evaluates to at one time.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Scalar(f64),
    /// A string.
    Text(String),
    /// An instant vector.
    Vector(Vec<Sample>),
    /// A range vector, from `start` to `end` (ms).
    Matrix {
        /// The series.
        series: Vec<Range>,
        /// Begin of the range (ms).
        start: i64,
        /// End of the range (ms).
        end: i64,
    },
}

impl Value {
    /// The word of the API for the type.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Scalar(_) => "scalar",
            Value::Text(_) => "string",
            Value::Vector(_) => "vector",
            Value::Matrix { .. } => "matrix",
        }
    }
}

/// Why a query cannot be answered.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryError {
    /// It cannot be parsed, or has a wrong type: `bad_data`.
    BadData(String),
    /// It failed while it was evaluated: `execution`.
    Execution(String),
}

type Evaluated = Result<Value, QueryError>;

fn failed<T>(text: impl Into<String>) -> Result<T, QueryError> {
    Err(QueryError::Execution(text.into()))
}

/// A query over a database; `start` and `end` (ms) are what `@ start()` and `@ end()` mean.
pub struct Query<'a> {
    database: &'a Database,
    expression: Expr,
    start: i64,
    end: i64,
    samples: Cell<usize>,
}

/// Parses a query.
///
/// # Errors
/// [`QueryError::BadData`] with the parser's text, or if the query nests too deeply.
pub fn parse(text: &str) -> Result<Expr, QueryError> {
    let wrong = |why: &str| QueryError::BadData(format!("invalid parameter \"query\": {why}"));
    if depth(text) > DEEPEST {
        return Err(wrong("it nests too deeply for the lab's Prometheus"));
    }
    if !durations::fit(text) {
        return Err(wrong(durations::TOO_LONG));
    }
    promql_parser::parser::parse(text).map_err(|error| wrong(&error))
}

/// No less than the depth of a query's tree: its open brackets, and all its operators, as a chain of them is a tree that
/// leans to one side. What stands in strings and braces is left out.
fn depth(query: &str) -> usize {
    let (mut open, mut deepest, mut operators) = (0_usize, 0, 0);
    let mut quote = None;
    let (mut escaped, mut in_braces) = (false, false);
    let mut word = String::new();
    // The blank ends the last word.
    for c in query.chars().chain([' ']) {
        if quote.is_none() && (c.is_alphanumeric() || c == '_') {
            word.extend(c.to_lowercase());
            continue;
        }
        operators += usize::from(matches!(word.as_str(), "and" | "or" | "unless" | "atan2"));
        word.clear();
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(mark), '\\') if mark != '`' => escaped = true,
            (Some(mark), c) if c == mark => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '{' | '}') => in_braces = c == '{',
            (None, _) if in_braces => {}
            (None, '(' | '[') => open += 1,
            (None, ')' | ']') => open = open.saturating_sub(1),
            (None, '+' | '-' | '*' | '/' | '%' | '^' | '<' | '>' | '!' | '=') => operators += 1,
            (None, _) => {}
        }
        deepest = deepest.max(open);
    }
    deepest + operators
}

impl<'a> Query<'a> {
    /// A parsed query over a range of times; for an instant both are the same.
    pub fn new(database: &'a Database, expression: Expr, start: i64, end: i64) -> Query<'a> {
        let [start, end] = [start, end].map(|time| time.clamp(-FARTHEST, FARTHEST));
        Query { database, expression, start, end, samples: Cell::new(0) }
    }

    /// Counts samples that are looked at.
    fn load(&self, samples: usize) -> Result<(), QueryError> {
        self.samples.set(self.samples.get().saturating_add(samples));
        if self.samples.get() > MOST_SAMPLES {
            return failed("query processing would load too many samples into memory in query execution");
        }
        Ok(())
    }

    /// The value at one time (ms).
    ///
    /// # Errors
    /// What the expression cannot do with the data, such as matching many to many.
    pub fn at(&self, time: i64) -> Evaluated {
        self.eval(&self.expression, time)
    }

    /// Labels of the series that a selector chooses, whatever their samples.
    pub fn series(&self) -> Vec<Labels> {
        match &self.expression {
            Expr::VectorSelector(selector) => {
                let alternatives = conditions(selector.name.as_deref(), &selector.matchers);
                alternatives
                    .iter()
                    .flat_map(|conditions| self.database.select(conditions))
                    .map(|series| series.labels.clone())
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn eval(&self, expression: &Expr, time: i64) -> Evaluated {
        match expression {
            Expr::NumberLiteral(number) => Ok(Value::Scalar(number.val)),
            Expr::StringLiteral(text) => Ok(Value::Text(text.val.clone())),
            Expr::Paren(inner) => self.eval(&inner.expr, time),
            Expr::Unary(inner) => Ok(match self.eval(&inner.expr, time)? {
                Value::Scalar(number) => Value::Scalar(-number),
                Value::Vector(samples) => Value::Vector(
                    samples
                        .into_iter()
                        .map(|sample| Sample { value: -sample.value, labels: unnamed(sample.labels), ..sample })
                        .collect(),
                ),
                other => other,
            }),
            Expr::VectorSelector(selector) => {
                let time = self.shifted(time, selector.at.as_ref(), selector.offset.as_ref());
                Ok(Value::Vector(self.instant(selector.name.as_deref(), &selector.matchers, time)?))
            }
            Expr::MatrixSelector(matrix) => {
                let selector = &matrix.vs;
                let end = self.shifted(time, selector.at.as_ref(), selector.offset.as_ref());
                let start = end - millis(matrix.range);
                let mut series = Vec::new();
                for conditions in conditions(selector.name.as_deref(), &selector.matchers) {
                    self.load(SELECTOR)?;
                    for found in self.database.select(&conditions) {
                        let from = found.samples.partition_point(|(at, _)| *at < start);
                        let to = found.samples.partition_point(|(at, _)| *at <= end);
                        let samples: Vec<(i64, f64)> = found.samples[from..to.max(from)]
                            .iter()
                            .filter(|(_, value)| !is_stale(*value))
                            .copied()
                            .collect();
                        self.load(samples.len())?;
                        if !samples.is_empty() {
                            series.push(Range { labels: found.labels.clone(), samples });
                        }
                    }
                }
                Ok(Value::Matrix { series, start, end })
            }
            Expr::Subquery(subquery) => {
                let end = self.shifted(time, subquery.at.as_ref(), subquery.offset.as_ref());
                let start = end - millis(subquery.range);
                let step = subquery.step.map_or(SUBQUERY_STEP, millis).max(1);
                let mut series: Vec<Range> = Vec::new();
                let mut at = step * start.div_euclid(step);
                if at < start {
                    at += step;
                }
                while at <= end {
                    self.load(1)?;
                    let samples = match self.eval(&subquery.expr, at)? {
                        Value::Vector(samples) => samples,
                        Value::Scalar(value) => vec![Sample { labels: Labels::new(), value, at }],
                        _ => return failed("a subquery needs an instant vector"),
                    };
                    for sample in samples {
                        // Each is compared with the series that are there.
                        self.load(1 + series.len() / 8)?;
                        match series.iter_mut().find(|range| range.labels == sample.labels) {
                            Some(range) => range.samples.push((at, sample.value)),
                            None => series.push(Range { labels: sample.labels, samples: vec![(at, sample.value)] }),
                        }
                    }
                    at += step;
                }
                Ok(Value::Matrix { series, start, end })
            }
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, time),
            Expr::Binary(binary) => self.binary(binary, time),
            Expr::Call(call) => self.call(call, time),
            Expr::Extension(_) => failed("the expression is not PromQL"),
        }
    }

    fn shifted(&self, time: i64, at: Option<&AtModifier>, offset: Option<&Offset>) -> i64 {
        let time = match at {
            None => time,
            Some(AtModifier::Start) => self.start,
            Some(AtModifier::End) => self.end,
            Some(AtModifier::At(moment)) => from_system(*moment),
        };
        let shifted = match offset {
            None => time,
            Some(Offset::Pos(by)) => time - millis(*by),
            Some(Offset::Neg(by)) => time + millis(*by),
        };
        shifted.clamp(-FARTHEST, FARTHEST)
    }

    fn instant(&self, name: Option<&str>, matchers: &Matchers, time: i64) -> Result<Vec<Sample>, QueryError> {
        let mut found = Vec::new();
        for conditions in conditions(name, matchers) {
            self.load(SELECTOR)?;
            for series in self.database.select(&conditions) {
                self.load(1)?;
                let index = series.samples.partition_point(|(at, _)| *at <= time);
                let last = index.checked_sub(1).map(|last| series.samples[last]);
                if let Some((at, value)) = last
                    && at > time - LOOKBACK
                    && !is_stale(value)
                {
                    found.push(Sample { labels: series.labels.clone(), value, at });
                }
            }
        }
        Ok(found)
    }

    fn vector(&self, expression: &Expr, time: i64) -> Result<Vec<Sample>, QueryError> {
        match self.eval(expression, time)? {
            Value::Vector(samples) => Ok(samples),
            other => Err(QueryError::BadData(format!("expected type instant vector, got {}", other.kind()))),
        }
    }

    fn scalar(&self, expression: &Expr, time: i64) -> Result<f64, QueryError> {
        match self.eval(expression, time)? {
            Value::Scalar(number) => Ok(number),
            other => Err(QueryError::BadData(format!("expected type scalar, got {}", other.kind()))),
        }
    }
}

/// Alternatives of conditions: the matchers, or those joined by `or`.
fn conditions(name: Option<&str>, matchers: &Matchers) -> Vec<Vec<Condition>> {
    let named = name.map(|name| Condition { label: "__name__".into(), test: Test::Is(name.to_owned()) });
    let all = |list: &[Matcher]| named.clone().into_iter().chain(list.iter().map(condition)).collect::<Vec<_>>();
    if matchers.or_matchers.is_empty() {
        vec![all(&matchers.matchers)]
    } else {
        matchers.or_matchers.iter().map(|list| all(list)).collect()
    }
}

fn condition(matcher: &Matcher) -> Condition {
    let anchored = || {
        Regex::new(&format!("^(?:{})$", matcher.value))
            .unwrap_or_else(|_| Regex::new("$^").expect("a regex that matches nothing"))
    };
    let test = match &matcher.op {
        MatchOp::Equal => Test::Is(matcher.value.clone()),
        MatchOp::NotEqual => Test::IsNot(matcher.value.clone()),
        MatchOp::Re(_) => Test::Matches(anchored()),
        MatchOp::NotRe(_) => Test::MatchesNot(anchored()),
    };
    Condition { label: matcher.name.clone(), test }
}

/// Labels without the metric's name.
fn unnamed(mut labels: Labels) -> Labels {
    labels.remove("__name__");
    labels
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).map_or(FARTHEST, |millis| millis.min(FARTHEST))
}

fn from_system(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(before) => -millis(before.duration()),
    }
}

/// `{a="b", c="d"}`, as Prometheus prints labels in errors.
fn printed(labels: &Labels) -> String {
    let name = labels.get("__name__").map_or("", String::as_str);
    let rest: Vec<String> = labels
        .iter()
        .filter(|(label, _)| *label != "__name__")
        .map(|(label, value)| format!("{label}={value:?}"))
        .collect();
    format!("{name}{{{}}}", rest.join(", "))
}
