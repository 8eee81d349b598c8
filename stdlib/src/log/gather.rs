//! Reads logs: of one pod, or of all pods of a workload side by side.

use meshbook_runtime::effect::{Call, Effect, ObjectRef, Reply};
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{BAD_ANSWER, Failure, TYPE};
use meshbook_runtime::primitive::{Invocation, Param, Type};
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{List, Span};
use rhai::Dynamic;
use serde_json::Value;

use super::{Facts, LogLine};
use crate::code::CONTAINER;
use crate::descriptor::{optional, param};
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::PodFacts;
use crate::text::{and, count, first_line, some};

/// The most that is read of one container.
const BYTES: u64 = 4 << 20;

/// The most lines that are kept of all.
const LINES: i64 = 10_000;

/// Which lines of a log.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The container.
    pub container: String,
    /// Lines not older than this.
    pub over: Span,
    /// Only lines that contain this text, as it is written; empty is all.
    pub containing: String,
    /// At most so many, the newest.
    pub tail: usize,
    /// Of the container's run before its last restart.
    pub previous: bool,
}

/// What both words for logs take.
pub const PARAMS: &[Param] = &[
    param("container", Type::String, "the container: `istio-proxy` is the sidecar"),
    param("over", Type::Duration, "the span that ends now"),
    optional("containing", Type::String, "()", "only lines that contain this text, as it is written"),
    optional("tail", Type::Int, "1000", "at most so many lines, the newest; 1 to 10,000"),
    optional("previous", Type::Bool, "false", "of the container's run before its last restart"),
];

impl Wanted {
    /// What a call with [`PARAMS`] asks for.
    ///
    /// # Errors
    /// `TYPE` if a value is none of what it may be.
    pub fn of(call: &Invocation<'_>) -> Result<Self, Failure> {
        Ok(Wanted {
            container: call.string(0)?,
            over: call.span(1)?,
            containing: call.given(2).then(|| call.string(2)).transpose()?.unwrap_or_default(),
            tail: Wanted::tail(call.given(3).then(|| call.int(3)).transpose()?.unwrap_or(1000))?,
            previous: call.given(4) && call.bool(4)?,
        })
    }

    /// The lines as the script gets them, after they were told to the step.
    pub fn found(&self, call: &Invocation<'_>, lines: Vec<LogLine>) -> Dynamic {
        saw(call, format!("{} of {} in {}", count(lines.len(), "line", "lines"), self.container, self.over));
        Dynamic::from(List::new(lines))
    }

    /// Checks how many lines are asked for.
    fn tail(lines: i64) -> Result<usize, Failure> {
        usize::try_from(lines)
            .ok()
            .filter(|_| (1..=LINES).contains(&lines))
            .ok_or_else(|| Failure::new(&TYPE, format!("`tail` is a number of lines from 1 to {LINES}, not {lines}")))
    }
}

/// The lines of a pod's container.
///
/// # Errors
/// `CONTAINER` if the pod has no such container; what every read can end in.
pub fn of_pod(run: &Run, object: &ObjectRef, wanted: &Wanted) -> Result<Vec<LogLine>, Failure> {
    let pod = read::get(run, object)?;
    has_container(&object.to_string(), containers(&pod), wanted)?;
    let (mut lines, cut) = lines(&object.name, run.read(effect(object, wanted))?, wanted)?;
    if cut {
        warn_of_a_cut(run, std::slice::from_ref(&object.name));
    }
    newest(&mut lines, wanted.tail);
    Ok(lines.into_iter().map(LogLine::new).collect())
}

