//! Requests from a throw-away pod: made like the workload's own, asked, read from its log, and always removed.

use std::time::Duration;

use meshbook_runtime::change::{Change, Changed};
use meshbook_runtime::effect::{Call, Effect, ObjectRef, Reply, ResourceKind};
use meshbook_runtime::failure::{BAD_ANSWER, FORBIDDEN, Failure, NOT_FOUND, REJECTED};
use meshbook_runtime::run::{Mode, Run};
use serde_json::Value;

use super::asked::Asked;
use super::curl::Answer;
use super::flags::Flags;
use super::labels::Labels;
use super::pod::{CONTAINER, Guest, IMAGE};
use super::{Answers, Way, curl, wait};
use crate::code::REQUEST;
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::{PROXY, PodFacts, strings};
use crate::text::and;

/// How much of a log is read: a line for each of a hundred requests is less.
const LIMIT: u64 = 1 << 20;
/// How often a log is read until it has a line for each request: a kubelet may be behind its containers.
const LOOKS: u32 = 3;
/// An Envoy of Istio writes its access log once a second (`--file-flush-interval-msec 1000`, `pkg/envoy/proxy.go`).
const FLUSH: Duration = Duration::from_secs(2);

/// Makes the requests from a pod of its own, and removes it.
///
/// # Errors
/// `REQUEST` if they could not be made, and everything that a change can end in.
pub fn ask(run: &Run, workload: &ObjectRef, asked: &Asked) -> Result<Answers, Failure> {
    let object = read::get(run, workload)?;
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let pods = read::list(run, kinds::pod(), Some(namespace), None)?;
    let settings = run.settings();
    let image = asked.image.as_deref().or(settings.curl_image.as_deref()).unwrap_or(IMAGE);
    let guest = Guest::of(workload, &object, &selectors(run, namespace)?, asked, image)?;
    let own = pods.iter().map(PodFacts::of).find(|pod| pod.workload == workload.name && !pod.is_terminating);
    let pod = ObjectRef::new(kinds::pod(), namespace, &name(&workload.name, &pods));
    let creation = Change::creation(pod.clone(), format!("for {}, removed after it", asked.what()), guest.content);
    let answers = run.briefly(creation, "it was there for these requests only", |created| {
        during(run, &pod, asked, own.is_some_and(|own| own.has_proxy), created)
    });
    run.progress(None);
    let (sidecar, answers, flags) = answers.map_err(|failure| explained(failure, &pod))?;
    let place = match guest.without.as_slice() {
        [] => "a throw-away pod".to_owned(),
        [one] => format!("a throw-away pod, which has all its labels but {one}, by which it would be selected"),
        some => format!("a throw-away pod, which has all its labels but {}, by which it would be selected", and(some)),
    };
    Ok(Answers::new(asked.what(), workload.to_string(), Way { sidecar, place }, answers, flags))
}

/// The selectors of everything in the namespace that sends traffic to the pods that it selects.
fn selectors(run: &Run, namespace: &str) -> Result<Vec<Labels>, Failure> {
    let services = read::list(run, kinds::service(), Some(namespace), None)?;
    let mut selectors: Vec<Labels> =
        services.iter().map(|service| strings(service.pointer("/spec/selector"))).collect();
    let entries = ResourceKind::namespaced("networking.istio.io", "v1", "ServiceEntry", "serviceentries");
    match read::list(run, entries, Some(namespace), None) {
        Ok(entries) => {
            selectors.extend(entries.iter().map(|entry| strings(entry.pointer("/spec/workloadSelector/labels"))));
        }
        // Without Istio's kinds there are none.
        Err(failure) if read::is(&failure, &NOT_FOUND) => {}
        Err(failure) => return Err(failure),
    }
    Ok(selectors)
}

/// A name that no pod has: the lowest number that is free.
fn name(workload: &str, pods: &[Value]) -> String {
    let taken = |name: &str| pods.iter().any(|pod| pod["metadata"]["name"] == name);
    let workload: String = workload.chars().take(230).collect();
    (1_u32..)
        .map(|number| format!("{workload}-request-{number}"))
        .find(|name| !taken(name))
        .expect("numbers do not end")
}

fn during(
    run: &Run,
    pod: &ObjectRef,
    asked: &Asked,
    has_to_have_sidecar: bool,
    created: &Changed,
) -> Result<(bool, Vec<Answer>, Flags), Failure> {
    if run.mode() == Mode::Plan {
        // Nobody makes the requests: the plan ends at this read.
        log(run, pod, CONTAINER, &format!("the answers to {}", asked.what()))?;
    }
    let sidecar = PodFacts::of(&created.object).has_proxy;
    if has_to_have_sidecar && !sidecar {
        return Err(Failure::new(&REQUEST, format!("{pod} came without a sidecar, which the workload's own pods have"))
            .unchanged("no request was made, and the pod is removed again")
            .hint("new pods of the workload would have none either: is the injector's webhook there, and does the namespace still name its revision?"));
    }
    wait::until_done(run, pod, asked.longest())?;
    let answers = answers(run, pod, asked)?;
    let flags = if sidecar { flags(run, pod, &answers)? } else { Flags::Unknown("there is no sidecar".into()) };
    Ok((sidecar, answers, flags))
}

