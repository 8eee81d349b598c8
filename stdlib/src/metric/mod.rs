//! The metric: one number from a source, or why there is none.

use std::cmp::Ordering;
use std::sync::Arc;

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::{Noun, a_type};
use meshbook_runtime::value::{Missing, Quantity, Span, Table};
use rhai::Dynamic;
use serde_json::{Value, json};

use crate::text::{bytes, figure, percent, time};

/// One number.
#[derive(Clone, Debug)]
pub struct Metric(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    what: String,
    unit: Unit,
    value: Result<f64, Missing>,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Whatever its query counts.
    Plain,
    /// Seconds: it compares with durations, and with no bare number.
    Seconds,
    /// A part of a whole, 0 to 1.
    Share,
    /// Bytes: it compares with quantities.
    Bytes,
    /// Bytes in an hour: it compares with quantities, which are bytes in an hour then.
    BytesPerHour,
}

impl Metric {
    /// What was measured; what is not a finite number is missing.
    pub fn new(what: impl Into<String>, value: Result<f64, Missing>) -> Self {
        Metric::of(what, Unit::Plain, value)
    }

    /// What was measured, with its unit.
    pub fn of(what: impl Into<String>, unit: Unit, value: Result<f64, Missing>) -> Self {
        let what = what.into();
        let value = value.and_then(|value| {
            if value.is_finite() { Ok(value) } else { Err(Missing::NotANumber(format!("{what} is {value}"))) }
        });
        Metric(Arc::new(Inner { what, unit, value }))
    }

    /// Its value.
    ///
    /// # Errors
    /// `NO_DATA` with the reason, if it has none.
    pub fn value(&self) -> Result<f64, Failure> {
        self.0.value.as_ref().copied().map_err(|missing| missing.failure(&format!("`{}`", self.0.what)))
    }

    /// Why it has none, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.value.as_ref().err()
    }
}

#[allow(clippy::cast_precision_loss, reason = "a number that a script writes as an int has few digits")]
fn number(value: &Dynamic) -> Option<f64> {
    value.as_float().ok().or_else(|| value.as_int().ok().map(|int| int as f64))
}

impl Noun for Metric {
    const NAME: &'static str = "Metric";
    const DOC: &'static str = "One number from a source such as Prometheus, or the reason why there is none. Comparing a missing one is an error: missing is neither zero nor a pass.";

    fn text(&self) -> String {
        let text = |value: &f64| match self.0.unit {
            Unit::Plain => figure(*value),
            Unit::Seconds => time(*value),
            Unit::Share => percent(*value),
            Unit::Bytes => bytes(*value),
            Unit::BytesPerHour => format!("{} an hour", bytes(*value)),
        };
        self.0.value.as_ref().map_or_else(|missing| format!("no data: {missing}"), text)
    }

    fn table(&self) -> Table {
        Table::line(format!("{}: {}", self.0.what, self.text()))
    }

    fn json(&self) -> Value {
        match &self.0.value {
            Ok(value) if self.0.unit == Unit::Seconds => json!({ "what": self.0.what, "seconds": value }),
            Ok(value) if self.0.unit == Unit::Bytes => json!({ "what": self.0.what, "bytes": value }),
            Ok(value) if self.0.unit == Unit::BytesPerHour => json!({ "what": self.0.what, "bytes_per_hour": value }),
            Ok(value) => json!({ "what": self.0.what, "value": value }),
            Err(missing) => json!({ "what": self.0.what, "missing": missing.to_string() }),
        }
    }

    fn same(&self, other: &Self) -> Result<bool, Failure> {
        Ok(self.value()? == other.value()?)
    }

