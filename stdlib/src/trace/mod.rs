//! The trace: one request with everything that was asked on its behalf, as Jaeger keeps it.

pub mod own_time;
pub mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

use self::own_time::{Interval, own};
use crate::metric::{Metric, Unit};
use crate::text::{count, first_line, percent, time};

/// One span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its id.
    pub id: String,
    /// The id of the span that it is a part of.
    pub parent: Option<String>,
    /// Who reported it: `APP.NAMESPACE` for Istio's proxies.
    pub service: String,
    /// What was done, as its reporter names it.
    pub operation: String,
    /// `client`, `server`, or empty.
    pub kind: String,
    /// From and to, in microseconds since 1970.
    pub time: Interval,
}

/// One trace.
#[derive(Clone, Debug)]
pub struct Trace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: String,
    spans: Vec<Span>,
}

impl Trace {
    /// A trace of spans.
    pub fn new(id: &str, spans: Vec<Span>) -> Self {
        Trace(Arc::new(Inner { id: id.to_owned(), spans }))
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// From its first span's begin to its last span's end, in microseconds.
    pub fn length(&self) -> i64 {
        let begin = self.0.spans.iter().map(|span| span.time.0).min();
        let end = self.0.spans.iter().map(|span| span.time.1).max();
        begin.zip(end).map_or(0, |(begin, end)| end.saturating_sub(begin).max(0))
    }

    /// How long it took.
    pub fn duration(&self) -> Metric {
        Metric::of(self.text(), Unit::Seconds, Ok(seconds(self.length())))
    }

    /// The first of the spans that are part of no other in it.
    fn root(&self) -> Option<&Span> {
        let known: BTreeSet<&String> = self.0.spans.iter().map(|span| &span.id).collect();
        self.0
            .spans
            .iter()
            .filter(|span| span.parent.as_ref().is_none_or(|parent| !known.contains(parent)))
            .min_by_key(|span| span.time.0)
    }

    /// Where its time goes.
    pub fn own_times(&self) -> OwnTimes {
        let mut children: BTreeMap<&str, Vec<Interval>> = BTreeMap::new();
        for span in &self.0.spans {
            if let Some(parent) = &span.parent {
                children.entry(parent).or_default().push(span.time);
            }
        }
        let mut by: BTreeMap<(String, String), (i64, usize)> = BTreeMap::new();
        for span in &self.0.spans {
            let none = Vec::new();
            let entry = by.entry((span.service.clone(), span.kind.clone())).or_default();
            // The times are those of a page: together they may be longer than a number holds.
            entry.0 = entry.0.saturating_add(own(span.time, children.get(span.id.as_str()).unwrap_or(&none)));
            entry.1 += 1;
        }
        let mut parts: Vec<Part> =
            by.into_iter().map(|((service, kind), (own, spans))| Part { service, kind, own, spans }).collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.own));
        OwnTimes(Arc::new(Times { trace: self.clone(), parts }))
    }
}

fn seconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1e6
}

impl Noun for Trace {
    const NAME: &'static str = "Trace";
    const DOC: &'static str = "One request with everything that was asked on its behalf, as Jaeger keeps it.";

    fn text(&self) -> String {
        let root = self
            .root()
            .map_or_else(|| "nothing".into(), |span| first_line(&format!("{} {}", span.service, span.operation)));
        format!("{root} in trace {}", first_line(self.id()))
    }

    fn table(&self) -> Table {
        let mut table = Table::new(self.text(), &["TRACE", "ROOT", "SPANS", "TOOK", "MOST OF IT"]);
        let root =
            self.root().map_or_else(|| "-".into(), |span| first_line(&format!("{} {}", span.service, span.operation)));
        let largest = self.own_times().largest();
        table.row([first_line(self.id()), root, self.0.spans.len().to_string(), time(seconds(self.length())), largest]);
        table
    }

    fn json(&self) -> Value {
        json!({
            "trace": self.0.id, "seconds": seconds(self.length()),
            "spans": self.0.spans.iter().map(|span| json!({
                "id": span.id, "parent": span.parent, "service": span.service, "operation": span.operation, "kind": span.kind,
                "start_us": span.time.0, "duration_us": span.time.1 - span.time.0,
            })).collect::<Vec<_>>(),
        })
    }
}

/// Where a trace's time goes.
#[derive(Clone, Debug)]
pub struct OwnTimes(Arc<Times>);