fn answers(run: &Run, pod: &ObjectRef, asked: &Asked) -> Result<Vec<Answer>, Failure> {
    let mut printed = String::new();
    for look in 0..LOOKS {
        if look > 0 {
            run.sleep(Duration::from_secs(1))?;
        }
        printed = log(run, pod, CONTAINER, "what curl printed")?;
        let answers = curl::read(&printed);
        if answers.len() == asked.count as usize {
            return Ok(answers);
        }
    }
    let seen = printed.lines().next_back().map(crate::text::first_line).filter(|line| !line.is_empty());
    let seen = seen.map_or("nothing".to_owned(), |line| format!("`{line}`"));
    Err(Failure::new(&BAD_ANSWER, format!("{pod}: curl did not print a line for each of {}, but {seen}", asked.what()))
        .unchanged("the pod is removed again, and nothing else was changed")
        .hint("the image needs curl 7.84 or newer"))
}

/// The flags in the sidecar's own log. Where something went wrong, what it has not written yet is worth waiting for.
fn flags(run: &Run, pod: &ObjectRef, answers: &[Answer]) -> Result<Flags, Failure> {
    let bad = answers.iter().any(|answer| answer.failure.is_some() || answer.status.is_none_or(|status| status >= 400));
    let read = |what: &str| match log(run, pod, PROXY, what) {
        Ok(text) => Ok(Flags::read(&text)),
        Err(failure) if failure.code.catchable => Ok(Flags::Unknown(failure.message)),
        Err(failure) => Err(failure),
    };
    match read("access log")? {
        Flags::Unknown(_) if bad => {
            run.sleep(FLUSH)?;
            read("access log once more")
        }
        flags => Ok(flags),
    }
}

fn log(run: &Run, pod: &ObjectRef, container: &str, what: &str) -> Result<String, Failure> {
    let call = Call::Logs {
        namespace: pod.namespace.clone().unwrap_or_default(),
        pod: pod.name.clone(),
        container: container.into(),
        since_seconds: None,
        limit_bytes: LIMIT,
        tail_lines: None,
        timestamps: false,
        previous: false,
    };
    match run.read(Effect::read(pod, what, call))? {
        Reply::Text(text) => Ok(text),
        _ => Err(Failure::new(&BAD_ANSWER, format!("the log of {pod} is no text"))),
    }
}

/// What a refusal means here.
fn explained(failure: Failure, pod: &ObjectRef) -> Failure {
    let said = |words: &str| failure.message.contains(words);
    let hint = if read::is(&failure, &REJECTED) && said("violates PodSecurity") {
        "the pod itself meets the restricted profile: what it violates comes from the sidecar's injected containers, so new pods of the workload are refused as well"
    } else if said("exceeded quota") {
        "the namespace's quota has no room for one more pod: raise it, or run again when something has ended"
    } else if said("must specify limits") || said("LimitRange") {
        "the namespace asks for limits that the injected sidecar does not have"
    } else if read::is(&failure, &REJECTED) && said("already exists") {
        "another run asks from the same workload at this moment: run again"
    } else if read::is(&failure, &FORBIDDEN) && said("serviceaccount") {
        "this user may not use the workload's service account in a pod of its own"
    } else {
        return failure;
    };
    let unchanged = failure.unchanged.clone().unwrap_or_else(|| format!("{pod} was not created"));
    failure.hint(hint).unchanged(unchanged)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refusals_say_what_they_mean_here() {
        let pod = ObjectRef::new(kinds::pod(), "summit", "front-request-1");
        for (code, said, hint) in [
            (
                &REJECTED,
                "pods \"front-request-1\" is forbidden: violates PodSecurity \"restricted:latest\": unrestricted capabilities (container \"istio-init\" …)",
                "injected containers",
            ),
            (
                &REJECTED,
                "pods \"front-request-1\" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=5, limited: pods=5",
                "quota has no room",
            ),
            (&REJECTED, "pods \"front-request-1\" already exists", "another run"),
        ] {
            let explained = explained(Failure::new(code, said), &pod);
            assert!(explained.message == said && read::is(&explained, code), "the server's own words stay");
            assert!(explained.hint.as_deref().is_some_and(|told| told.contains(hint)), "{explained:?}");
            assert_eq!(explained.unchanged.as_deref(), Some("Pod summit/front-request-1 was not created"));
        }
        assert!(explained(Failure::new(&BAD_ANSWER, "something else"), &pod).hint.is_none());
    }

    #[test]
    fn a_name_is_the_first_that_is_free() {
        let pods = ["front-request-1", "front-request-3"].map(|name| json!({ "metadata": { "name": name } }));
        assert_eq!(name("front", &pods), "front-request-2");
        assert!(name(&"x".repeat(300), &[]).len() < 253);
    }
}
