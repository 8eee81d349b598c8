//! Reads events: of a namespace, of one object, of a workload with all that belongs to it.

use std::collections::BTreeSet;

use meshbook_runtime::effect::{Call, Effect, ObjectRef, Reply};
use meshbook_runtime::failure::{BAD_ANSWER, Failure};
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Span;
use serde_json::Value;

use super::{Event, Facts, sort};
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::PodFacts;

/// The events of a namespace that are not older than a span, the newest first; of one object, if there is one.
///
/// # Errors
/// What every read can end in.
pub fn events(run: &Run, of: Option<&ObjectRef>, namespace: &str, span: Span) -> Result<Vec<Event>, Failure> {
    let fields = of.map(|object| {
        let (kind, name) = (escaped(&object.kind.kind), escaped(&object.name));
        format!("involvedObject.kind={kind},involvedObject.name={name}")
    });
    let (target, summary) = match of {
        Some(object) => (object.to_string(), "events".to_owned()),
        None => (format!("events in namespace {namespace}"), "list".to_owned()),
    };
    let call = Call::List { kind: kinds::event(), namespace: Some(namespace.into()), labels: None, fields };
    let now = run.now()?;
    let Reply::Json(Value::Array(items)) = run.read(Effect::read(target, summary, call))? else {
        return Err(Failure::new(&BAD_ANSWER, "the list of events is no list"));
    };
    let facts = items.iter().map(|item| Facts::of(item, now));
    let young = facts.filter(|facts| facts.age.is_none_or(|age| age <= span.0));
    let mut events: Vec<Event> = young.map(Event::new).collect();
    sort(&mut events);
    Ok(events)
}

/// Where the events about an object are: those about objects of the cluster lie in `default`.
pub fn place(object: &ObjectRef) -> &str {
    object.namespace.as_deref().unwrap_or("default")
}

/// The events about a workload, its ReplicaSets and its pods, those that are gone included as long as their names tell.
///
/// # Errors
/// What every read can end in.
pub fn of_workload(run: &Run, object: &ObjectRef, span: Span) -> Result<Vec<Event>, Failure> {
    let namespace = place(object);
    let pods = read::list(run, kinds::pod(), Some(namespace), None)?;
    let own = pods.iter().map(PodFacts::of).filter(|pod| pod.workload == object.name);
    let pods: BTreeSet<String> = own.map(|pod| pod.name).collect();
    let mut events = events(run, None, namespace, span)?;
    events.retain(|event| {
        let (kind, name) = &event.facts().about;
        match kind.as_str() {
            "Pod" => pods.contains(name) || made_by(name, &object.name).is_some_and(|rest| rest <= 2),
            // A ReplicaSet has its Deployment's name and a hash.
            "ReplicaSet" => object.kind.kind == "Deployment" && made_by(name, &object.name) == Some(1),
            kind => kind == object.kind.kind && *name == object.name,
        }
    });
    Ok(events)
}

/// How many suffixes, each behind a hyphen, a name has more than its workload's; only such as controllers make: letters
/// without vowels and digits (`k8s.io/apimachinery/pkg/util/rand`), or the ordinal of a StatefulSet's pod.
fn made_by(name: &str, workload: &str) -> Option<usize> {
    let rest = name.strip_prefix(workload)?.strip_prefix('-')?;
    let made = |part: &str| !part.is_empty() && part.bytes().all(|b| b"bcdfghjklmnpqrstvwxz0123456789".contains(&b));
    let parts: Vec<&str> = rest.split('-').collect();
    parts.iter().all(|part| made(part)).then_some(parts.len())
}

/// A value in a field selector (`k8s.io/apimachinery/pkg/fields` `EscapeValue`).
fn escaped(value: &str) -> String {
    let mut escaped = String::new();
    for letter in value.chars() {
        if matches!(letter, '\\' | ',' | '=') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_made_them() {
        assert_eq!(made_by("front-fhb2s5b6nw-754n2", "front"), Some(2));
        assert_eq!(made_by("front-fhb2s5b6nw", "front"), Some(1));
        assert_eq!(made_by("db-0", "db"), Some(1));
        assert_eq!(made_by("front-api-fhb2s5b6nw-754n2", "front"), None, "another workload whose name begins alike");
        assert_eq!(made_by("front", "front"), None);
    }

    #[test]
    fn values_cannot_leave_their_place() {
        assert_eq!(escaped("a,metadata.name=b\\"), "a\\,metadata.name\\=b\\\\");
    }
}
