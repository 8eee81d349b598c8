//! Does the API server allow it? Asked before a change is tried, so that a missing permission is named exactly.

use std::collections::HashMap;

use crate::effect::{Call, Class, Effect, ObjectRef, Reply};
use crate::failure::{FORBIDDEN, Failure};
use crate::run::Run;
use crate::run::held::Held;

/// The answers so far, by verb, resource and namespace.
#[derive(Default)]
pub(crate) struct Access(Held<HashMap<(&'static str, String, Option<String>), bool>>);

/// Asks whether this user may `patch`, `create` or `delete` an object (`SelfSubjectAccessReview`).
///
/// One answer for the resource in the namespace holds for the whole run; only where that is no, the object itself is
/// asked for, because a Role may name objects.
pub(crate) fn may(run: &Run, object: &ObjectRef, verb: &'static str) -> Result<bool, Failure> {
    let resource = resource(object);
    let key = (verb, format!("{resource}.{}", object.kind.group), object.namespace.clone());
    let known = run.gate.access.0.lock().get(&key).copied();
    let any = match known {
        Some(answer) => answer,
        None => {
            let answer = review(run, object, verb, &resource, None)?;
            run.gate.access.0.lock().insert(key, answer);
            answer
        }
    };
    Ok(any || review(run, object, verb, &resource, Some(object.name.clone()))?)
}

/// The failure that names the missing permission.
pub(crate) fn forbidden(object: &ObjectRef, verb: &str) -> Failure {
    let place = object
        .namespace
        .as_ref()
        .map_or_else(|| "in the cluster".to_owned(), |namespace| format!("in namespace {namespace}"));
    let group =
        if object.kind.group.is_empty() { "the core group".to_owned() } else { format!("group {}", object.kind.group) };
    let resource = resource(object);
    let verbs = if verb == "patch" { "\"get\", \"patch\"" } else { "\"get\", \"create\", \"delete\"" };
    Failure::new(&FORBIDDEN, format!("{object} may not be changed: this user lacks the verb {verb} on {resource} ({group}) {place}"))
        .hint(format!("ask for a Role with `apiGroups: [\"{}\"], resources: [\"{resource}\"], verbs: [{verbs}]`, or use another `--context`", object.kind.group))
}

fn resource(object: &ObjectRef) -> String {
    match &object.subresource {
        Some(subresource) => format!("{}/{subresource}", object.kind.plural),
        None => object.kind.plural.clone(),
    }
}

fn review(run: &Run, object: &ObjectRef, verb: &str, resource: &str, name: Option<String>) -> Result<bool, Failure> {
    let call = Call::AccessReview {
        verb: verb.into(),
        group: object.kind.group.clone(),
        resource: resource.into(),
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
