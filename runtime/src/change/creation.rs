//! The creation of an object: a change whose pre-image is "absent", and whose inverse is a deletion.
//!
//! Its precondition is the creation itself: the server refuses an object that is there already (409 `AlreadyExists`).
//! Taking it back deletes it with `preconditions` on `uid` and `resourceVersion` (`metav1.DeleteOptions`), and only
//! while it is as the server answered its creation: what somebody else has changed since is not ours to delete.
//!
//! A fleeting object (`Run::briefly`) carries the run's id and is deleted by its `uid` alone: a pod is written to by its
//! webhooks, the scheduler and the kubelet all its life. `docs/decisions/0011` says why that is enough.

use serde_json::{Value, json};

use super::ownership::{managed_fields, manager_of};
use super::patch::with_precondition;
use super::send::{self, LOOKS, Outcome};
use super::undo::ATTEMPTS;
use super::{Change, FieldChange, diff, going};
use crate::effect::{Call, ObjectRef, ResourceKind};
use crate::failure::{BAD_ANSWER, CONFLICT, FORBIDDEN, Failure, NOT_FOUND};
use crate::gate::access;
use crate::record::event::{Changing, UndoConflict, UndoOutcome};
use crate::record::redact;
use crate::run::{Caller, Mode, Run};

/// What the server writes into the metadata of a new object, and what names it: neither is for people to approve.
const NOT_SHOWN: [&str; 4] = ["name", "namespace", "uid", "creationTimestamp"];
/// What the server writes into the metadata of a new object.
const SERVERS_OWN: [&str; 7] =
    ["uid", "creationTimestamp", "resourceVersion", "generation", "managedFields", "deletionTimestamp", "selfLink"];

/// What Kubernetes' own controllers write into an object that somebody else has made, beside its status.
const CONTROLLERS: [&str; 3] = [
    "metadata.deletionTimestamp",
    "metadata.deletionGracePeriodSeconds",
    "metadata.annotations[\"deployment.kubernetes.io/revision\"]",
];

/// The annotation that names the run of a fleeting object.
const MARK: &str = "meshbook/run";

/// How long (in pauses of a second) a fleeting object may take to go: a pod ends within its grace period, and its node
/// says so.
const GOING: u32 = 60;

/// Lets the server try the creation, after a look at the permissions for it and for its inverse.
pub(super) fn propose(run: &Run, change: &Change) -> Result<(Changing, Value), Failure> {
    let object = &change.object;
    let mut content = content(object, &change.after);
    if change.fleeting {
        mark(&mut content, run.id());
    }
    let tried = match trial(run, object, &content) {
        Ok(tried) => Some(tried),
        Err(failure) if failure.is(&FORBIDDEN) && run.mode() == Mode::Plan => None,
        // What is to lie in a namespace that is itself only planned, the server cannot try.
        Err(failure) if failure.is(&NOT_FOUND) && run.mode() == Mode::Plan && in_planned_namespace(run, object) => None,
        Err(failure) => return Err(failure),
    };
    let validated = tried.is_some();
    let tried = tried.unwrap_or_else(|| content.clone());
    let left: Vec<String> = change.left_to_others.iter().map(|&end| end.to_owned()).collect();
    let mut changing = Changing {
        object: object.clone(),
        summary: change.summary.clone(),
        class: change.class,
        // Of what never stays, people approve what is sent: a sidecar that is injected would bury it.
        fields: match change.fleeting {
            true => diff::fields(&named(&content), &content),
            false => diff::fields(&named(&tried), &tried),
        },
        pre_image: Value::Null,
        patch: content,
        irreversible: None,
        gitops: None,
        validated,
        levels: None,
        apply: change.apply.is_some().then_some(false),
        fleeting: change.fleeting,
        first: None,
        deletes: false,
        left_to_others: left,
        companions: change.companions.iter().map(|&manager| manager.to_owned()).collect(),
    };
    // From a record without them, nobody can tell whether somebody has changed them since.
    if redact::hides_a_field(&changing) {
        changing.irreversible = Some(redact::IRREVERSIBLE.into());
    }
    Ok((changing, tried))
}

/// Whether an object's namespace is there only after the changes planned so far.
fn in_planned_namespace(run: &Run, object: &ObjectRef) -> bool {
    let Some(namespace) = &object.namespace else { return false };
    let kind = ResourceKind::cluster("", "v1", "Namespace", "namespaces");
    run.gate.overlay.real(&ObjectRef::new(kind, "", namespace)).is_some_and(|real| real.is_null())
}

/// Whether a field is one that controllers write.
fn is_left(field: &FieldChange, left: &[String]) -> bool {
    let path = field.path.to_string();
    CONTROLLERS.contains(&path.as_str()) || left.iter().any(|end| path.ends_with(end.as_str()))
}

fn trial(run: &Run, object: &ObjectRef, content: &Value) -> Result<Value, Failure> {
    // What could not be deleted again must not be created.
    for verb in ["create", "delete"] {
        let need = access::Need::of(verb, object);
        if !access::is_granted(run, object, &need)? {
            return Err(access::forbidden(object, &need));
        }
    }
    let call = Call::Create { object: object.clone(), content: content.clone(), dry_run: true };
    send::document(run.caller.unless_stopped(run.caller.transport.call(&call))??, object)
}

