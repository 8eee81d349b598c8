//! How a workload does: the requests that it answers and sends, how long its answers take, and whether its pods are there.

pub mod gather;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Span, Table};
use serde_json::{Value, json};

use crate::errors::{Counted, not_worse};
use crate::text::{figure, percent, time};
use crate::workload::Workload;

/// Latency is worse if it is more than half as long again, and by more than this many seconds.
const SLOWER: (f64, f64) = (1.5, 0.05);

/// How a workload did in a span of time.
#[derive(Clone, Debug)]
pub struct Health(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    work: Workload,
    span: Span,
    parts: Vec<Part>,
    /// Pods that are ready, and how many there should be.
    pods: (u64, u64),
}

/// Requests of one kind.
#[derive(Clone, Debug)]
pub struct Part {
    /// `requests to store.summit`.
    pub what: String,
    /// What was counted.
    pub counted: Result<Counted, Missing>,
    /// The 95th percentile of their latency in seconds; `None` where it is not asked for, or not known.
    pub p95: Option<f64>,
}

impl Health {
    /// How a workload did.
    pub fn new(work: Workload, span: Span, parts: Vec<Part>, pods: (u64, u64)) -> Self {
        Health(Arc::new(Inner { work, span, parts, pods }))
    }

    /// Whose health it is.
    pub fn workload(&self) -> &Workload {
        &self.0.work
    }

    /// Why no request was counted, if none was.
    pub fn missing(&self) -> Option<&Missing> {
        if self.0.parts.iter().any(|part| part.counted.is_ok()) {
            return None;
        }
        self.0.parts.iter().find_map(|part| part.counted.as_ref().err())
    }

    /// What is worse than it was, in words; empty if nothing is. What was not counted before is not compared.
    ///
    /// # Errors
    /// `NO_DATA` if something was counted before and is not now.
    pub fn worse_than(&self, before: &Health) -> Result<Vec<String>, Failure> {
        let mut worse = Vec::new();
        let ((ready, wanted), (was_ready, was_wanted)) = (self.0.pods, before.0.pods);
        if ready < wanted && was_ready >= was_wanted {
            worse.push(format!("{ready} of {wanted} pods are ready"));
        }
        for then in &before.0.parts {
            let Ok(counted) = &then.counted else { continue };
            let now = self.0.parts.iter().find(|part| part.what == then.what);
            let missing = || Missing::NoSeries(format!("of {} none was counted", then.what));
            let now = now.ok_or_else(|| missing().failure(&then.what))?;
            let present = now.counted.as_ref().map_err(|missing| missing.failure(&then.what))?;
            if !not_worse(*present, *counted) {
                let (rate, was) = (percent(present.rate()), percent(counted.rate()));
                worse.push(format!("{rate} of {} failed, {was} before", then.what));
            }
            if let (Some(now), Some(was)) = (now.p95, then.p95)
                && now > was * SLOWER.0
                && now > was + SLOWER.1
            {
                worse.push(format!("P95 of {} is {}, {} before", then.what, time(now), time(was)));
            }
        }
        Ok(worse)
    }
}

impl Noun for Health {
    const NAME: &'static str = "Health";
    const DOC: &'static str = "How a workload did in a span of time: which part of the requests that it answered and sent failed, how long its answers took, and whether its pods are ready. May be missing: no request of it was counted.";

    fn text(&self) -> String {
        let parts: Vec<String> = self
            .0
            .parts
            .iter()
            .filter_map(|part| {
                let counted = part.counted.as_ref().ok()?;
                let p95 = part.p95.map(|p95| format!(", P95 {}", time(p95))).unwrap_or_default();
                Some(format!(
                    "{} of {} {} failed{p95}",
                    percent(counted.rate()),
                    figure(counted.total.round()),
                    part.what
                ))
            })
            .collect();
        let pods = format!("{} of {} pods ready", self.0.pods.0, self.0.pods.1);
        let work = self.0.work.text();
        match (self.missing(), parts.is_empty()) {
            (Some(missing), _) => format!("{work}: {pods}; no request was counted: {missing}"),
            (None, true) => format!("{work}: {pods}; it answers nobody and sends nothing"),
            (None, false) => format!("{work} in {}: {pods}; {}", self.0.span, parts.join("; ")),
        }
    }

    fn table(&self) -> Table {
        Table::line(self.text())
    }

    fn json(&self) -> Value {
        let parts: Vec<Value> = self
            .0
            .parts
            .iter()
            .map(|part| match &part.counted {
                Ok(counted) => json!({ "what": part.what, "requests": counted.total.round(), "rate": counted.rate(), "p95_seconds": part.p95 }),
                Err(missing) => json!({ "what": part.what, "missing": missing.to_string() }),
            })
            .collect();
        json!({ "workload": self.0.work.text(), "span": self.0.span.to_string(), "ready": self.0.pods.0, "wanted": self.0.pods.1, "requests": parts })
    }
}

#[cfg(test)]
mod tests {
    use meshbook_runtime::effect::ObjectRef;

    use super::*;
    use crate::kubernetes::kinds;

    fn health(errors: Option<f64>, p95: Option<f64>, ready: u64) -> Health {
        let counted = errors
            .map(|errors| Counted { total: 10_000.0, errors, source: "test" })
            .ok_or_else(|| Missing::NoSeries("none".into()));
        let work = Workload::new(ObjectRef::new(kinds::deployment(), "summit", "store"));
        let part = Part { what: "requests to store.summit".into(), counted, p95 };
        Health::new(work, "5m".parse().expect("a span"), vec![part], (ready, 3))
    }

    #[test]
    fn what_is_worse_is_said_and_what_was_not_there_is_not_compared() {
        let before = health(Some(10.0), Some(0.1), 3);
        assert!(health(Some(10.0), Some(0.11), 3).worse_than(&before).expect("data").is_empty());
        assert!(health(Some(900.0), None, 3).worse_than(&before).expect("data")[0].contains("9 % of requests"));
        assert!(health(Some(0.0), Some(0.4), 3).worse_than(&before).expect("data")[0].contains("P95"));
        assert!(health(Some(0.0), None, 2).worse_than(&before).expect("data")[0].contains("2 of 3 pods"));
        assert!(health(None, None, 3).worse_than(&before).expect_err("no data").is_no_data());
        let idle = health(None, None, 3);
        assert!(idle.missing().is_some() && health(Some(900.0), None, 3).worse_than(&idle).expect("data").is_empty());
    }
}
