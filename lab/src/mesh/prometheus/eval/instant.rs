//! Function calls.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use promql_parser::label::MatchOp;
use promql_parser::parser::{Call, Expr};
use regex::Regex;

use super::{Evaluated, Query, QueryError, Range, Sample, Value, failed, histogram, range, unnamed};
use crate::mesh::prometheus::tsdb::Labels;

impl Query<'_> {
    pub(super) fn call(&self, call: &Call, time: i64) -> Evaluated {
        let name = call.func.name;
        let args: Vec<&Expr> = call.args.args.iter().map(AsRef::as_ref).collect();
        let argument = |index: usize| {
            args.get(index).copied().ok_or_else(|| QueryError::BadData(format!("too few arguments for {name}")))
        };
        match name {
            "time" => Ok(Value::Scalar(time as f64 / 1000.0)),
            "pi" => Ok(Value::Scalar(std::f64::consts::PI)),
            "vector" => Ok(Value::Vector(vec![Sample {
                labels: Labels::new(),
                value: self.scalar(argument(0)?, time)?,
                at: time,
            }])),
            "scalar" => Ok(Value::Scalar(match self.vector(argument(0)?, time)?.as_slice() {
                [one] => one.value,
                _ => f64::NAN,
            })),
            "absent" => {
                let samples = self.vector(argument(0)?, time)?;
                let labels = absent_labels(argument(0)?);
                Ok(Value::Vector(if samples.is_empty() {
                    vec![Sample { labels, value: 1.0, at: time }]
                } else {
                    Vec::new()
                }))
            }
            "absent_over_time" => {
                let (series, ..) = self.matrix(argument(0)?, time)?;
                let labels = absent_labels(argument(0)?);
                Ok(Value::Vector(if series.is_empty() {
                    vec![Sample { labels, value: 1.0, at: time }]
                } else {
                    Vec::new()
                }))
            }
            "timestamp" => {
                let samples = self.vector(argument(0)?, time)?;
                // Of anything but a selector, the samples are as old as the evaluation.
                let selected = matches!(unwrapped(argument(0)?), Expr::VectorSelector(_));
                Ok(Value::Vector(
                    samples
                        .into_iter()
                        .map(|sample| Sample {
                            value: (if selected { sample.at } else { time }) as f64 / 1000.0,
                            labels: unnamed(sample.labels),
                            at: time,
                        })
                        .collect(),
                ))
            }
            "sort" | "sort_desc" => {
                let mut samples = self.vector(argument(0)?, time)?;
                samples.sort_by(|a, b| {
                    let order = a.value.partial_cmp(&b.value).unwrap_or(std::cmp::Ordering::Equal);
                    a.value.is_nan().cmp(&b.value.is_nan()).then(if name == "sort" { order } else { order.reverse() })
                });
                Ok(Value::Vector(samples))
            }
            "histogram_quantile" => {
                let phi = self.scalar(argument(0)?, time)?;
                Ok(Value::Vector(histogram::quantile(phi, self.vector(argument(1)?, time)?, time)))
            }
            "label_replace" => self.label_replace(&args, time),
            "label_join" => self.label_join(&args, time),
            "rate" | "increase" | "delta" => self.over(argument(0)?, time, |series, start, end| {
                range::extrapolated(series, start, end, name != "delta", name == "rate")
            }),
            "irate" | "idelta" => self.over(argument(0)?, time, |series, _, _| range::instant(series, name == "irate")),
            "deriv" => self.over(argument(0)?, time, |series, _, _| {
                range::regression(series, series.samples.first()?.0).map(|(slope, _)| slope)
            }),
            "predict_linear" => {
                let ahead = self.scalar(argument(1)?, time)?;
                self.over(argument(0)?, time, |series, _, _| {
                    range::regression(series, time).map(|(slope, value)| slope * ahead + value)
                })
            }
            "quantile_over_time" => {
                let phi = self.scalar(argument(0)?, time)?;
                self.over(argument(1)?, time, |series, _, _| {
                    Some(range::quantile(phi, &series.samples.iter().map(|(_, value)| *value).collect::<Vec<_>>()))
                })
            }
            "last_over_time" => {
                let (series, ..) = self.matrix(argument(0)?, time)?;
                Ok(Value::Vector(
                    series
                        .into_iter()
                        .filter_map(|one| Some(Sample { value: one.samples.last()?.1, labels: one.labels, at: time }))
                        .collect(),
                ))
            }
            "resets" | "changes" => self.over(argument(0)?, time, |series, _, _| range::over_time(name, series)),
            _ if name.ends_with("_over_time") => {
                self.over(argument(0)?, time, |series, _, _| range::over_time(name, series))
            }
            "clamp" | "clamp_min" | "clamp_max" | "round" => {
                let first = args.get(1).map(|arg| self.scalar(arg, time)).transpose()?;
                let second = args.get(2).map(|arg| self.scalar(arg, time)).transpose()?;
                let (low, high) = (first.unwrap_or(f64::NAN), second.unwrap_or(f64::NAN));
                if name == "clamp" && low > high {
                    return Ok(Value::Vector(Vec::new()));
                }
                let nearest = first.unwrap_or(1.0);
                self.each(argument(0)?, time, |value| match name {
                    "clamp" => value.min(high).max(low),
                    "clamp_min" => value.max(low),
                    "clamp_max" => value.min(low),
                    _ => (value / nearest + 0.5).floor() * nearest,
                })
            }
            "minute" | "hour" | "day_of_week" | "day_of_month" | "day_of_year" | "days_in_month" | "month" | "year" => {
                self.calendar(name, args.first().copied(), time)
            }
            _ => match plain(name) {
                Some(function) => self.each(argument(0)?, time, function),
                None => Err(QueryError::BadData(format!("the lab's Prometheus does not know the function {name}"))),
            },
        }
    }

    fn matrix(&self, expression: &Expr, time: i64) -> Result<(Vec<Range>, i64, i64), QueryError> {
        match self.eval(expression, time)? {
            Value::Matrix { series, start, end } => Ok((series, start, end)),
            other => Err(QueryError::BadData(format!("expected type range vector, got {}", other.kind()))),
        }
    }

    fn over(&self, expression: &Expr, time: i64, of: impl Fn(&Range, i64, i64) -> Option<f64>) -> Evaluated {
        let (series, start, end) = self.matrix(expression, time)?;
        let samples = series
            .into_iter()
            .filter_map(|one| Some(Sample { value: of(&one, start, end)?, labels: unnamed(one.labels), at: time }))
            .collect();
        unique(samples)
    }

    fn each(&self, expression: &Expr, time: i64, of: impl Fn(f64) -> f64) -> Evaluated {
        let samples = self.vector(expression, time)?;
        unique(
            samples
                .into_iter()
                .map(|sample| Sample { value: of(sample.value), labels: unnamed(sample.labels), at: time })
                .collect(),
        )
    }

    fn calendar(&self, name: &str, argument: Option<&Expr>, time: i64) -> Evaluated {
        let samples = match argument {
            Some(argument) => self.vector(argument, time)?,
            None => vec![Sample { labels: Labels::new(), value: (time as f64 / 1000.0).floor(), at: time }],
        };
        let part = |seconds: f64| {
            let Ok(at) = Timestamp::from_second(seconds as i64) else { return f64::NAN };
            let date = at.to_zoned_datetime(TimeZone::UTC);
            match name {
                "minute" => f64::from(date.minute()),
                "hour" => f64::from(date.hour()),
                "day_of_week" => f64::from(date.weekday().to_sunday_zero_offset()),
                "day_of_month" => f64::from(date.day()),
                "day_of_year" => f64::from(date.day_of_year()),
                "days_in_month" => f64::from(date.days_in_month()),
                "month" => f64::from(date.month()),
                _ => f64::from(date.year()),
            }
        };
        Ok(Value::Vector(
            samples
                .into_iter()
                .map(|sample| Sample { value: part(sample.value), labels: unnamed(sample.labels), at: time })
                .collect(),
        ))
    }

    fn text(&self, args: &[&Expr], index: usize, time: i64) -> Result<String, QueryError> {
        match args.get(index).map(|arg| self.eval(arg, time)).transpose()? {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(QueryError::BadData("expected type string in function call".into())),
        }
    }

    fn label_replace(&self, args: &[&Expr], time: i64) -> Evaluated {
        let Some(first) = args.first() else {
            return Err(QueryError::BadData("label_replace needs five arguments".into()));
        };
        let samples = self.vector(first, time)?;
        let (target, replacement) = (self.text(args, 1, time)?, self.text(args, 2, time)?);
        let (source, pattern) = (self.text(args, 3, time)?, self.text(args, 4, time)?);
        let Ok(regex) = Regex::new(&format!("^(?:{pattern})$")) else {
            return failed(format!("invalid regular expression in label_replace(): {pattern}"));
        };
        // Go writes `$1x` for a group named `1x`; so does the regex crate.
        let samples = samples.into_iter().map(|mut sample| {
            let value = sample.labels.get(&source).cloned().unwrap_or_default();
            if let Some(captures) = regex.captures(&value) {
                let mut text = String::new();
                captures.expand(&replacement, &mut text);
                put(&mut sample.labels, &target, text);
            }
            sample
        });
        unique(samples.collect())
    }

    fn label_join(&self, args: &[&Expr], time: i64) -> Evaluated {
        let Some(first) = args.first() else {
            return Err(QueryError::BadData("label_join needs three arguments".into()));
        };
        let samples = self.vector(first, time)?;
        let (target, separator) = (self.text(args, 1, time)?, self.text(args, 2, time)?);
        let sources: Vec<String> =
            (3..args.len()).map(|index| self.text(args, index, time)).collect::<Result<_, _>>()?;
        let samples = samples.into_iter().map(|mut sample| {
            let parts: Vec<&str> =
                sources.iter().map(|source| sample.labels.get(source).map_or("", String::as_str)).collect();
            let text = parts.join(&separator);
            put(&mut sample.labels, &target, text);
            sample
        });
        unique(samples.collect())
    }
}