/// The lines of a container in all pods of a workload, by their times. Pods that do not answer are named in a warning; if
/// none answers, that is the failure.
///
/// # Errors
/// `CONTAINER` if no pod has such a container; what every read can end in.
pub fn of_workload(run: &Run, object: &ObjectRef, wanted: &Wanted) -> Result<Vec<LogLine>, Failure> {
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let all = read::list(run, kinds::pod(), Some(namespace), None)?;
    let own: Vec<&Value> = all.iter().filter(|pod| PodFacts::of(pod).workload == object.name).collect();
    if own.is_empty() {
        return Ok(Vec::new());
    }
    has_container(&object.to_string(), own.iter().flat_map(|pod| containers(pod)), wanted)?;
    let pods: Vec<ObjectRef> = own
        .iter()
        .filter(|pod| containers(pod).any(|name| name == wanted.container))
        .map(|pod| ObjectRef::new(kinds::pod(), namespace, &PodFacts::of(pod).name))
        .collect();
    let replies = run.read_all(pods.iter().map(|pod| effect(pod, wanted)).collect());
    let (mut found, mut cut, mut silent, mut last) = (Vec::new(), Vec::new(), Vec::new(), None);
    for (pod, reply) in pods.iter().zip(replies) {
        match reply.and_then(|reply| lines(&pod.name, reply, wanted)) {
            Ok((lines, was_cut)) => {
                found.extend(lines);
                if was_cut {
                    cut.push(pod.name.clone());
                }
            }
            Err(failure) if !failure.code.catchable => return Err(failure),
            Err(failure) => {
                silent.push(pod.name.clone());
                last = Some(failure);
            }
        }
    }
    match last {
        Some(failure) if silent.len() == pods.len() => return Err(failure),
        Some(failure) => {
            run.warn(format!("no log of {}: {}", some(&silent, 5), first_line(&failure.message)));
        }
        None => {}
    }
    if !cut.is_empty() {
        warn_of_a_cut(run, &cut);
    }
    newest(&mut found, wanted.tail);
    Ok(found.into_iter().map(LogLine::new).collect())
}

fn warn_of_a_cut(run: &Run, pods: &[String]) {
    run.warn(format!(
        "the log of {} has more than was read, {} MiB: its end is missing; ask for a shorter span or fewer lines",
        some(pods, 5),
        BYTES >> 20
    ));
}

/// The newest lines, oldest first.
fn newest(lines: &mut Vec<Facts>, tail: usize) {
    lines.sort();
    lines.drain(..lines.len().saturating_sub(tail));
}

fn effect(pod: &ObjectRef, wanted: &Wanted) -> Effect {
    let span = wanted.over.0;
    let call = Call::Logs {
        namespace: pod.namespace.clone().unwrap_or_default(),
        pod: pod.name.clone(),
        container: wanted.container.clone(),
        since_seconds: Some(span.as_secs() + u64::from(span.subsec_nanos() > 0)),
        limit_bytes: BYTES,
        // A text may stand in any line of the span, so only the lines that contain it are counted.
        tail_lines: wanted.containing.is_empty().then_some(wanted.tail as u64),
        timestamps: true,
        previous: wanted.previous,
    };
    let which = if wanted.previous { " before its last restart" } else { "" };
    Effect::read(pod, format!("log of {}{which}", wanted.container), call)
}

/// The lines of an answer that contain the text, and whether it was cut.
fn lines(pod: &str, reply: Reply, wanted: &Wanted) -> Result<(Vec<Facts>, bool), Failure> {
    let Reply::Text(text) = reply else {
        return Err(Failure::new(&BAD_ANSWER, format!("the log of Pod {pod} is not text")));
    };
    let cut = u64::try_from(text.len()).unwrap_or(u64::MAX) >= BYTES;
    let about = text.lines().filter(|line| line.contains(&wanted.containing));
    Ok((about.filter_map(|line| Facts::parse(pod, line)).collect(), cut))
}

fn containers(pod: &Value) -> impl Iterator<Item = &str> {
    ["containers", "initContainers", "ephemeralContainers"]
        .into_iter()
        .filter_map(|list| pod.get("spec")?.get(list)?.as_array())
        .flatten()
        .filter_map(|container| container.get("name")?.as_str())
}

fn has_container<'a>(what: &str, containers: impl Iterator<Item = &'a str>, wanted: &Wanted) -> Result<(), Failure> {
    let mut names: Vec<String> = Vec::new();
    for name in containers {
        if name == wanted.container {
            return Ok(());
        }
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    let unknown = format!("{what} has no container `{}`", first_line(&wanted.container));
    Err(Failure::new(&CONTAINER, unknown).hint(format!("it has {}", and(&names))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_of_all_pods_by_their_times() {
        let line =
            |pod: &str, second: u8| Facts::parse(pod, &format!("2026-01-05T10:00:{second:02}Z line")).expect("a line");
        let mut all = vec![line("b", 3), line("b", 1), line("a", 2)];
        newest(&mut all, 2);
        assert_eq!(all, [line("a", 2), line("b", 3)]);
    }

    #[test]
    fn how_many_lines_is_bounded() {
        assert_eq!(Wanted::tail(5).expect("a number of lines"), 5);
        for wrong in [0, -1, i64::MAX] {
            assert!(Wanted::tail(wrong).is_err());
        }
    }
}