#[derive(Debug)]
struct Times {
    trace: Trace,
    parts: Vec<Part>,
}

/// The own time of all spans of one service and kind.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    service: String,
    kind: String,
    own: i64,
    spans: usize,
}

impl OwnTimes {
    /// The service with the most own time; empty if there is no span.
    pub fn largest(&self) -> String {
        self.0.parts.first().map_or_else(String::new, |part| first_line(&part.service))
    }

    fn share(&self, part: &Part) -> f64 {
        let total: f64 = self.0.parts.iter().map(|part| part.own as f64).sum();
        if total > 0.0 { part.own as f64 / total } else { 0.0 }
    }
}

impl Noun for OwnTimes {
    const NAME: &'static str = "OwnTimes";
    const DOC: &'static str =
        "Where a trace's time goes: the time of each service's spans less that of the spans within them.";

    fn text(&self) -> String {
        let took = time(seconds(self.0.trace.length()));
        match self.0.parts.first() {
            None => "a trace without spans".into(),
            Some(part) => {
                format!("{took}, {} of it in {} itself", percent(self.share(part)), first_line(&part.service))
            }
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(
            format!("{}: {}", self.0.trace.text(), self.text()),
            &["SERVICE", "SPANS", "OWN TIME", "SHARE", "WHAT"],
        );
        for part in &self.0.parts {
            let what = match part.kind.as_str() {
                "server" => "its own work",
                "client" => "on the way, waiting in its proxy included",
                _ => "-",
            };
            let spans = count(part.spans, "span", "spans");
            table.row([
                first_line(&part.service),
                spans,
                time(seconds(part.own)),
                percent(self.share(part)),
                what.into(),
            ]);
        }
        table
    }

    fn json(&self) -> Value {
        json!({
            "trace": self.0.trace.id(), "seconds": seconds(self.0.trace.length()),
            "parts": self.0.parts.iter().map(|part| json!({
                "service": part.service, "kind": part.kind, "spans": part.spans, "own_seconds": seconds(part.own),
                "share": self.share(part),
            })).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(id: &str, parent: Option<&str>, service: &str, kind: &str, from: i64, to: i64) -> Span {
        let [id, service, kind] = [id, service, kind].map(str::to_owned);
        Span { id, parent: parent.map(str::to_owned), service, operation: "op".into(), kind, time: (from, to) }
    }

    #[test]
    fn time_is_charged_to_who_spends_it() {
        let trace = Trace::new(
            "t",
            vec![
                span("1", None, "front", "client", 0, 3_100_000),
                span("2", Some("1"), "graph", "server", 50_000, 3_050_000),
                span("3", Some("2"), "graph", "client", 60_000, 3_000_000),
                span("4", Some("3"), "store", "server", 70_000, 2_990_000),
            ],
        );
        let times = trace.own_times();
        assert_eq!(times.largest(), "store");
        assert_eq!(times.text(), "3.1 s, 94.2 % of it in store itself");
        let own: Vec<(&str, &str, i64)> =
            times.0.parts.iter().map(|part| (part.service.as_str(), part.kind.as_str(), part.own)).collect();
        assert_eq!(
            own,
            [
                ("store", "server", 2_920_000),
                ("front", "client", 100_000),
                ("graph", "server", 60_000),
                ("graph", "client", 20_000)
            ]
        );
        assert_eq!(trace.text(), "front op in trace t");
        assert_eq!(Trace::new("e", vec![]).own_times().text(), "a trace without spans");
    }

    proptest! {
        // Where spans lie within their parents and siblings do not overlap, own times add up to the root's time.
        #[test]
        fn own_times_of_a_sound_trace_add_up(cuts in proptest::collection::vec(1i64..1000, 1..12)) {
            let total: i64 = cuts.iter().sum();
            let mut spans = vec![span("0", None, "root", "server", 0, total)];
            let mut at = 0;
            for (index, cut) in cuts.iter().enumerate() {
                // Every other piece has a child in it, every third one a grandchild.
                if index % 2 == 0 {
                    let id = format!("c{index}");
                    spans.push(span(&id, Some("0"), "child", "client", at, at + cut));
                    if index % 3 == 0 {
                        spans.push(span(&format!("g{index}"), Some(&id), "grandchild", "server", at, at + cut / 2));
                    }
                }
                at += cut;
            }
            let times = Trace::new("t", spans).own_times();
            prop_assert_eq!(times.0.parts.iter().map(|part| part.own).sum::<i64>(), total);
        }
    }
}
