//! Waits until a throw-away pod has made its requests: by the state of its container, because a sidecar that is not
//! native never lets the pod itself complete.

use std::time::Duration;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::{Failure, NOT_FOUND};
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::pod::CONTAINER;
use crate::code::REQUEST;
use crate::kubernetes::read;
use crate::text::first_line;

/// How long it may take until the requests begin: scheduling, images, the sidecar.
pub const START: Duration = Duration::from_secs(90);
/// How long it may take beyond what the requests may.
pub const MARGIN: Duration = Duration::from_secs(30);
/// Between two looks.
const PACE: Duration = Duration::from_secs(1);

/// Reasons for which a container waits and will go on waiting (`pkg/kubelet/images/types.go`, `kuberuntime`).
const HOPELESS: [&str; 8] = [
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CrashLoopBackOff",
];

/// How far a pod is.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Its requests are made.
    Done,
    /// They are being made.
    Running,
    /// Not yet, for this reason.
    Waiting(String),
    /// Never, for this reason, with what can be done about it.
    Failed(String, &'static str),
}

/// Waits until the requests are made.
///
/// # Errors
/// `REQUEST` if they are not: the image, the scheduler, the sidecar or somebody else is in the way, or time is up.
pub fn until_done(run: &Run, pod: &ObjectRef, longest: Duration) -> Result<(), Failure> {
    let began = run.now()?;
    loop {
        let now = match read::get(run, pod) {
            Ok(now) => now,
            Err(failure) if read::is(&failure, &NOT_FOUND) => {
                return Err(failed(
                    pod,
                    "somebody else has deleted it",
                    "look who watches over the pods of this namespace",
                ));
            }
            Err(failure) => return Err(failure),
        };
        let took = Duration::try_from(run.now()?.duration_since(began)).unwrap_or_default();
        match state(&now) {
            State::Done => return Ok(()),
            State::Failed(why, hint) => return Err(failed(pod, &why, hint)),
            State::Waiting(why) if took >= START => {
                let hint = "`kubectl describe pod` shows its events while it is there; a node without room, a quota, or an image that is pulled slowly are the usual causes";
                return Err(failed(pod, &format!("{why}, and so it was for {} s", took.as_secs()), hint));
            }
            State::Running if took >= START + longest + MARGIN => {
                return Err(failed(
                    pod,
                    "it did not come to its end",
                    "ask for fewer requests, or a shorter `timeout`",
                ));
            }
            State::Waiting(why) => run.progress(Some(&format!("{pod}: {why}"))),
            State::Running => run.progress(Some(&format!("{pod} makes its requests"))),
        }
        run.sleep(PACE)?;
    }
}

fn failed(pod: &ObjectRef, why: &str, hint: &str) -> Failure {
    Failure::new(&REQUEST, format!("{pod} made no request: {why}"))
        .unchanged("the pod is removed again, and nothing else was changed")
        .hint(hint)
}

fn state(pod: &Value) -> State {
    let own = statuses(pod, "containerStatuses").iter().find(|status| status["name"] == CONTAINER);
    if let Some(ended) = own.map(|status| &status["state"]["terminated"]).filter(|ended| ended.is_object()) {
        // Whatever curl's exit code is: what came of each request stands in its log.
        return match ended["reason"].as_str().unwrap_or_default() {
            reason @ ("OOMKilled" | "StartError" | "ContainerCannotRun") => State::Failed(
                said(reason, ended["message"].as_str()),
                "the image must have `curl` in its PATH: name another one with `image`, or in the configuration file",
            ),
            _ => State::Done,
        };
    }
    if own.is_some_and(|status| status["state"]["running"].is_object()) {
        return State::Running;
    }
    if pod["status"]["phase"] == "Failed" {
        let why = said(pod["status"]["reason"].as_str().unwrap_or("it failed"), pod["status"]["message"].as_str());
        return State::Failed(why, "run again; if it is evicted again, its node has no room");
    }
    if pod["metadata"]["deletionTimestamp"].is_string() {
        return State::Failed("somebody else deletes it".into(), "look who watches over the pods of this namespace");
    }
    let initial = statuses(pod, "initContainerStatuses");
    for status in initial.iter().chain(statuses(pod, "containerStatuses")) {
        let name = status["name"].as_str().unwrap_or_default();
        let waiting = &status["state"]["waiting"];
        let reason = waiting["reason"].as_str().unwrap_or_default();
        if HOPELESS.contains(&reason) {
            let why = format!("container {name}: {}", said(reason, waiting["message"].as_str()));
            let hint = if name == CONTAINER {
                "name an image that this cluster can pull: `image` of the request, or `curl_image` of the context in the configuration file"
            } else {
                "its sidecar cannot start, so new pods of the workload cannot either: look at the injector's template and the image's registry"
            };
            return State::Failed(why, hint);
        }
        let ended = &status["state"]["terminated"];
        if ended["exitCode"].as_i64().is_some_and(|code| code != 0) {
            let why = format!("container {name} ended by {}", ended["exitCode"]);
            return State::Failed(
                why,
                "new pods of the workload would fail so too: look at the log of this container in one of them",
            );
        }
    }
    State::Waiting(waiting_for(pod))
}