    #[allow(clippy::cast_precision_loss, reason = "no memory has more than 2^53 thousandths of a byte that matter")]
    fn order(&self, other: &Dynamic) -> Result<Ordering, Failure> {
        let own = self.value()?;
        let refused = || Failure::new(&TYPE, format!("a Metric cannot be compared with {}", a_type(other)));
        let metric = other.clone().try_cast::<Metric>();
        let other = match (self.0.unit, metric, other.clone().try_cast::<Span>()) {
            (unit, Some(metric), _) if unit == metric.0.unit => metric.value()?,
            (_, Some(metric), _) => {
                return Err(Failure::new(
                    &TYPE,
                    format!("`{}` and `{}` have different units", self.0.what, metric.0.what),
                ));
            }
            (Unit::Seconds, None, Some(span)) => span.0.as_secs_f64(),
            (Unit::Seconds, None, None) => {
                return Err(refused().hint("it is a time: write the other side as a duration, such as over(\"2s\")"));
            }
            (Unit::Bytes | Unit::BytesPerHour, None, _) => {
                let quantity = other.clone().try_cast::<Quantity>().ok_or_else(|| {
                    refused()
                        .hint("it is an amount of memory: compare it with a parameter of type quantity, such as 512Mi")
                })?;
                quantity.milli() as f64 / 1000.0
            }
            (_, None, _) => number(other).ok_or_else(refused)?,
        };
        Ok(own.total_cmp(&other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_compare_with_durations_only() {
        let p95 = Metric::of("P95", Unit::Seconds, Ok(1.5));
        let span = |text: &str| Dynamic::from(text.parse::<Span>().expect("a span"));
        assert_eq!(p95.order(&span("2s")).expect("an order"), Ordering::Less);
        assert_eq!(p95.order(&span("1500ms")).expect("an order"), Ordering::Equal);
        for wrong in [Dynamic::from(2_i64), Dynamic::from(Metric::new("q", Ok(2.0)))] {
            assert!(p95.order(&wrong).is_err());
        }
        assert!(Metric::new("q", Ok(2.0)).order(&span("2s")).is_err(), "nobody knows its unit");
        let missing = Metric::of("P95", Unit::Seconds, Err(Missing::NoSeries("q".into())));
        assert!(missing.order(&span("2s")).expect_err("no data").is_no_data());
        assert_eq!((p95.text(), Metric::of("x", Unit::Share, Ok(0.25)).text()), ("1.5 s".into(), "25 %".into()));
    }

    #[test]
    fn memory_compares_with_quantities_only() {
        let used = Metric::of("memory", Unit::Bytes, Ok(64.0 * 1_048_576.0));
        let quantity = |text: &str| Dynamic::from(text.parse::<Quantity>().expect("a quantity"));
        assert_eq!(used.order(&quantity("64Mi")).expect("an order"), Ordering::Equal);
        assert_eq!(used.order(&quantity("1Gi")).expect("an order"), Ordering::Less);
        assert!(used.order(&Dynamic::from(5_i64)).is_err(), "five what?");
        let growth = Metric::of("growth", Unit::BytesPerHour, Ok(1_048_576.0));
        assert!(growth.order(&Dynamic::from(used.clone())).is_err(), "an amount is no speed");
        assert_eq!((used.text(), growth.text()), ("64 MiB".into(), "1 MiB an hour".into()));
    }

    #[test]
    fn numbers_compare_and_missing_ones_do_not() {
        let two = Metric::new("q", Ok(2.0));
        assert_eq!(two.order(&Dynamic::from(3_i64)).expect("an order"), Ordering::Less);
        assert_eq!(two.order(&Dynamic::from(1.5_f64)).expect("an order"), Ordering::Greater);
        assert_eq!(two.order(&Dynamic::from(two.clone())).expect("an order"), Ordering::Equal);
        assert!(two.order(&Dynamic::from("2")).is_err());
        for missing in [
            Metric::new("q", Err(Missing::NoSeries("q".into()))),
            Metric::new("q", Ok(f64::NAN)),
            Metric::new("q", Ok(f64::INFINITY)),
        ] {
            assert!(missing.order(&Dynamic::from(0_i64)).expect_err("no data").is_no_data());
            assert!(two.order(&Dynamic::from(missing.clone())).expect_err("no data").is_no_data());
            assert!(missing.same(&missing).is_err());
        }
    }
}
