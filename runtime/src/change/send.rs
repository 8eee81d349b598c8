//! Sends patches and log levels. There is no second place that does; objects are created and deleted by
//! [`super::creation`].

use std::time::Duration;

use serde_json::Value;

use super::levels;
use crate::effect::{Call, LogLevels, Logger, ObjectRef, Reply};
use crate::failure::{BAD_ANSWER, CONFLICT, Failure, UNREACHABLE};
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

/// What is changed: an object of Kubernetes, or the log levels of a process under an object's name.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(super) object: &'a ObjectRef,
    pub(super) levels: Option<&'a LogLevels>,
}

impl<'a> Subject<'a> {
    /// An object of Kubernetes.
    pub(super) fn object(object: &'a ObjectRef) -> Self {
        Subject { object, levels: None }
    }

    pub(crate) fn of(changing: &'a Changing) -> Self {
        Subject { object: &changing.object, levels: changing.levels.as_ref() }
    }

    fn read(self) -> Call {
        match self.levels {
            Some(levels) => Call::LogLevels(levels.clone()),
            None => Call::Get { object: self.object.clone() },
        }
    }

    fn write(self, patch: Value) -> Call {
        match self.levels {
            Some(levels) => Call::SetLogLevels { of: levels.clone(), loggers: levels::loggers(&patch) },
            None => Call::Patch { object: self.object.clone(), patch, dry_run: false },
        }
    }
}

/// Lets the server try a patch (`dryRun=All`). A process tries nothing: its levels are looked at, so that what somebody
/// else has set since is not overwritten unseen. A stop of the run cuts it short.
pub(super) fn trial(caller: &Caller, subject: Subject<'_>, before: &Value, patch: &Value) -> Result<Value, Failure> {
    let object = subject.object;
    let call = match subject.levels {
        Some(_) => subject.read(),
        None => Call::Patch { object: object.clone(), patch: patch.clone(), dry_run: true },
    };
    let answer = document(caller.unless_stopped(caller.transport.call(&call))??, object)?;
    if subject.levels.is_none() {
        return Ok(answer);
    }
    let (read, now) = (levels::loggers(before), levels::loggers(&answer));
    for logger in levels::loggers(patch) {
        let level = |of: &[Logger]| of.iter().find(|one| one.name == logger.name).map(|one| one.level.clone());
        if level(&read) != level(&now) {
            return Err(Failure::new(
                &CONFLICT,
                format!("{object}: somebody else has set the level of `{}` since it was read", logger.name),
            ));
        }
    }
    Ok(levels::with(&answer, patch))
}

/// Sends a patch. Nothing cuts it short but the transport's own limit.
pub(super) fn patch(caller: &Caller, subject: Subject<'_>, patch: Value) -> Result<Value, Failure> {
    document(caller.firmly(&subject.write(patch))?, subject.object)
}

/// Reads an object, whatever has stopped the run.
pub(crate) fn look(caller: &Caller, subject: Subject<'_>) -> Result<Value, Failure> {
    document(caller.firmly(&subject.read())?, subject.object)
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
pub(super) fn once(caller: &Caller, changing: &Changing, resource_version: Option<&str>) -> Outcome {
    let sent = match changing.apply {
        Some(force) => super::apply::send(caller, &changing.object, &changing.patch, force),
        None => patch(caller, Subject::of(changing), changing.patch.clone()),
    };
    match sent {
        Ok(post_image) => Outcome::Made(post_image),
        Err(failure) if is_lost(&failure) => settle_by_looking(caller, changing, resource_version, failure),
        Err(failure) => Outcome::NotMade(failure),
    }
}

fn settle_by_looking(caller: &Caller, changing: &Changing, resource_version: Option<&str>, lost: Failure) -> Outcome {
    let object = &changing.object;
    let mut untouched = 0;
    for _ in 0..LOOKS {
        // What was sent may still be on its way: it is not looked at once only.
        pause(caller);
        let Ok(now) = look(caller, Subject::of(changing)) else {
            untouched = 0;
            continue;
        };
        let version = now.pointer("/metadata/resourceVersion").and_then(Value::as_str);
        // What has no version has not been touched if every field is as it was.
        let is_untouched = match resource_version {
            Some(_) => version == resource_version,
            None => changing.fields.iter().all(|field| field.is_before_in(&now)),
        };
        if is_untouched {
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
    unknown(Subject::of(changing), "the change", lost)
}

/// That nobody knows whether something was done, with how to find out.
pub(super) fn unknown(subject: Subject<'_>, what: &str, lost: Failure) -> Outcome {
    let object = subject.object;
    let message = format!("{object}: {what} got no answer ({lost}), and looking did not show whether it was made");
    let unknown = Failure { message, ..lost };
    let look = match subject.levels {
        Some(levels) => format!("{} of port {} in the pod lists them", levels.path, levels.port),
        None => format!("`kubectl get {}{} {} -o yaml`", object.kind.plural, in_namespace(object), object.name),
    };
    let unknown = unknown.unchanged(format!("it is not known whether {} was changed", subject.object));
    Outcome::Unknown(unknown.hint(format!("look at it: {look}")))
}

/// `-n NAMESPACE` as an argument.
fn in_namespace(object: &ObjectRef) -> String {
    object.namespace.as_ref().map(|namespace| format!(" -n {namespace}")).unwrap_or_default()
}