/// What the pod waits for, in the scheduler's or the kubelet's words.
fn waiting_for(pod: &Value) -> String {
    let conditions = pod["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let unscheduled = conditions.iter().find(|one| one["type"] == "PodScheduled" && one["status"] == "False");
    if let Some(condition) = unscheduled {
        return said(condition["reason"].as_str().unwrap_or("not scheduled"), condition["message"].as_str());
    }
    let waits = |status: &Value| {
        let waiting = &status["state"]["waiting"];
        waiting["reason"].as_str().map(|reason| {
            format!(
                "container {}: {}",
                status["name"].as_str().unwrap_or_default(),
                said(reason, waiting["message"].as_str())
            )
        })
    };
    let first = statuses(pod, "initContainerStatuses").iter().chain(statuses(pod, "containerStatuses")).find_map(waits);
    first.unwrap_or_else(|| "no node has taken it".into())
}

fn said(reason: &str, message: Option<&str>) -> String {
    match message.map(first_line).filter(|message| !message.is_empty()) {
        Some(message) => format!("{reason}: {message}"),
        None => reason.to_owned(),
    }
}

fn statuses<'a>(pod: &'a Value, list: &str) -> &'a [Value] {
    pod["status"][list].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn pod(status: Value) -> State {
        state(&json!({ "metadata": {}, "status": status }))
    }

    fn container(name: &str, state: Value) -> Value {
        json!({ "name": name, "state": state })
    }

    #[test]
    fn the_container_decides_not_the_phase() {
        let ended = |code: i64, reason: &str| {
            let ended =
                json!({ "terminated": { "exitCode": code, "reason": reason, "message": "exec: \"curl\": not found" } });
            json!({ "phase": "Running", "containerStatuses": [container("istio-proxy", json!({ "running": {} })), container("curl", ended)] })
        };
        assert_eq!(pod(ended(0, "Completed")), State::Done, "the sidecar goes on, and so does the pod");
        assert_eq!(pod(ended(28, "Error")), State::Done, "the log says what came of it");
        assert!(matches!(pod(ended(128, "StartError")), State::Failed(why, _) if why.contains("not found")));
        let running = json!({ "containerStatuses": [container("curl", json!({ "running": {} }))] });
        assert_eq!(pod(running), State::Running);
    }

    #[test]
    fn what_is_in_the_way_is_named() {
        let waiting = |name: &str, reason: &str| json!({ "containerStatuses": [container(name, json!({ "waiting": { "reason": reason, "message": "no such image" } }))] });
        assert!(
            matches!(pod(waiting("curl", "ImagePullBackOff")), State::Failed(why, hint) if why.contains("no such image") && hint.contains("curl_image"))
        );
        assert!(
            matches!(pod(waiting("istio-proxy", "ErrImagePull")), State::Failed(_, hint) if hint.contains("sidecar"))
        );
        assert!(
            matches!(pod(waiting("curl", "ContainerCreating")), State::Waiting(why) if why.contains("ContainerCreating"))
        );
        let unscheduled = json!({ "conditions": [{ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available" }] });
        assert_eq!(pod(unscheduled), State::Waiting("Unschedulable: 0/3 nodes are available".into()));
        let init =
            json!({ "initContainerStatuses": [container("istio-init", json!({ "terminated": { "exitCode": 255 } }))] });
        assert!(matches!(pod(init), State::Failed(why, _) if why == "container istio-init ended by 255"));
        let evicted = json!({ "phase": "Failed", "reason": "Evicted", "message": "low on memory" });
        assert!(matches!(pod(evicted), State::Failed(why, _) if why == "Evicted: low on memory"));
        assert_eq!(pod(json!({})), State::Waiting("no node has taken it".into()));
        let going = json!({ "metadata": { "deletionTimestamp": "t" }, "status": {} });
        assert!(matches!(state(&going), State::Failed(..)));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]{}:,\"a-z0-9]{0,60}") {
            let value: Value = serde_json::from_str(&text).unwrap_or(json!([text]));
            state(&json!({ "metadata": value, "status": { "conditions": value, "containerStatuses": [value], "initContainerStatuses": value } }));
        }
    }
}