/// The object as it is sent: with its identity, and without what only the server writes.
pub(super) fn content(object: &ObjectRef, after: &Value) -> Value {
    let mut content = after.clone();
    if let Some(fields) = content.as_object_mut() {
        fields.shift_remove("status");
        fields.insert("apiVersion".into(), object.kind.api_version().into());
        fields.insert("kind".into(), object.kind.kind.clone().into());
        let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            for key in SERVERS_OWN {
                metadata.shift_remove(key);
            }
            metadata.insert("name".into(), object.name.clone().into());
            if let Some(namespace) = &object.namespace {
                metadata.insert("namespace".into(), namespace.clone().into());
            }
        }
    }
    content
}

/// Writes the run's id into a fleeting object: by it, it is known again, and people see whose it is.
fn mark(content: &mut Value, run: &str) {
    let metadata = &mut content["metadata"];
    if !metadata["annotations"].is_object() {
        metadata["annotations"] = json!({});
    }
    metadata["annotations"][MARK] = run.into();
}

/// An object that has nothing but its name: what its creation is shown as a difference to.
fn named(object: &Value) -> Value {
    let metadata = object.get("metadata").and_then(Value::as_object).into_iter().flatten();
    let metadata: serde_json::Map<String, Value> = metadata
        .filter(|(key, _)| NOT_SHOWN.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    json!({ "apiVersion": object.get("apiVersion"), "kind": object.get("kind"), "metadata": metadata })
}

/// Creates the object, once. A lost answer is settled by looking, never by sending again.
pub(super) fn once(caller: &Caller, changing: &Changing, field_manager: &str) -> Outcome {
    let object = &changing.object;
    let call = Call::Create { object: object.clone(), content: changing.patch.clone(), dry_run: false };
    match caller.firmly(&call).and_then(|reply| send::document(reply, object)) {
        Ok(post_image) if changing.apply.is_some() => {
            Outcome::Made(as_applied(caller, object, post_image, field_manager))
        }
        Ok(post_image) => Outcome::Made(post_image),
        Err(failure) if send::is_lost(&failure) => settle_by_looking(caller, changing, field_manager, failure),
        Err(failure) => Outcome::NotMade(failure),
    }
}

/// Makes our fields of a new object those of an apply, so that the next one takes away what it no longer names. An apply
/// itself could not have created it: it has no precondition that the object is not there.
///
/// The API server takes managed fields as they are from a patch that changes nothing else, as in `undo.rs`. If it does
/// not, the object is as it shall be all the same: the next apply takes the fields over, and leaves what it does not name.
fn as_applied(caller: &Caller, object: &ObjectRef, created: Value, field_manager: &str) -> Value {
    let (Some(managed), Some(version)) =
        (managed_fields(&created), created.pointer("/metadata/resourceVersion").and_then(Value::as_str))
    else {
        return created;
    };
    let mut managed = managed.clone();
    for entry in managed.as_array_mut().into_iter().flatten() {
        if entry["manager"] == field_manager && entry["operation"] == "Update" && entry.get("subresource").is_none() {
            entry["operation"] = "Apply".into();
        }
    }
    let patch = with_precondition(json!({ "metadata": { "managedFields": managed } }), version);
    match send::patch(caller, send::Subject::object(object), patch) {
        Ok(applied) => applied,
        Err(failure) => {
            tracing::warn!(%object, %failure, "its fields could not be marked as applied");
            created
        }
    }
}

fn settle_by_looking(caller: &Caller, changing: &Changing, field_manager: &str, lost: Failure) -> Outcome {
    let object = &changing.object;
    let mut absent = 0;
    for _ in 0..LOOKS {
        send::pause(caller);
        match send::look(caller, send::Subject::object(object)) {
            Ok(now) if is_ours(changing, &now, field_manager) => return Outcome::Made(now),
            Ok(_) => break,
            Err(failure) if failure.is(&NOT_FOUND) => {
                absent += 1;
                if absent == 2 {
                    let message = format!(
                        "{object}: its creation got no answer ({lost}), and looking shows that it was not created"
                    );
                    return Outcome::NotMade(Failure { message, ..lost });
                }
            }
            Err(_) => absent = 0,
        }
    }
    send::unknown(send::Subject::object(object), "its creation", lost)
}

/// Whether an object is the one that we sent: it has every field of it, and nobody but us has written any.
fn is_ours(changing: &Changing, now: &Value, field_manager: &str) -> bool {
    if changing.fleeting {
        let marked = |object: &Value| object["metadata"]["annotations"][MARK].as_str().map(str::to_owned);
        return marked(now).is_some() && marked(now) == marked(&changing.patch);
    }
    let managers = now.pointer("/metadata/managedFields").and_then(Value::as_array);
    let only_us = managers.is_some_and(|entries| {
        let mut own = entries.iter().filter(|entry| entry["subresource"] != "status").peekable();
        own.peek().is_some() && own.all(|entry| entry["manager"] == field_manager)
    });
    let mut ours = changing.fields.iter().filter(|field| !is_left(field, &changing.left_to_others));
    only_us && ours.all(|field| field.stands_in(now))
}

/// Deletes what was created, if it is still as it was then; a fleeting object, if it still is the one that was created.
pub(super) fn take_back(
    caller: &Caller,
    changing: &Changing,
    post_image: Option<&Value>,
    field_manager: &str,
) -> Result<UndoOutcome, Failure> {
    let object = &changing.object;
    let mut last = None;
    let mut sent = false;
    // Whether all that is left is to wait until it has gone.
    let mut going = false;
    // A namespace goes after all that is in it.
    let slow = changing.fleeting || going::is_slow(object);
    let mut attempt = 0;
    while attempt < (if going && slow { GOING } else { ATTEMPTS }) {
        if attempt > 0 {
            send::pause(caller);
        }
        attempt += 1;
        let now = match send::look(caller, send::Subject::object(object)) {
            Ok(now) => now,
            Err(failure) if failure.is(&NOT_FOUND) && sent => return Ok(UndoOutcome::Deleted),
            Err(failure) if failure.is(&NOT_FOUND) => return Ok(UndoOutcome::Already),
            Err(failure) if send::is_lost(&failure) => {
                going = false;
                last = Some(failure);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        if changing.fleeting {
            let same = post_image.map_or_else(
                || is_ours(changing, &now, field_manager),
                |created| !super::undo::replaced(created, &now),
            );
            if !same {
                return Ok(if sent { UndoOutcome::Deleted } else { UndoOutcome::Already });
            }
        } else {
            let conflicts = examine(changing, post_image, &now, field_manager)?;
            if !conflicts.is_empty() {
                return Ok(UndoOutcome::Conflict { fields: conflicts, restored: Vec::new() });
            }
        }
        if !sent && let Some(more) = going::with(caller, object, &now, &changing.companions)? {
            // What a controller deletes after its owner may be on its way out.
            last = Some(
                Failure::new(&CONFLICT, format!("{object} was not deleted: {more} would go with it"))
                    .hint("delete what is no longer needed, and undo again; or let it be"),
            );
            continue;
        }
        if now.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string) {
            going = true;
            let held = if changing.fleeting {
                "and has not gone: its node does not say that it has ended, or a finalizer holds it"
            } else {
                "and its finalizers hold it"
            };
            last = Some(Failure::new(&CONFLICT, format!("{object} is being deleted, {held}")));
            continue;
        }
        let text = |key: &str| now.pointer(&format!("/metadata/{key}")).and_then(Value::as_str).map(str::to_owned);
        let (Some(uid), Some(resource_version)) = (text("uid"), text("resourceVersion")) else {
            let why = format!(
                "{object} was read without metadata.uid or metadata.resourceVersion, so it could not be deleted safely"
            );
            return Err(Failure::new(&BAD_ANSWER, why));
        };
        let resource_version = (!changing.fleeting).then_some(resource_version);
        match caller.firmly(&Call::Delete { object: object.clone(), uid, resource_version, dry_run: false }) {
            Ok(_) => {
                sent = true;
                if send::look(caller, send::Subject::object(object)).is_err_and(|failure| failure.is(&NOT_FOUND)) {
                    return Ok(UndoOutcome::Deleted);
                }
                last = Some(Failure::new(&CONFLICT, format!("{object} was deleted, and is still there")));
            }
            Err(failure) if failure.is(&NOT_FOUND) => return Ok(UndoOutcome::Already),
            Err(failure) if failure.is(&CONFLICT) || send::is_lost(&failure) => {
                sent |= send::is_lost(&failure);
                last = Some(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    Err(last.expect("an attempt that does not return leaves its failure"))
}

/// What somebody else has changed of an object since it was created.
///
/// # Errors
/// If what is there is another object of the same name, or nobody knows whether it is.
pub(super) fn examine(
    changing: &Changing,
    post_image: Option<&Value>,
    now: &Value,
    field_manager: &str,
) -> Result<Vec<UndoConflict>, Failure> {
    let object = &changing.object;
    let Some(created) = post_image else {
        if is_ours(changing, now, field_manager) {
            return Ok(Vec::new());
        }
        return Err(Failure::new(
            &CONFLICT,
            format!(
                "{object} is there, but the answer to its creation was lost: nobody knows whether it is the run's own"
            ),
        ));
    };
    if super::undo::replaced(created, now) {
        return Err(Failure::new(
            &CONFLICT,
            format!("{object} was deleted and made anew since: what is there now is not what the run created"),
        ));
    }
    let differs = diff::fields(created, now).into_iter().filter(|field| !is_left(field, &changing.left_to_others));
    Ok(differs
        .map(|field| UndoConflict {
            by: manager_of(now, &field.path, field_manager),
            ours: field.before,
            theirs: field.after,
            path: field.path,
        })
        .collect())
}
