//! Sends patches. There is no second place that does; objects are created and deleted by [`super::creation`].

use std::time::Duration;

use serde_json::Value;

use crate::effect::{Call, ObjectRef, Reply};
use crate::failure::{BAD_ANSWER, Failure, UNREACHABLE};
use crate::record::event::{ChangeOutcome, Changing};
use crate::run::Caller;

/// How often a lost answer is looked after, and how long it is waited between two looks.
pub(super) const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// What came of a change that was sent.
pub(super) enum Outcome {
    /// It was made; the object after it.
    Made(Value),
    /// It was refused, or did not arrive.
    NotMade(Failure),
    /// The answer was lost, and looking did not tell.
    Unknown(Failure),
}

impl Outcome {
    /// As the record says it.
    pub(super) fn event(&self) -> ChangeOutcome {
        let said = |failure: &Failure| (failure.code.name.to_owned(), failure.message.clone());
        match self {
            Outcome::Made(post_image) => ChangeOutcome::Made { post_image: post_image.clone() },
            Outcome::NotMade(failure) => ChangeOutcome::NotMade { failure: said(failure) },
            Outcome::Unknown(failure) => ChangeOutcome::Unknown { failure: said(failure) },
        }
    }
}

/// Lets the server try a patch (`dryRun=All`). A stop of the run cuts it short.
pub(super) fn trial(caller: &Caller, object: &ObjectRef, patch: &Value) -> Result<Value, Failure> {
    let call = Call::Patch { object: object.clone(), patch: patch.clone(), dry_run: true };
    document(caller.unless_stopped(caller.transport.call(&call))??, object)
}

/// Sends a patch. Nothing cuts it short but the transport's own limit.
pub(super) fn patch(caller: &Caller, object: &ObjectRef, patch: Value) -> Result<Value, Failure> {
    document(caller.firmly(&Call::Patch { object: object.clone(), patch, dry_run: false })?, object)
}

/// Reads an object, whatever has stopped the run.
pub(super) fn look(caller: &Caller, object: &ObjectRef) -> Result<Value, Failure> {
    document(caller.firmly(&Call::Get { object: object.clone() })?, object)
}

pub(super) fn document(reply: Reply, object: &ObjectRef) -> Result<Value, Failure> {
    match reply {
        Reply::Json(value) if value.is_object() => Ok(value),
        _ => Err(Failure::new(&BAD_ANSWER, format!("the API server's answer for {object} is not an object"))),
    }
}

/// Whether the server may have done what was asked although its answer is not there.
pub(super) fn is_lost(failure: &Failure) -> bool {
    failure.is(&UNREACHABLE) || failure.is(&BAD_ANSWER)
}

/// Waits between two looks, by the run's clock.
pub(super) fn pause(caller: &Caller) {
    // A clock that does not answer only makes the pause shorter.
    let _ = caller.firmly(&Call::Sleep { duration: PAUSE });
}

/// Sends a recorded change once. A lost answer is settled by looking, never by sending again.
pub(super) fn once(caller: &Caller, changing: &Changing, resource_version: &str) -> Outcome {
    match patch(caller, &changing.object, changing.patch.clone()) {
        Ok(post_image) => Outcome::Made(post_image),
        Err(failure) if is_lost(&failure) => settle_by_looking(caller, changing, resource_version, failure),
        Err(failure) => Outcome::NotMade(failure),
    }
}

fn settle_by_looking(caller: &Caller, changing: &Changing, resource_version: &str, lost: Failure) -> Outcome {
    let object = &changing.object;
    let mut untouched = 0;
    for _ in 0..LOOKS {
        // What was sent may still be on its way: it is not looked at once only.
        pause(caller);
        let Ok(now) = look(caller, object) else {
            untouched = 0;
            continue;
        };
        let version = now.pointer("/metadata/resourceVersion").and_then(Value::as_str);
        if version == Some(resource_version) {
            untouched += 1;
            if untouched == 2 {
                return Outcome::NotMade(Failure {
                    message: format!(
                        "{object}: the change got no answer ({lost}), and looking shows that it was not made"
                    ),
                    ..lost
                });
            }
        } else if changing.fields.iter().all(|field| field.stands_in(&now)) {
            return Outcome::Made(now);
        } else {
            break;
        }
    }
    unknown(object, "the change", lost)
}

/// That nobody knows whether something was done, with how to find out.
pub(super) fn unknown(object: &ObjectRef, what: &str, lost: Failure) -> Outcome {
    let message = format!("{object}: {what} got no answer ({lost}), and looking did not show whether it was made");
    let unknown = Failure { message, ..lost };
    Outcome::Unknown(unknown.unchanged(format!("it is not known whether {object} was changed")).hint(format!(
        "look at it: `kubectl get {}{} {} -o yaml`",
        object.kind.plural,
        in_namespace(object),
        object.name
    )))
}

/// `-n NAMESPACE` as an argument.
fn in_namespace(object: &ObjectRef) -> String {
    object.namespace.as_ref().map(|namespace| format!(" -n {namespace}")).unwrap_or_default()
}
