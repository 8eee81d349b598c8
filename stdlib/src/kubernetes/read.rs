//! Reads of Kubernetes objects.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use meshbook_runtime::effect::{Call, Effect, ObjectRef, Reply, ResourceKind};
use meshbook_runtime::failure::{BAD_ANSWER, FORBIDDEN, Failure, NOT_FOUND};
use meshbook_runtime::run::Run;
use serde_json::Value;

use crate::evidence::moment::{self, Answer};

/// Reads one object.
///
/// # Errors
/// `NOT_FOUND`, and what every read can end in.
pub fn get(run: &Run, object: &ObjectRef) -> Result<Value, Failure> {
    json(moment::read(run, Effect::get(object.clone()))?, object)
}

/// Reads one object that need not exist.
///
/// # Errors
/// What every read can end in, except `NOT_FOUND`.
pub fn find(run: &Run, object: &ObjectRef) -> Result<Option<Value>, Failure> {
    match get(run, object) {
        Ok(value) => Ok(Some(value)),
        Err(failure) if is(&failure, &NOT_FOUND) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Reads several objects at once; `None` for each that is not there.
///
/// # Errors
/// What every read can end in, but `NOT_FOUND`.
pub fn find_all(run: &Run, objects: Vec<ObjectRef>) -> Result<Vec<(ObjectRef, Option<Value>)>, Failure> {
    let answers = run.read_all(objects.iter().cloned().map(Effect::get).collect());
    let found = objects.into_iter().zip(answers).map(|(object, answer)| match answer {
        Ok(Reply::Json(now)) => Ok((object, Some(now))),
        Ok(_) => Err(Failure::new(&BAD_ANSWER, format!("the answer for {object} is no object"))),
        Err(failure) if failure.is(&NOT_FOUND) => Ok((object, None)),
        Err(failure) => Err(failure),
    });
    found.collect()
}

/// The kinds that the API server serves in some groups.
///
/// # Errors
/// What every read can end in.
pub fn served(run: &Run, groups: Vec<String>, what: &str) -> Result<Vec<ResourceKind>, Failure> {
    let Reply::Json(kinds) = run.read(Effect::read("API server", what, Call::ServedKinds { groups }))? else {
        return Err(Failure::new(&BAD_ANSWER, "discovery answered no kinds"));
    };
    serde_json::from_value(kinds)
        .map_err(|error| Failure::new(&BAD_ANSWER, format!("discovery answered no kinds: {error}")))
}

/// Lists objects of a namespace, or of all.
///
/// # Errors
/// What every read can end in.
pub fn list(
    run: &Run,
    kind: ResourceKind,
    namespace: Option<&str>,
    labels: Option<&str>,
) -> Result<Vec<Value>, Failure> {
    Ok(view(run, kind, namespace, labels)?.into_values())
}

/// What is there of a kind, in a namespace or in all.
///
/// # Errors
/// What every read can end in.
pub fn by_reference(
    run: &Run,
    kind: &ResourceKind,
    namespace: Option<&str>,
) -> Result<HashMap<ObjectRef, Value>, Failure> {
    let of = |object: &Value| {
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
        ObjectRef::new(kind.clone(), &text("namespace"), &text("name"))
    };
    Ok(list(run, kind.clone(), namespace, None)?.into_iter().map(|object| (of(&object), object)).collect())
}

/// An object that says what it is: items of a list need not.
pub fn named(mut object: Value, kind: &ResourceKind) -> Value {
    object["apiVersion"] = kind.api_version().into();
    object["kind"] = kind.kind.clone().into();
    object
}

/// Lists objects as [`list`] does, and shares them with whoever else has asked: thousands of pods are many megabytes.
///
/// # Errors
/// As [`list`].
pub fn view(run: &Run, kind: ResourceKind, namespace: Option<&str>, labels: Option<&str>) -> Result<Listed, Failure> {
    if let (Some(namespace), None) = (namespace, labels)
        && let Some(all) = moment::recall(run, &Effect::list(kind.clone(), None, None))
        && matches!(&*all, Ok(Reply::Json(Value::Array(_))))
    {
        return Ok(Listed { answer: all, namespace: Some(namespace.to_owned()) });
    }
    let what = format!("the list of {}", kind.plural);
    let answer = moment::share(run, Effect::list(kind, namespace, labels));
    match &*answer {
        Ok(Reply::Json(Value::Array(_))) => Ok(Listed { answer, namespace: None }),
        Ok(_) => Err(Failure::new(&BAD_ANSWER, format!("{what} is no list"))),
        Err(failure) => Err(failure.clone()),
    }
}

/// Lists objects of all namespaces; where that is forbidden, those of these namespaces, and says so.
///
/// # Errors
/// What every read can end in; `FORBIDDEN` if not even the namespaces may be read.
pub fn list_widely(
    run: &Run,
    kind: &ResourceKind,
    namespaces: &[&str],
) -> Result<(Vec<Value>, Option<String>), Failure> {
    let (lists, note) = view_widely(run, kind, namespaces)?;
    Ok((lists.into_iter().flat_map(Listed::into_values).collect(), note))
}

/// Lists objects as [`list_widely`] does, and shares them as [`view`] does.
///
/// # Errors
/// As [`list_widely`].
pub fn view_widely(
    run: &Run,
    kind: &ResourceKind,
    namespaces: &[&str],
) -> Result<(Vec<Listed>, Option<String>), Failure> {
    let mut last = match view(run, kind.clone(), None, None) {
        Ok(all) => return Ok((vec![all], None)),
        Err(failure) if is(&failure, &FORBIDDEN) => failure,
        Err(failure) => return Err(failure),
    };
    let unique: BTreeSet<&str> = namespaces.iter().copied().filter(|n| !n.is_empty()).collect();
    let (mut lists, mut read) = (Vec::new(), Vec::new());
    for namespace in &unique {
        match view(run, kind.clone(), Some(namespace), None) {
            Ok(found) => {
                lists.push(found);
                read.push((*namespace).to_owned());
            }
            Err(failure) if is(&failure, &FORBIDDEN) => last = failure,
            Err(failure) => return Err(failure),
        }
    }
    if read.is_empty() {
        return Err(last);
    }
    let note = format!(
        "{} of namespace {} only: listing them in all namespaces is forbidden",
        kind.plural,
        crate::text::and(&read)
    );
    Ok((lists, Some(note)))
}

/// Objects that were listed.
#[derive(Clone, Debug)]
pub struct Listed {
    /// An array.
    answer: Answer,
    /// Only those of this namespace, if it is one.
    namespace: Option<String>,
}

impl Listed {
    /// The objects.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        let items = match &*self.answer {
            Ok(Reply::Json(Value::Array(items))) => items.as_slice(),
            _ => &[],
        };
        let is_in = |item: &&Value| match &self.namespace {
            Some(namespace) => item.pointer("/metadata/namespace").and_then(Value::as_str) == Some(namespace),
            None => true,
        };
        items.iter().filter(is_in)
    }

    fn into_values(self) -> Vec<Value> {
        if self.namespace.is_some() {
            return self.iter().cloned().collect();
        }
        match Arc::unwrap_or_clone(self.answer) {
            Ok(Reply::Json(Value::Array(items))) => items,
            _ => Vec::new(),
        }
    }
}

