//! Watches: the changes of a resource as they happen, one JSON event a line.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use serde_json::{Value, json};
use tokio::sync::broadcast::{self, error::RecvError};

use super::read::{View, metadata_of};
use super::request::{Form, Query, Target};
use super::selector::Selector;
use super::status::Failure;
use super::table;
use crate::clock::LabClock;
use crate::store::{Change, ChangeKind, Store};

/// How long a watch lasts if the client does not say.
const LONGEST: Duration = Duration::from_secs(3600);

const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);

struct Watch {
    store: Store,
    clock: LabClock,
    target: Target,
    selector: Selector,
    form: Form,
    changes: broadcast::Receiver<Change>,
    /// The newest version that was told.
    version: u64,
    ready: VecDeque<Bytes>,
    headings_told: bool,
    /// When the last bookmark is due: two seconds before the end, as on a real server.
    bookmark_due: Option<tokio::time::Instant>,
    ends: tokio::time::Instant,
    ended: bool,
}

pub(crate) fn watch(
    store: &Store,
    clock: &LabClock,
    target: &Target,
    query: &Query,
    form: Form,
) -> Result<Response<Body>, Failure> {
    let mut selector = Selector::of(&target.kind, query)?;
    if let Some(name) = &target.name {
        selector = Selector::named(name);
    }
    let streaming = query.is_true("sendInitialEvents");
    if streaming && query.get("resourceVersionMatch") != Some("NotOlderThan") {
        let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        let error = crate::crd::validate::FieldError {
            field: "resourceVersionMatch".into(),
            reason: "FieldValueForbidden",
            message: format!("Forbidden: {detail}"),
        };
        return Err(Failure::invalid(None, "", &[error]));
    }
    let asked = query.get("resourceVersion").unwrap_or("0");
    let version: u64 = asked.parse().map_err(|_| {
        Failure::internal(format!(
            "resourceVersion: Invalid value: {asked:?}: strconv.ParseUint: parsing {asked:?}: invalid syntax"
        ))
    })?;
    let seconds = query.number("timeoutSeconds").map_or(LONGEST, Duration::from_secs);
    let bookmarks = query.is_true("allowWatchBookmarks");
    let initial = streaming || version == 0 && query.get("sendInitialEvents").is_none();
    let (first, missed, version, changes) = if initial {
        let (objects, now, changes) = store.snapshot_and_changes(&target.kind, target.namespace.as_deref());
        (objects, Vec::new(), now, changes)
    } else {
        match store.changes_after(version) {
            Ok((missed, changes)) => (Vec::new(), missed, version, changes),
            Err(expired) => {
                let message = format!("too old resource version: {version} ({})", expired.oldest);
                let event = json!({"type": "ERROR", "object": Failure::expired(message).status()});
                return Ok(response(Body::from(format!("{event}\n"))));
            }
        }
    };
    let ends = tokio::time::Instant::now() + seconds;
    let mut watch = Watch {
        store: store.clone(),
        clock: clock.clone(),
        target: target.clone(),
        selector,
        form,
        changes,
        version,
        ready: VecDeque::new(),
        headings_told: false,
        bookmark_due: (bookmarks && seconds > BOOKMARK_BEFORE_END).then_some(ends - BOOKMARK_BEFORE_END),
        ends,
        ended: false,
    };
    for object in first.iter().filter(|o| watch.selector.matches(o)).cloned().collect::<Vec<_>>() {
        watch.tell("ADDED", &object);
    }
    if streaming && bookmarks {
        watch.bookmark(true);
    }
    for change in missed {
        watch.take(&change);
    }
    let events = stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((Ok::<Bytes, Infallible>(line), watch))
    });
    Ok(response(Body::from_stream(events)))
}

fn response(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

impl Watch {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(line);
            }
            if self.ended {
                return None;
            }
            let until = self.bookmark_due.unwrap_or(self.ends);
            let received = tokio::time::timeout_at(until, self.changes.recv()).await;
            match received {
                Ok(Ok(change)) => self.take(&change),
                Ok(Err(RecvError::Lagged(_))) => match self.store.changes_after(self.version) {
                    Ok((missed, changes)) => {
                        self.changes = changes;
                        missed.iter().for_each(|change| self.take(change));
                    }
                    Err(expired) => {
                        let message = format!("too old resource version: {} ({})", self.version, expired.oldest);
                        self.push("ERROR", &Failure::expired(message).status());
                        self.ended = true;
                    }
                },
                Ok(Err(RecvError::Closed)) => self.ended = true,
                Err(_) if self.bookmark_due.take().is_some() => self.bookmark(false),
                Err(_) => self.ended = true,
            }
        }
    }

    /// Tells a change if it is about what is watched. An object that comes to match is new to this watch, one that
    /// no longer matches is gone.
    fn take(&mut self, change: &Change) {
        if change.resource_version <= self.version {
            return;
        }
        self.version = change.resource_version;
        let kind = &self.target.kind;
        let namespace = change.object["metadata"]["namespace"].as_str().unwrap_or_default();
        let elsewhere = self.target.namespace.as_deref().is_some_and(|n| n != namespace);
        if change.resource.group != kind.group || change.resource.plural != kind.plural || elsewhere {
            return;
        }
        let before = change.previous.as_deref().is_some_and(|o| self.selector.matches(o));
        let after = change.kind != ChangeKind::Deleted && self.selector.matches(&change.object);
        match (before, after) {
            (false, true) => self.tell("ADDED", &change.object),
            (true, true) => self.tell("MODIFIED", &change.object),
            (true, false) => self.tell("DELETED", &change.object),
            (false, false) => {}
        }
    }

    fn tell(&mut self, event: &str, object: &Value) {
        match self.form {
            Form::Object => {
                let api_version = self.target.api_version();
                let view = View { object, api_version: &api_version, bare: false };
                self.push(event, &view);
            }
            Form::Metadata => self.push(event, &metadata_of(object)),
            Form::Table => {
                let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                let rows = table::table(&self.target.kind, &[object], metadata, self.clock.now(), !self.headings_told);
                self.headings_told = true;
                self.push(event, &rows);
            }
        }
    }

    fn bookmark(&mut self, initial_events_end: bool) {
        let mut metadata = json!({"resourceVersion": self.version.to_string()});
        if initial_events_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = match self.form {
            Form::Object => json!({
                "kind": self.target.kind.kind,
                "apiVersion": self.target.api_version(),
                "metadata": metadata,
            }),
            Form::Metadata => metadata_of(&json!({ "metadata": metadata })),
            Form::Table => json!({
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": {"resourceVersion": self.version.to_string()},
                "columnDefinitions": null,
                "rows": [{"cells": [], "object": metadata_of(&json!({"metadata": metadata}))}],
            }),
        };
        self.push("BOOKMARK", &object);
    }

    fn push(&mut self, event: &str, object: &impl serde::Serialize) {
        #[derive(serde::Serialize)]
        struct Event<'a, T> {
            #[serde(rename = "type")]
            event: &'a str,
            object: &'a T,
        }
        if let Ok(mut line) = serde_json::to_vec(&Event { event, object }) {
            line.push(b'\n');
            self.ready.push_back(line.into());
        }
    }
}
