//! Requests by a command in one of the workload's own pods: only where the run allows exec.

use meshbook_runtime::effect::{Call, Class, Effect, ObjectRef, Reply};
use meshbook_runtime::failure::{BAD_ANSWER, Failure, TYPE};
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::asked::Asked;
use super::flags::Flags;
use super::{Answers, Way, curl};
use crate::code::REQUEST;
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::{PROXY, PodFacts};
use crate::text::first_line;

/// Makes the requests with the curl of a container of the workload.
///
/// # Errors
/// `REQUEST` if no pod of it runs, or its container has no curl; `TYPE` for a method that changes something.
pub fn ask(run: &Run, workload: &ObjectRef, asked: &Asked) -> Result<Answers, Failure> {
    if !asked.is_safe() {
        return Err(Failure::new(
            &TYPE,
            format!("{} changes what the server keeps, and nobody is asked before", asked.method),
        )
        .unchanged("no request was made")
        .hint("use GET, HEAD or OPTIONS, or `request`, which is shown and approved like any other change"));
    }
    if asked.image.is_some() {
        return Err(Failure::new(&TYPE, "a running container has its image already").unchanged("no request was made"));
    }
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let pods = read::list(run, kinds::pod(), Some(namespace), None)?;
    let own = pods.iter().map(|pod| (pod, PodFacts::of(pod)));
    let own = own
        .filter(|(_, facts)| facts.workload == workload.name && facts.is_running)
        .min_by(|a, b| a.1.name.cmp(&b.1.name));
    let Some((pod, facts)) = own else {
        return Err(Failure::new(&REQUEST, format!("no pod of {workload} runs"))
            .unchanged("no request was made")
            .hint("`request` makes one of its own"));
    };
    let container = container(pod);
    let object = ObjectRef::new(kinds::pod(), namespace, &facts.name);
    let mut command = vec!["curl".to_owned()];
    command.extend(curl::arguments(asked));
    let call = Call::Exec { pod: object.clone(), container: container.clone(), command, within: asked.longest() };
    let effect = Effect {
        class: Class::Probe,
        target: object.to_string(),
        summary: format!("execute curl for {}", asked.what()),
        call,
    };
    let Reply::Json(ended) = run.read(effect)? else {
        return Err(Failure::new(&BAD_ANSWER, format!("{object}: the command ended without saying how")));
    };
    let (code, text) = (ended["code"].as_i64().unwrap_or(-1), |key: &str| ended[key].as_str().unwrap_or_default());
    let answers = curl::read(text("stdout"));
    if answers.len() != asked.count as usize {
        let said = [text("stderr"), text("stdout")].into_iter().find(|said| !said.trim().is_empty()).map(first_line);
        let said = said.map_or_else(|| "nothing".to_owned(), |said| format!("`{said}`"));
        return Err(Failure::new(
            &REQUEST,
            format!("{object}: curl in container {container} ended by {code}, and said {said}"),
        )
        .unchanged("nothing was changed")
        .hint("many images have no curl, or one older than 7.84: `request` brings its own"));
    }
    let place = format!("{object}, by a command in its container {container}");
    let flags = Flags::Unknown("its access log has the workload's own requests as well".into());
    Ok(Answers::new(asked.what(), workload.to_string(), Way { sidecar: facts.has_proxy, place }, answers, flags))
}

/// The container that kubectl would take: the one that the pod names, else the first that is not the sidecar.
fn container(pod: &Value) -> String {
    let named = pod.pointer("/metadata/annotations/kubectl.kubernetes.io~1default-container").and_then(Value::as_str);
    let all = pod.pointer("/spec/containers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let first = all.iter().filter_map(|one| one["name"].as_str()).find(|name| *name != PROXY);
    named.or(first).unwrap_or_default().to_owned()
}
