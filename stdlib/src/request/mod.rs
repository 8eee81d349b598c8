//! Requests that leave a workload as its own do, and their answers.

pub mod address;
pub mod asked;
pub mod curl;
pub mod executed;
pub mod flags;
pub mod labels;
pub mod pod;
pub mod throw_away;
pub mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

use crate::text::{count, time};
use curl::Answer;
use flags::Flags;

/// The answers to some requests.
#[derive(Clone, Debug)]
pub struct Answers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `5 GET http://graph-core.summit:8080/`.
    what: String,
    /// The workload.
    from: String,
    way: Way,
    answers: Vec<Answer>,
    flags: Flags,
}

/// How the requests left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Whether a sidecar took them.
    pub sidecar: bool,
    /// From where, for people: `a throw-away pod without its label app`.
    pub place: String,
}

impl Answers {
    /// The answers to `what`, asked from a workload.
    pub fn new(what: String, from: String, way: Way, answers: Vec<Answer>, flags: Flags) -> Self {
        Answers(Arc::new(Inner { what, from, way, answers, flags }))
    }

    /// Whether all were answered with this status, and nothing went wrong on the way.
    pub fn are(&self, status: u16) -> bool {
        self.0.answers.iter().all(|answer| answer.is(status))
    }

    /// How many were answered with this status; 0 is no answer at all.
    pub fn count(&self, status: u16) -> usize {
        self.0.answers.iter().filter(|answer| answer.status.unwrap_or(0) == status).count()
    }

    /// How many had this response flag in the access log of their own sidecar.
    ///
    /// # Errors
    /// Why nobody knows.
    pub fn flagged(&self, flag: &str) -> Result<usize, String> {
        self.0.flags.count(flag)
    }

    /// The header that was asked for, where every answer has it with the same value; empty where not.
    pub fn header(&self) -> &str {
        let first = self.0.answers.first().and_then(|answer| answer.header.as_deref()).unwrap_or_default();
        let same = self.0.answers.iter().all(|answer| answer.header.as_deref() == Some(first));
        if same { first } else { "" }
    }

    /// Whether a sidecar took them.
    pub fn have_sidecar(&self) -> bool {
        self.0.way.sidecar
    }

    /// What was asked.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// The longest that one took, in seconds.
    pub fn slowest(&self) -> f64 {
        self.0.answers.iter().map(|answer| answer.seconds).fold(0.0, f64::max)
    }

    /// Answers alike, the commonest first.
    fn alike(&self) -> Vec<(String, Vec<&Answer>)> {
        let mut alike: BTreeMap<String, Vec<&Answer>> = BTreeMap::new();
        for answer in &self.0.answers {
            alike.entry(answer.outcome()).or_default().push(answer);
        }
        let mut alike: Vec<_> = alike.into_iter().collect();
        alike.sort_by_key(|(_, answers)| std::cmp::Reverse(answers.len()));
        alike
    }

    fn flags_of(&self, answers: &[&Answer]) -> String {
        let status = answers.first().and_then(|answer| answer.status).unwrap_or(0);
        self.0.flags.of(status)
    }
}

/// A status as a script gives it; 0 stands for no answer.
///
/// # Errors
/// `TYPE` for a number that is none.
pub fn status(number: i64) -> Result<u16, Failure> {
    let status = u16::try_from(number).ok().filter(|status| *status == 0 || (100..600).contains(status));
    status.ok_or_else(|| {
        Failure::new(&TYPE, format!("{number} is no HTTP status")).hint("one has three digits, from 100 to 599")
    })
}

/// `3 ms`, or `3 ms to 80 ms`.
fn span(seconds: &[f64]) -> String {
    let (low, high) = seconds.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), one| (low.min(*one), high.max(*one)));
    match (time(low), time(high)) {
        _ if seconds.is_empty() => "-".into(),
        (low, high) if low == high => low,
        (low, high) => format!("{low} to {high}"),
    }
}

impl Noun for Answers {
    const NAME: &'static str = "Answers";
    const DOC: &'static str = "What came back to the requests that were made from a workload: by status, with latencies as curl measured them, and with the response flags that the sidecar wrote into its access log, where it writes one.";

    fn text(&self) -> String {
        let total = self.0.answers.len();
        let parts: Vec<String> = self
            .alike()
            .iter()
            .map(|(outcome, answers)| {
                let flags = self.flags_of(answers);
                let flags = if flags == "-" || flags == "?" { String::new() } else { format!(" ({flags})") };
                match answers.len() == total {
                    true => format!("{}: {outcome}{flags}", count(total, "request", "requests")),
                    false => format!("{} of {total} requests: {outcome}{flags}", answers.len()),
                }
            })
            .collect();
        parts.join(", ")
    }

    fn table(&self) -> Table {
        let columns = ["ANSWER", "REQUESTS", "FLAGS", "LATENCY", "UPSTREAM", "SERVER"];
        let mut table = Table::new(format!("{} from {}", self.0.what, self.0.from), &columns);
        for (outcome, answers) in self.alike() {
            let seconds: Vec<f64> = answers.iter().map(|answer| answer.seconds).collect();
            let upstream: Vec<f64> = answers.iter().filter_map(|answer| answer.upstream_seconds).collect();
            let server = answers.iter().find_map(|answer| answer.server.clone());
            table.row([
                outcome,
                answers.len().to_string(),
                self.flags_of(&answers),
                span(&seconds),
                span(&upstream),
                server.unwrap_or_else(|| "-".into()),
            ]);
        }
        let sidecar = if self.0.way.sidecar { "through the sidecar of" } else { "without a sidecar, from" };
        table.note(format!("{sidecar} {}", self.0.way.place));
        if let Some(why) = self.0.flags.unknown().filter(|_| self.0.way.sidecar) {
            table.note(format!("response flags are not known: {why}"));
        }
        table
    }

    fn json(&self) -> Value {
        let answers: Vec<Value> = self.0.answers.iter().map(Answer::json).collect();
        json!({
            "requests": self.0.what, "from": self.0.from, "sidecar": self.0.way.sidecar, "place": self.0.way.place,
            "answers": answers, "flags": self.0.flags.json(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: Option<u16>, seconds: f64) -> Answer {
        Answer { status, seconds, upstream_seconds: None, server: None, header: None, failure: None }
    }

    #[test]
    fn answers_alike_are_told_together() {
        let way = Way { sidecar: true, place: "a throw-away pod".into() };
        let flags = Flags::read("");
        let answers = [answer(Some(200), 0.003), answer(Some(503), 0.001), answer(Some(200), 0.005)];
        let some =
            Answers::new("3 GET http://a/".into(), "Deployment b/a".into(), way.clone(), answers.to_vec(), flags);
        assert_eq!(some.text(), "2 of 3 requests: 200, 1 of 3 requests: 503");
        assert_eq!((some.count(200), some.count(503), some.count(0)), (2, 1, 0));
        assert!(!some.are(200));
        assert_eq!(some.table().rows[0][3], "3 ms to 5 ms");
        let all = Answers::new(String::new(), String::new(), way, vec![answer(Some(204), 0.0)], Flags::read(""));
        assert!(all.are(204) && all.text() == "1 request: 204");
    }
}
