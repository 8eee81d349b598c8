//! The deletion of an object: a change whose inverse makes it anew from its pre-image.
//!
//! Its precondition is `metav1.Preconditions` on `uid` and `resourceVersion`, so what has changed since it was read stays.
//! `docs/decisions/0020` says what taking it back can bring back, and what not.

use serde_json::Value;

use super::field::{Path, Step};
use super::send::{self, LOOKS, Outcome};
use super::{Change, FieldChange, creation, ownership};
use crate::effect::{Call, ObjectRef};
use crate::failure::{BAD_ANSWER, CONFLICT, FORBIDDEN, Failure, NOT_FOUND};
use crate::gate::access;
use crate::record::event::{Changing, UndoOutcome};
use crate::record::redact;
use crate::run::{Caller, Mode, Run};

/// Lets the server try the deletion, after a look at the permissions for it and for its inverse.
pub(super) fn propose(run: &Run, change: &Change) -> Result<Changing, Failure> {
    let object = &change.object;
    let validated = match trial(run, object, &change.before) {
        Ok(()) => true,
        Err(failure) if failure.is(&FORBIDDEN) && run.mode() == Mode::Plan => false,
        Err(failure) => return Err(failure),
    };
    let mut changing = Changing {
        object: object.clone(),
        summary: change.summary.clone(),
        class: change.class,
        // All of it goes: its name says it in one line.
        fields: vec![FieldChange {
            path: Path(vec![Step::Key("metadata".into()), Step::Key("name".into())]),
            before: Some(object.name.clone().into()),
            after: None,
        }],
        pre_image: change.before.clone(),
        patch: Value::Null,
        irreversible: None,
        gitops: ownership::gitops_owner(&change.before),
        validated,
        levels: None,
        apply: None,
        fleeting: false,
        first: None,
        deletes: true,
        left_to_others: Vec::new(),
        companions: Vec::new(),
    };
    let mut redacted = changing.clone();
    redact::changing(&mut redacted);
    if redacted.pre_image != changing.pre_image {
        changing.irreversible = Some(redact::IRREVERSIBLE.into());
    }
    Ok(changing)
}

fn trial(run: &Run, object: &ObjectRef, before: &Value) -> Result<(), Failure> {
    // What could not be made again must not be deleted.
    for verb in ["delete", "create"] {
        let need = access::Need::of(verb, object);
        if !access::is_granted(run, object, &need)? {
            return Err(access::forbidden(object, &need));
        }
    }
    let call = call(object, before, true)?;
    run.caller.unless_stopped(run.caller.transport.call(&call))??;
    Ok(())
}

fn call(object: &ObjectRef, before: &Value, dry_run: bool) -> Result<Call, Failure> {
    let text = |key: &str| before.pointer(&format!("/metadata/{key}")).and_then(Value::as_str).map(str::to_owned);
    let (Some(uid), Some(resource_version)) = (text("uid"), text("resourceVersion")) else {
        let why =
            format!("{object} was read without metadata.uid or metadata.resourceVersion, so it is not deleted safely");
        return Err(Failure::new(&BAD_ANSWER, why));
    };
    Ok(Call::Delete { object: object.clone(), uid, resource_version: Some(resource_version), dry_run })
}

/// Deletes the object, once. A lost answer is settled by looking, never by sending again.
pub(super) fn once(caller: &Caller, changing: &Changing) -> Outcome {
    let object = &changing.object;
    let sent = call(object, &changing.pre_image, false).and_then(|call| caller.firmly(&call));
    match sent {
        Ok(_) => Outcome::Made(Value::Null),
        Err(failure) if send::is_lost(&failure) => settle_by_looking(caller, changing, failure),
        Err(failure) => Outcome::NotMade(failure),
    }
}

fn settle_by_looking(caller: &Caller, changing: &Changing, lost: Failure) -> Outcome {
    let object = &changing.object;
    let mut there = 0;
    for _ in 0..LOOKS {
        send::pause(caller);
        match send::look(caller, send::Subject::object(object)) {
            Err(failure) if failure.is(&NOT_FOUND) => return Outcome::Made(Value::Null),
            // Somebody has made another one since: ours is gone.
            Ok(now) if super::undo::replaced(&changing.pre_image, &now) => return Outcome::Made(Value::Null),
            Ok(now) if now.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string) => {
                return Outcome::Made(Value::Null);
            }
            Ok(_) => {
                there += 1;
                if there == 2 {
                    let message =
                        format!("{object}: its deletion got no answer ({lost}), and looking shows that it is there");
                    return Outcome::NotMade(Failure { message, ..lost });
                }
            }
            Err(_) => there = 0,
        }
    }
    send::unknown(send::Subject::object(object), "its deletion", lost)
}

/// Makes the object anew from its pre-image, unless it is there.
pub(super) fn take_back(caller: &Caller, changing: &Changing) -> Result<UndoOutcome, Failure> {
    let object = &changing.object;
    let content = creation::content(object, &changing.pre_image);
    let mut last = None;
    for attempt in 0..super::undo::ATTEMPTS {
        if attempt > 0 {
            send::pause(caller);
        }
        match send::look(caller, send::Subject::object(object)) {
            Ok(now) if now.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string) => {
                last = Some(Failure::new(&CONFLICT, format!("{object} is still being deleted")));
                continue;
            }
            Ok(now) if !super::undo::replaced(&changing.pre_image, &now) => return Ok(UndoOutcome::Already),
            Ok(_) if last.is_some() => return Ok(UndoOutcome::Recreated),
            Ok(_) => {
                return Err(Failure::new(
                    &CONFLICT,
                    format!("{object} was deleted, and somebody else has made another one since: it is left alone"),
                ));
            }
            Err(failure) if failure.is(&NOT_FOUND) => {}
            Err(failure) if send::is_lost(&failure) => {
                last = Some(failure);
                continue;
            }
            Err(failure) => return Err(failure),
        }
        let call = Call::Create { object: object.clone(), content: content.clone(), dry_run: false };
        match caller.firmly(&call) {
            Ok(_) => return Ok(UndoOutcome::Recreated),
            Err(failure) if send::is_lost(&failure) => last = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    Err(last.expect("an attempt that does not return leaves its failure"))
}
