//! Does the API server allow it? Asked before a change is tried, so that a missing permission is named exactly.

use std::collections::HashMap;

use crate::effect::{Call, Class, Effect, ObjectRef, Reply};
use crate::failure::{FORBIDDEN, Failure};
use crate::run::Run;
use crate::run::held::Held;

/// The answers so far, by verb, resource and namespace.
#[derive(Default)]
pub(crate) struct Access(Held<HashMap<Question, bool>>);

/// Verb, resource, and namespace.
type Question = (&'static str, String, Option<String>);

/// The permission that a change needs.
pub(crate) struct Need {
    verb: &'static str,
    group: String,
    resource: String,
}

impl Need {
    /// To `patch`, `create` or `delete` an object.
    pub(crate) fn of(verb: &'static str, object: &ObjectRef) -> Self {
        let resource = match &object.subresource {
            Some(subresource) => format!("{}/{subresource}", object.kind.plural),
            None => object.kind.plural.clone(),
        };
        Need { verb, group: object.kind.group.clone(), resource }
    }

    /// To reach a port of the pod in which a process keeps its levels.
    pub(crate) fn to_forward() -> Self {
        Need { verb: "create", group: String::new(), resource: "pods/portforward".into() }
    }
}

/// Asks whether this user has the permission (`SelfSubjectAccessReview`).
///
/// One answer for the resource in the namespace holds for the whole run; only where that is no, the object itself is
/// asked for, because a Role may name objects.
pub(crate) fn is_granted(run: &Run, object: &ObjectRef, need: &Need) -> Result<bool, Failure> {
    // Whether the disk takes a file, its trial says.
    if object.is_file() {
        return Ok(true);
    }
    let key = (need.verb, format!("{}.{}", need.resource, need.group), object.namespace.clone());
    let known = run.gate.access.0.lock().get(&key).copied();
    let any = match known {
        Some(answer) => answer,
        None => {
            let answer = review(run, object, need, None)?;
            run.gate.access.0.lock().insert(key, answer);
            answer
        }
    };
    Ok(any || review(run, object, need, Some(object.name.clone()))?)
}

/// The failure that names the missing permission.
pub(crate) fn forbidden(object: &ObjectRef, need: &Need) -> Failure {
    let Need { verb, group, resource } = need;
    let place = object
        .namespace
        .as_ref()
        .map_or_else(|| "in the cluster".to_owned(), |namespace| format!("in namespace {namespace}"));
    let named = if group.is_empty() { "the core group".to_owned() } else { format!("group {group}") };
    let verbs = match (*verb, resource.as_str()) {
        ("patch", _) => "\"get\", \"patch\"",
        (_, "pods/portforward") => "\"create\"",
        _ => "\"get\", \"create\", \"delete\"",
    };
    Failure::new(&FORBIDDEN, format!("{object} may not be changed: this user lacks the verb {verb} on {resource} ({named}) {place}"))
        .hint(format!("ask for a Role with `apiGroups: [\"{group}\"], resources: [\"{resource}\"], verbs: [{verbs}]`, or use another `--context`"))
}

fn review(run: &Run, object: &ObjectRef, need: &Need, name: Option<String>) -> Result<bool, Failure> {
    let Need { verb, group, resource } = need;
    let call = Call::AccessReview {
        verb: (*verb).into(),
        group: group.clone(),
        resource: resource.clone(),
        namespace: object.namespace.clone(),
        name,
    };
    let effect = Effect {
        class: Class::Probe,
        target: object.to_string(),
        summary: format!("may this user {verb} {resource}?"),
        call,
    };
    match run.read(effect)? {
        Reply::Json(answer) => Ok(answer == true),
        _ => Ok(false),
    }
}