/// The kind that people mean by `destinationrule`, `dr` or `DestinationRule`.
///
/// # Errors
/// `NOT_FOUND` if the API server serves no such kind.
pub fn kind(run: &Run, name: &str) -> Result<ResourceKind, Failure> {
    let effect = Effect::read("API server", format!("which kind is {name}"), Call::ResolveKind { name: name.into() });
    match run.read(effect)? {
        Reply::Json(kind) => serde_json::from_value(kind)
            .map_err(|error| Failure::new(&BAD_ANSWER, format!("discovery answered no kind for {name}: {error}"))),
        _ => Err(Failure::new(&BAD_ANSWER, format!("discovery answered no kind for {name}"))),
    }
}

/// The object that `name`, or `namespace/name`, means.
pub fn object(kind: ResourceKind, run_namespace: &str, name: &str) -> ObjectRef {
    match name.split_once('/') {
        Some((namespace, name)) if kind.namespaced => ObjectRef::new(kind, namespace, name),
        _ => ObjectRef::new(kind, run_namespace, name),
    }
}

/// Whether a failure is of this kind.
pub fn is(failure: &Failure, code: &'static meshbook_runtime::failure::Code) -> bool {
    std::ptr::eq(failure.code, code)
}

fn json(reply: Reply, object: &ObjectRef) -> Result<Value, Failure> {
    match reply {
        Reply::Json(value) if value.is_object() => Ok(value),
        _ => Err(Failure::new(&BAD_ANSWER, format!("the answer for {object} is no object"))),
    }
}
