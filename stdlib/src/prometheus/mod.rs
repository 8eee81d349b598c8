//! What Prometheus answers.
//!
//! Format: `data` of `/api/v1/query`: `resultType` `vector`, `matrix` or `scalar`; a sample is `[seconds, "value"]`, where
//! the value may be `NaN`, `+Inf` or `-Inf`.

pub mod expression;
pub mod pages;
pub mod requests;

use std::collections::BTreeMap;
use std::time::Duration;

use meshbook_runtime::effect::{Call, Effect, Reply};
use meshbook_runtime::failure::{BAD_ANSWER, Failure};
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};
use serde_json::Value;

use crate::evidence::moment;
use crate::evidence::window::Sample;

/// One series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its samples, oldest first.
    pub samples: Vec<Sample>,
}

impl Series {
    /// A label's value; empty if it has none, as in Prometheus.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// The newest sample.
    pub fn last(&self) -> Option<Sample> {
        self.samples.last().copied()
    }
}

/// Reads `data`.
///
/// # Errors
/// A sentence that says why it is none.
pub fn parse(data: &Value) -> Result<Vec<Series>, String> {
    let kind = data.get("resultType").and_then(Value::as_str).ok_or("the answer has no resultType")?;
    let result = data.get("result").ok_or("the answer has no result")?;
    match kind {
        "scalar" => Ok(vec![Series {
            labels: BTreeMap::new(),
            samples: vec![sample(result).ok_or("a sample is not [time, \"value\"]")?],
        }]),
        "vector" | "matrix" => result.as_array().ok_or("the result is not a list")?.iter().map(series).collect(),
        other => Err(format!("a result of type {other} is not numbers")),
    }
}

fn series(value: &Value) -> Result<Series, String> {
    let labels = value
        .get("metric")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect();
    let one = || value.get("value").map(std::slice::from_ref);
    let raw = value.get("values").and_then(Value::as_array).map(Vec::as_slice).or_else(one);
    let samples = raw
        .ok_or("a series has no value")?
        .iter()
        .map(|s| sample(s).ok_or("a sample is not [time, \"value\"]"))
        .collect::<Result<_, _>>()?;
    Ok(Series { labels, samples })
}

fn sample(value: &Value) -> Option<Sample> {
    let [at, value] = value.as_array()?.as_slice() else { return None };
    // Rust reads NaN, +Inf and -Inf as Prometheus writes them.
    Some((at.as_f64()?, value.as_str()?.parse().ok()?))
}

/// A label's value inside double quotes in PromQL, so that no name can leave its place.
pub fn quote(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for c in value.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Asks an instant query. That Prometheus does not answer is data that are missing; a stop of the run stays one.
///
/// # Errors
/// What a script may not handle: a deadline, an interrupt, the end of a plan, a spent budget.
pub fn ask(run: &Run, summary: &str, query: String) -> Result<Result<Vec<Series>, Missing>, Failure> {
    answer(moment::read(run, Effect::read("Prometheus", summary, Call::Query { query, at: None })))
}

/// Asks an instant query, and what time it is for Prometheus: this machine's clock may go otherwise.
///
/// # Errors
/// As [`ask`].
pub fn ask_with_time(run: &Run, summary: &str, query: String) -> Result<Result<(Vec<Series>, f64), Missing>, Failure> {
    let effect = |summary: &str, query| Effect::read("Prometheus", summary, Call::Query { query, at: None });
    let asked = vec![effect(summary, query), effect("its time", "time()".into())];
    let mut replies = moment::read_all(run, asked).into_iter();
    let mut next = || answer(replies.next().expect("each effect is answered"));
    let (series, time) = (next()?, next()?);
    Ok(series.and_then(|series| {
        let now = time?.first().and_then(Series::last).map(|(_, now)| now);
        Ok((series, now.ok_or_else(|| Missing::Unreachable("Prometheus does not tell its time".into()))?))
    }))
}

/// Asks for the past of a query, up to the present of Prometheus, as a subquery: no clock but its own is asked.
///
/// # Errors
/// As [`ask`].
pub fn ask_past(
    run: &Run,
    summary: &str,
    query: &str,
    back: Duration,
    step: Duration,
) -> Result<Result<Vec<Series>, Missing>, Failure> {
    ask(run, summary, format!("({query})[{}:{}]", Span(back), Span(step)))
}

/// What a reply of Prometheus says.
pub(crate) fn answer(reply: Result<Reply, Failure>) -> Result<Result<Vec<Series>, Missing>, Failure> {
    Ok(match reply {
        Ok(Reply::Json(data)) => parse(&data).map_err(|why| Missing::Unreachable(format!("Prometheus: {why}"))),
        Ok(_) => Err(Missing::Unreachable("Prometheus gave no JSON".into())),
        // The transport says itself which Prometheus it is, and where it looked for it.
        Err(failure) => Err(Missing::Unreachable(crate::evidence::absorb(failure)?)),
    })
}

/// The failure that a query which people wrote themselves ends in when Prometheus refuses it.
pub fn refused(query: &str, why: &str) -> Failure {
    Failure::new(&BAD_ANSWER, format!("Prometheus cannot answer `{query}`: {why}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_three_forms() {
        let vector = json!({ "resultType": "vector", "result": [{ "metric": { "pod": "a" }, "value": [1.5, "NaN"] }] });
        let read = parse(&vector).expect("a vector");
        assert_eq!(read[0].label("pod"), "a");
        assert_eq!(read[0].label("none"), "");
        assert!(read[0].last().is_some_and(|(at, value)| at == 1.5 && value.is_nan()));
        let matrix = json!({ "resultType": "matrix", "result": [{ "metric": {}, "values": [[1, "2"], [2, "+Inf"]] }] });
        assert_eq!(parse(&matrix).expect("a matrix")[0].samples, [(1.0, 2.0), (2.0, f64::INFINITY)]);
        assert_eq!(
            parse(&json!({ "resultType": "scalar", "result": [1, "3"] })).expect("a scalar")[0].last(),
            Some((1.0, 3.0))
        );
        assert_eq!(parse(&json!({ "resultType": "vector", "result": [] })), Ok(vec![]));
        for wrong in [
            json!({}),
            json!({ "resultType": "string", "result": [1, "x"] }),
            json!({ "resultType": "vector", "result": [{ "metric": {}, "value": [1, 2] }] }),
        ] {
            assert!(parse(&wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_quoted_name_stays_in_its_quotes(text in ".{0,40}") {
            let quoted = quote(&text);
            let inner = &quoted[1..quoted.len() - 1];
            let mut escaped = false;
            for c in inner.chars() {
                prop_assert!(escaped || c != '"');
                prop_assert!(!c.is_control());
                escaped = !escaped && c == '\\';
            }
            prop_assert!(!escaped);
        }

        #[test]
        fn nothing_panics(text in "[\\[\\]{}:,\"a-z0-9.]{0,60}") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let _ = parse(&value);
            }
            let _ = parse(&json!({ "resultType": "matrix", "result": text }));
        }
    }
}
