//! Pod logs: `tailLines`, `sinceSeconds`, `sinceTime`, `timestamps`, `limitBytes`, `follow`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Api;
use super::read;
use super::request::{Query, Target};
use super::status::Failure;

/// How often a followed log is looked at.
const PACE: Duration = Duration::from_millis(50);

fn names(pod: &Value, field: &str) -> Vec<String> {
    let list = pod["spec"][field].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|c| c["name"].as_str().map(str::to_owned)).collect()
}

/// The container that a request means, if it names none the pod's only one.
pub(super) fn container(pod: &Value, target: &Target, query: &Query) -> Result<String, Failure> {
    let (containers, initial) = (names(pod, "containers"), names(pod, "initContainers"));
    let name = target.name();
    match query.get("container") {
        Some(asked) if containers.iter().chain(&initial).any(|c| c == asked) => Ok(asked.to_owned()),
        Some(asked) => Err(Failure::bad_request(format!("container {asked} is not valid for pod {name}"))),
        None => match containers.as_slice() {
            [only] => Ok(only.clone()),
            several => {
                let mut message = format!(
                    "a container name must be specified for pod {name}, choose one of: [{}]",
                    several.join(" ")
                );
                if !initial.is_empty() {
                    message.push_str(&format!(" or one of the init containers: [{}]", initial.join(" ")));
                }
                Err(Failure::bad_request(message))
            }
        },
    }
}

/// When the container's run before its last restart ended; `None` if it was never restarted.
fn ended(pod: &Value, container: &str) -> Option<Timestamp> {
    let statuses =
        ["containerStatuses", "initContainerStatuses"].into_iter().filter_map(|list| pod["status"][list].as_array());
    let status = statuses.flatten().find(|status| status["name"] == container)?;
    status["lastState"]["terminated"]["finishedAt"].as_str()?.parse().ok()
}

struct Follow {
    api: Arc<Api>,
    target: Target,
    container: String,
    timestamps: bool,
    /// How many lines the log had when it was last looked at, and the newest time told.
    seen: Option<Timestamp>,
    /// How many lines of that time were told.
    at_seen: usize,
    ready: VecDeque<Bytes>,
}

pub(crate) fn logs(api: &Arc<Api>, target: &Target, query: &Query) -> Result<Response<Body>, Failure> {
    let pod = read::find(&api.store, target)?;
    let container = container(&pod, target, query)?;
    let ended = query.is_true("previous").then(|| ended(&pod, &container)).map(|ended| {
        ended.ok_or_else(|| {
            let message = format!("previous terminated container {container:?} in pod {:?} not found", target.name());
            Failure::bad_request(message)
        })
    });
    let ended = ended.transpose()?;
    let mut lines = api.pods.logs(target.namespace(), target.name(), &container).map_err(Failure::bad_request)?;
    if let Some(ended) = ended {
        // Of a time in whole seconds, all of its last second.
        lines.retain(|(time, _)| time.as_second() <= ended.as_second());
    }
    let seen = lines.last().map(|(time, _)| *time);
    let at_seen = lines.iter().rev().take_while(|(time, _)| Some(*time) == seen).count();
    let timestamps = query.is_true("timestamps");
    let mut text = select(lines, query, api.clock.now(), timestamps)?;
    if let Some(limit) = query.number("limitBytes") {
        text.truncate(text.floor_char_boundary(usize::try_from(limit).unwrap_or(usize::MAX)));
    }
    let body = if query.is_true("follow") {
        let mut follow = Follow {
            api: api.clone(),
            target: target.clone(),
            container,
            timestamps,
            seen,
            at_seen,
            ready: VecDeque::new(),
        };
        follow.ready.push_back(text.into());
        Body::from_stream(stream::unfold(follow, |mut follow| async move {
            let bytes = follow.next().await?;
            Some((Ok::<Bytes, Infallible>(bytes), follow))
        }))
    } else {
        Body::from(text)
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    Ok(response)
}

fn select(
    mut lines: Vec<(Timestamp, String)>,
    query: &Query,
    now: Timestamp,
    timestamps: bool,
) -> Result<String, Failure> {
    let since = match (query.number("sinceSeconds"), query.get("sinceTime")) {
        (Some(seconds), _) => {
            let back = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
            Some(now.saturating_sub(back).unwrap_or(Timestamp::MIN))
        }
        (None, Some(text)) => Some(
            text.parse::<Timestamp>()
                .map_err(|_| Failure::bad_request(format!("sinceTime: {text:?} is no time of RFC 3339")))?,
        ),
        (None, None) => None,
    };
    if let Some(since) = since {
        lines.retain(|(time, _)| *time >= since);
    }
    if let Some(tail) = query.number("tailLines") {
        let skip = lines.len().saturating_sub(usize::try_from(tail).unwrap_or(usize::MAX));
        lines.drain(..skip);
    }
    Ok(lines.iter().map(|(time, line)| written(*time, line, timestamps)).collect())
}

fn written(time: Timestamp, line: &str, timestamps: bool) -> String {
    if timestamps { format!("{} {line}\n", time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ")) } else { format!("{line}\n") }
}

impl Follow {
    /// What was written since; `None` once the pod is gone.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.ready.pop_front().filter(|b| !b.is_empty()) {
                return Some(bytes);
            }
            tokio::time::sleep(PACE).await;
            let (namespace, name) = (self.target.namespace(), self.target.name());
            self.api.store.get("", "pods", namespace, name)?;
            let lines = self.api.pods.logs(namespace, name, &self.container).ok()?;
            let newer: Vec<&(Timestamp, String)> = match self.seen {
                None => lines.iter().collect(),
                Some(seen) => {
                    let same = lines.iter().filter(|(time, _)| *time == seen).skip(self.at_seen);
                    same.chain(lines.iter().filter(|(time, _)| *time > seen)).collect()
                }
            };
            let text: String = newer.iter().map(|(time, line)| written(*time, line, self.timestamps)).collect();
            self.seen = lines.last().map(|(time, _)| *time).or(self.seen);
            self.at_seen = lines.iter().rev().take_while(|(time, _)| Some(*time) == self.seen).count();
            self.ready.push_back(text.into());
        }
    }
}
