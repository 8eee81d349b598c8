//! Events: what controllers and kubelets say about objects.
//!
//! They are read as `v1` Events, which both of their APIs write (`k8s.io/api/core/v1`). The server keeps them an hour
//! (`--event-ttl`), so no event says nothing of the time before.

pub mod gather;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Span, Table};
use serde_json::{Value, json};

use crate::text::first_line;

/// What somebody said about an object, once or several times.
#[derive(Clone, Debug)]
pub struct Event(Arc<Facts>);

/// What an event says.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// `Warning`, `Normal`.
    pub kind: String,
    /// One word, for programs: `BackOff`.
    pub reason: String,
    /// `Pod summit/front-1`.
    pub object: String,
    /// Kind and name of the object.
    pub about: (String, String),
    /// A sentence, for people; without secrets and control characters.
    pub note: String,
    /// How often it was said.
    pub count: u64,
    /// When it was said last; `None` if it does not say.
    pub last: Option<Timestamp>,
    /// How long ago that was.
    pub age: Option<Duration>,
    /// Who says it.
    pub by: String,
}

impl Event {
    /// What was read.
    pub fn new(facts: Facts) -> Self {
        Event(Arc::new(facts))
    }

    /// What it says.
    pub fn facts(&self) -> &Facts {
        &self.0
    }
}

impl Facts {
    /// Reads a `v1` Event. Which of its times and counts are set depends on the API by which it was written: a series
    /// counts for itself, and an event without one has happened at `eventTime`.
    pub fn of(event: &Value, now: Timestamp) -> Self {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let time = |pointer: &str| text(pointer).and_then(|text| text.parse::<Timestamp>().ok());
        let number = |pointer: &str| event.pointer(pointer).and_then(Value::as_u64).filter(|number| *number > 0);
        let about = |field: &str| text(&format!("/involvedObject/{field}")).unwrap_or_default().to_owned();
        let last = time("/series/lastObservedTime")
            .or_else(|| time("/lastTimestamp"))
            .or_else(|| time("/eventTime"))
            .or_else(|| time("/metadata/creationTimestamp"));
        let (kind, namespace, name) = (about("kind"), about("namespace"), about("name"));
        let place = if namespace.is_empty() { name.clone() } else { format!("{namespace}/{name}") };
        let note = meshbook_runtime::record::redact::text(text("/message").unwrap_or_default());
        Facts {
            kind: text("/type").unwrap_or("Normal").to_owned(),
            reason: text("/reason").unwrap_or_default().to_owned(),
            object: format!("{kind} {place}"),
            about: (kind, name),
            note: first_line(&note),
            count: number("/series/count").or_else(|| number("/count")).unwrap_or(1),
            last,
            age: last.and_then(|last| Duration::try_from(now.duration_since(last)).ok().or(Some(Duration::ZERO))),
            by: text("/reportingComponent").or_else(|| text("/source/component")).unwrap_or_default().to_owned(),
        }
    }

    /// Whether it tells of trouble.
    pub fn is_warning(&self) -> bool {
        self.kind == "Warning"
    }
}

impl Noun for Event {
    const NAME: &'static str = "Event";
    const DOC: &'static str = "What a controller or a kubelet says about an object, once or several times.";

    fn text(&self) -> String {
        let Facts { reason, object, note, .. } = self.facts();
        format!("{reason} of {object}: {note}")
    }

    fn table(&self) -> Table {
        let facts = self.facts();
        let mut table = Table::new("an event", &["LAST SEEN", "TYPE", "REASON", "OBJECT", "COUNT", "NOTE"]);
        let age = facts.age.map_or("unknown".into(), |age| Span(Duration::from_secs(age.as_secs())).to_string());
        let facts = facts.clone();
        table.row([age, facts.kind, facts.reason, facts.object, facts.count.to_string(), facts.note]);
        table
    }

    fn json(&self) -> Value {
        let Facts { kind, reason, object, note, count, last, by, .. } = self.facts();
        json!({ "type": kind, "reason": reason, "object": object, "note": note, "count": count, "last": last.map(|last| last.to_string()), "by": by })
    }
}

/// The newest first; of the same age, warnings first, and then by what they are about.
pub fn sort(events: &mut [Event]) {
    events.sort_by(|one, other| {
        let key = |event: &Event| (std::cmp::Reverse(event.0.last), !event.0.is_warning(), event.0.object.clone());
        key(one).cmp(&key(other)).then_with(|| one.0.reason.cmp(&other.0.reason))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-05T10:00:00Z".parse().expect("a time")
    }

    #[test]
    fn both_apis_write_events() {
        let old = json!({ "metadata": { "name": "a" }, "involvedObject": { "kind": "Pod", "namespace": "summit", "name": "front-1" }, "reason": "BackOff", "message": "Back-off\nrestarting", "type": "Warning", "count": 4, "firstTimestamp": "2026-01-05T09:00:00Z", "lastTimestamp": "2026-01-05T09:59:00Z", "source": { "component": "kubelet" } });
        let facts = Facts::of(&old, now());
        assert_eq!((facts.count, facts.object.as_str(), facts.by.as_str()), (4, "Pod summit/front-1", "kubelet"));
        assert_eq!(facts.age, Some(Duration::from_secs(60)));
        assert!(facts.is_warning() && !facts.note.contains('\n'));
        let new = json!({ "metadata": { "name": "b" }, "involvedObject": { "kind": "Node", "name": "n" }, "reason": "Ready", "type": "Normal", "eventTime": "2026-01-05T09:00:00.000000Z", "series": { "count": 7, "lastObservedTime": "2026-01-05T09:58:00.000000Z" }, "reportingComponent": "node-controller", "firstTimestamp": null, "lastTimestamp": null });
        let facts = Facts::of(&new, now());
        assert_eq!((facts.count, facts.object.as_str(), facts.age), (7, "Node n", Some(Duration::from_secs(120))));
        let bare = Facts::of(&json!({}), now());
        assert_eq!((bare.count, bare.age, bare.is_warning()), (1, None, false));
    }

    #[test]
    fn a_clock_that_is_behind_makes_no_negative_age() {
        let ahead = json!({ "lastTimestamp": "2026-01-05T10:00:30Z" });
        assert_eq!(Facts::of(&ahead, now()).age, Some(Duration::ZERO));
    }

    #[test]
    fn secrets_in_notes_are_left_out() {
        let event = json!({ "message": "failed with password=hunter2hunter2" });
        assert!(!Facts::of(&event, now()).note.contains("hunter2"));
    }
}