/// A label with an empty value is none.
fn put(labels: &mut Labels, name: &str, value: String) {
    if value.is_empty() {
        labels.remove(name);
    } else {
        labels.insert(name.to_owned(), value);
    }
}

fn unique(samples: Vec<Sample>) -> Evaluated {
    let mut seen = std::collections::BTreeSet::new();
    if samples.iter().all(|sample| seen.insert(sample.labels.clone())) {
        Ok(Value::Vector(samples))
    } else {
        failed("vector cannot contain metrics with the same labelset")
    }
}

fn unwrapped(expression: &Expr) -> &Expr {
    match expression {
        Expr::Paren(inner) => unwrapped(&inner.expr),
        other => other,
    }
}

/// The labels that `absent` can know: those tested by `=`, once each.
fn absent_labels(expression: &Expr) -> Labels {
    let matchers = match unwrapped(expression) {
        Expr::VectorSelector(selector) => &selector.matchers.matchers,
        Expr::MatrixSelector(matrix) => &matrix.vs.matchers.matchers,
        _ => return Labels::new(),
    };
    let mut labels = Labels::new();
    for matcher in matchers.iter().filter(|matcher| matcher.name != "__name__") {
        let again = matchers.iter().filter(|other| other.name == matcher.name).count() > 1;
        if matches!(matcher.op, MatchOp::Equal) && !again && !matcher.value.is_empty() {
            labels.insert(matcher.name.clone(), matcher.value.clone());
        }
    }
    labels
}

fn plain(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sqrt" => f64::sqrt,
        "sgn" => |value| {
            if value > 0.0 {
                1.0
            } else if value < 0.0 {
                -1.0
            } else {
                value
            }
        },
        _ => return None,
    })
}
