//! Takes changes back, field by field, newest first.
//!
//! What a run created is deleted again, see `creation.rs`.
//! A field is set back only while it still has the value that the run gave it. One that somebody else has changed
//! since is a conflict: it is shown, and left alone, together with older changes of the same object or host.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::ownership::manager_of;
use super::{creation, deletion, diff, field, levels, ownership, patch, rollout, send};
use crate::effect::ObjectRef;
use crate::failure::{BAD_ANSWER, CONFLICT, DEADLINE, Failure, INTERRUPTED, NOT_FOUND};
use crate::record::event::{Changing, Event, First, UndoConflict, UndoOutcome};
use crate::record::journal::Journal;
use crate::run::{Caller, Entry, Stop};

mod other_process;

pub use other_process::{Pending, pending, undo};

/// How often an undo is tried anew when its object moves under it, or an answer is lost.
pub(super) const ATTEMPTS: u32 = 5;

/// A change to take back.
pub(crate) struct Subject {
    number: u64,
    changing: Changing,
    /// The object as the server answered the change; `None` if the answer was lost.
    post_image: Option<Value>,
    /// Whether it is no change of the run's own, but what one of its changes needs: people have to be told of it.
    accompanies: bool,
}

impl Subject {
    pub(crate) fn of_entry(entry: &Entry) -> Self {
        Subject { number: entry.number, changing: entry.changing(), post_image: entry.post_image(), accompanies: false }
    }

    /// The change as it was sent.
    pub(crate) fn changing(&self) -> &Changing {
        &self.changing
    }

    /// What has to be set back before it, as if it were a change of its own.
    fn first(&self, first: &First) -> Self {
        let changing = Changing {
            object: first.object.clone(),
            fields: first.fields.clone(),
            pre_image: first.pre_image.clone(),
            patch: Value::Null,
            first: None,
            ..self.changing.clone()
        };
        Subject { number: self.number, changing, post_image: None, accompanies: true }
    }

    /// What is about to be set back with the change; `None` for a change of the run, of which its own event tells.
    fn announcement(&self) -> Option<Event> {
        let (change, object) = (self.number, self.changing.object.clone());
        self.accompanies.then(|| Event::SettingBack { change, object, fields: self.changing.fields.clone() })
    }
}

/// Changes, newest first, in the order in which they are taken back: what another one needs to be set back before it
/// comes before it.
pub(crate) fn in_order<T>(changes: Vec<T>, changing: impl Fn(&T) -> &Changing) -> Vec<T> {
    let mut rest: Vec<Option<T>> = changes.into_iter().map(Some).collect();
    let mut ordered = Vec::with_capacity(rest.len());
    for place in 0..rest.len() {
        let needs = rest[place].as_ref().and_then(|one| changing(one).first.as_ref().map(|first| first.object.clone()));
        if let Some(needs) = needs {
            for other in rest.iter_mut().skip(place + 1) {
                if other.as_ref().is_some_and(|other| same_object(&changing(other).object, &needs)) {
                    ordered.extend(other.take());
                }
            }
        }
        ordered.extend(rest[place].take());
    }
    ordered
}

/// Takes changes back. What stops the run does not cut it short.
pub(crate) struct Undoer<'a> {
    pub(super) caller: &'a Caller,
    pub(super) journal: &'a Journal,
    /// Our own field manager: it is not who a conflict is with.
    field_manager: &'a str,
    /// Whether what stands in the latch ends it between two changes.
    interruptible: bool,
    /// A workload that an earlier undo has made anew, and that is not at work yet, in words.
    unready: Option<String>,
}

impl<'a> Undoer<'a> {
    pub(crate) fn new(caller: &'a Caller, journal: &'a Journal, field_manager: &'a str) -> Self {
        Undoer { caller, journal, field_manager, interruptible: false, unready: None }
    }

    /// Takes changes back in the given order, which is newest first, and tells what came of each.
    pub(crate) fn take_back(&self, subjects: Vec<Subject>, why: &str, mut tell: impl FnMut(u64, &UndoOutcome)) {
        let mut kept: Vec<Subject> = Vec::new();
        // What asks a workload, a webhook for one, comes back only after it: until then all would be refused that asks it.
        let mut waiting = self.unready.clone();
        let mut left = VecDeque::from(subjects);
        while let Some(subject) = left.pop_front() {
            let newer = kept.iter().find(|newer| depends(&newer.changing, &subject.changing));
            let outcome = if let Some(newer) = newer {
                let why = format!(
                    "the newer change {} of {} stays behind, and may depend on it",
                    newer.number, newer.changing.object
                );
                UndoOutcome::LeftAlone { why }
            } else if self.is_interrupted() {
                UndoOutcome::LeftAlone { why: "the undo was interrupted before it; undo again to go on".into() }
            } else if let Some(why) = &subject.changing.irreversible {
                UndoOutcome::LeftAlone { why: format!("it cannot be taken back: {why}") }
            } else if let Some(why) = &waiting {
                UndoOutcome::LeftAlone { why: format!("what it leads to does not work yet: {why}") }
            } else {
                self.journal.flush_if_possible(
                    self.caller.now(),
                    Event::TakingBack { change: subject.number, why: why.into() },
                );
                self.one(&subject)
            };
            self.journal.flush_if_possible(
                self.caller.now(),
                Event::TakenBack { change: subject.number, outcome: outcome.clone() },
            );
            tell(subject.number, &outcome);
            if matches!(outcome, UndoOutcome::Restored { .. }) && !self.is_stopped_from_outside() {
                self.until_rolled_out(&subject.changing.object, &subject.changing.pre_image);
            }
            if outcome == UndoOutcome::Recreated {
                waiting = self.until_rolled_out(&subject.changing.object, &subject.changing.pre_image);
                let older =
                    left.iter_mut().filter(|older| same_object(&older.changing.object, &subject.changing.object));
                older.for_each(|older| forget_uid(&mut older.changing, &mut older.post_image));
            }
            if !outcome.is_clean() && subject.changing.irreversible.is_none() {
                kept.push(subject);
            }
        }
    }

    /// Waits until a workload that was set back has its pods again. Answers what it lacks if it does not get them in time.
    fn until_rolled_out(&self, object: &ObjectRef, before: &Value) -> Option<String> {
        if !rollout::rolls_out(object) {
            return None;
        }
        let lacking = rollout::lacking(self, object, before);
        if let Some(message) = &lacking {
            self.journal.flush_if_possible(self.caller.now(), Event::Warning { message: message.clone() });
        }
        lacking
    }

    /// Whether somebody, or the end of its time, has stopped the run: it is not kept waiting for what can do without it.
    fn is_stopped_from_outside(&self) -> bool {
        let by = |failure: &Failure| failure.is(&INTERRUPTED) || failure.is(&DEADLINE);
        matches!(self.caller.latch.verdict(), Some(Stop::Failed(failure)) if by(&failure))
    }

    /// Whether what stands in the latch ends it now.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interruptible && self.caller.latch.stopped()
    }

    fn one(&self, subject: &Subject) -> UndoOutcome {
        let object = &subject.changing.object;
        let span = tracing::info_span!("effect", class = "change", target = %object, took = tracing::field::Empty);
        let watch = crate::run::Stopwatch::start();
        let outcome = span.in_scope(|| self.attempts(subject).unwrap_or_else(|failure| failed(&failure)));
        span.record("took", tracing::field::debug(watch.took()));
        outcome
    }

    fn attempts(&self, subject: &Subject) -> Result<UndoOutcome, Failure> {
        let object = &subject.changing.object;
        if subject.changing.creates() {
            return creation::take_back(
                self.caller,
                &subject.changing,
                subject.post_image.as_ref(),
                self.field_manager,
            );
        }
        if subject.changing.deletes {
            return deletion::take_back(self.caller, &subject.changing);
        }
        if let Some(first) = &subject.changing.first {
            let outcome = self.attempts(&subject.first(first))?;
            if !outcome.is_clean() {
                return Ok(UndoOutcome::LeftAlone {
                    why: format!("{} has to be set back before it: {outcome}", first.object),
                });
            }
        }
        let mut last = None;
        let mut sent = false;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                send::pause(self.caller);
            }
            let now = match send::look(self.caller, send::Subject::of(&subject.changing)) {
                Ok(now) => now,
                // The levels of a process end with its pod.
                Err(failure) if failure.is(&NOT_FOUND) && subject.changing.levels.is_some() => {
                    return Ok(UndoOutcome::Already);
                }
                Err(failure) if send::is_lost(&failure) => {
                    last = Some(failure);
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            if replaced(&subject.changing.pre_image, &now) {
                return Err(Failure::new(
                    &CONFLICT,
                    format!("{object} was deleted and made anew since: what is there now is not what the run changed"),
                ));
            }
            let plan = examine(&subject.changing, subject.post_image.as_ref(), &now, self.field_manager);
            let Some(patch) = plan.patch(&subject.changing, &now)? else {
                return Ok(plan.outcome(sent.then_some(false)));
            };
            // What is not in the record is not sent.
            if let Some(event) = subject.announcement().filter(|_| !sent) {
                self.journal.flush_if_possible(self.caller.now(), event);
            }
            sent = true;
            match send::patch(self.caller, send::Subject::of(&subject.changing), patch) {
                Ok(after) => {
                    if let Some(field) = subject
                        .changing
                        .fields
                        .iter()
                        .find(|field| plan.restored.contains(&field.path) && !is_before(field, &after))
                    {
                        return Err(Failure::new(
                            &CONFLICT,
                            format!("{object}: the server did not set {} back", field.path),
                        ));
                    }
                    let ownership = plan.conflicts.is_empty() && self.restore_ownership(subject, &now, after);
                    return Ok(plan.outcome(Some(ownership)));
                }
                Err(failure) if failure.is(&CONFLICT) || send::is_lost(&failure) => last = Some(failure),
                Err(failure) => return Err(failure),
            }
        }
        Err(last.expect("an attempt that does not return leaves its failure"))
    }

    /// Makes `metadata.managedFields` what it was, if nobody but a controller that reports on the object has written to
    /// it between our change and its undo. `found` is the object before the undo, `undone` after it.
    ///
    /// The API server takes managed fields that a patch sets as they are, as long as the patch changes nothing else
    /// (`k8s.io/apimachinery/pkg/util/managedfields`), so this is a patch of its own. A controller that reacts to the
    /// undo may come in between: then it is tried anew.
    fn restore_ownership(&self, subject: &Subject, found: &Value, undone: Value) -> bool {
        let (object, pre_image) = (&subject.changing.object, &subject.changing.pre_image);
        if ownership::is_alike(pre_image, &undone) {
            return true;
        }
        let Some(post_image) = &subject.post_image else {
            return false;
        };
        let mut now = undone.clone();
        for _ in 0..ATTEMPTS {
            let Some(wanted) = ownership::before((pre_image, post_image), (found, &undone), &now, self.field_manager)
            else {
                return false;
            };
            let wanted = json!({ "metadata": { "managedFields": wanted } });
            if ownership::is_alike(&wanted, &now) {
                return true;
            }
            // An empty list would be taken for one that says nothing.
            let version = now.pointer("/metadata/resourceVersion").and_then(Value::as_str);
            let Some(version) = version.filter(|_| ownership::managed_fields(&wanted).is_some()) else {
                return false;
            };
            let subject = send::Subject::of(&subject.changing);
            match send::patch(self.caller, subject, patch::with_precondition(wanted.clone(), version)) {
                Ok(restored) => return ownership::is_alike(&wanted, &restored),
                Err(failure) if failure.is(&CONFLICT) || send::is_lost(&failure) => {
                    tracing::debug!(%object, %failure, "field ownership is restored anew");
                }
                Err(failure) => {
                    tracing::warn!(%object, %failure, "field ownership could not be restored");
                    return false;
                }
            }
            send::pause(self.caller);
            match send::look(self.caller, subject) {
                Ok(looked) => now = looked,
                Err(failure) if send::is_lost(&failure) => {}
                Err(_) => return false,
            }
        }
        tracing::warn!(%object, "field ownership could not be restored: the object did not keep still");
        false
    }
}

/// Fields that can be set back, and those that cannot.
struct Plan {
    /// The object with every field set back that still is ours.
    desired: Value,
    restored: Vec<field::Path>,
    conflicts: Vec<UndoConflict>,
}

impl Plan {
    /// What has to be sent; `None` if nothing has to.
    fn patch(&self, changing: &Changing, now: &Value) -> Result<Option<Value>, Failure> {
        let object = &changing.object;
        if changing.levels.is_some() {
            return Ok(levels::between(now, &self.desired));
        }
        let Some(patch) = patch::between(now, &self.desired) else {
            return Ok(None);
        };
        match now.pointer("/metadata/resourceVersion").and_then(Value::as_str) {
            Some(version) => Ok(Some(patch::with_precondition(patch, version))),
            None => Err(Failure::new(
                &BAD_ANSWER,
                format!("{object} was read without metadata.resourceVersion, so it could not be set back safely"),
            )),
        }
    }

    /// `sent` is whether ownership was restored by the patch that was sent, if one was.
    fn outcome(self, sent: Option<bool>) -> UndoOutcome {
        match (self.conflicts.is_empty(), sent) {
            (false, _) => UndoOutcome::Conflict { fields: self.conflicts, restored: self.restored },
            (true, Some(ownership)) => UndoOutcome::Restored { ownership },
            (true, None) => UndoOutcome::Already,
        }
    }
}

fn examine(changing: &Changing, post_image: Option<&Value>, now: &Value, field_manager: &str) -> Plan {
    let mut plan = Plan { desired: now.clone(), restored: Vec::new(), conflicts: Vec::new() };
    for change in &changing.fields {
        if is_before(change, now) {
            continue;
        }
        // A field that the run removed can be set again only while what it stood in is
        // as the run left it: neither gone nor made anew.
        let parent_has_changed = post_image.is_some_and(|post| {
            change.after.is_none() && field::depth(now, &change.path) != field::depth(post, &change.path)
        });
        let ours = field::is_unambiguous(now, &change.path) && change.stands_in(now) && !parent_has_changed;
        let mut tried = plan.desired.clone();
        if ours && patch::carry(&mut tried, &change.path.0, change.before.as_ref(), Some(&changing.pre_image)).is_ok() {
            plan.desired = tried;
            plan.restored.push(change.path.clone());
        } else {
            plan.conflicts.push(UndoConflict {
                path: change.path.clone(),
                ours: change.after.clone(),
                theirs: field::get(now, &change.path).cloned(),
                by: manager_of(now, &change.path, field_manager),
            });
        }
    }
    plan
}

fn is_before(change: &super::FieldChange, object: &Value) -> bool {
    field::is_unambiguous(object, &change.path)
        && diff::present(field::get(object, &change.path)) == change.before.as_ref()
}

/// An object that was made anew has another uid than the one that older changes were of, and is what they have to be taken
/// back on.
fn forget_uid(changing: &mut Changing, post_image: &mut Option<Value>) {
    for image in [Some(&mut changing.pre_image), post_image.as_mut()].into_iter().flatten() {
        if let Some(metadata) = image.pointer_mut("/metadata").and_then(Value::as_object_mut) {
            metadata.remove("uid");
        }
    }
}

/// Whether another object of the same name stands in its place.
pub(super) fn replaced(pre_image: &Value, now: &Value) -> bool {
    let uid = |object: &Value| object.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
    uid(pre_image).is_some_and(|before| uid(now).is_some_and(|now| now != before))
}

/// Whether an older change may depend on a newer one: the same object, or the same host.
fn depends(newer: &Changing, older: &Changing) -> bool {
    same_object(&newer.object, &older.object) || host(newer) == host(older)
}

/// Whether two references mean one object, whatever version of its kind they name.
pub fn same_object(one: &ObjectRef, other: &ObjectRef) -> bool {
    one.kind.group == other.kind.group
        && one.kind.plural == other.kind.plural
        && one.namespace == other.namespace
        && one.name == other.name
}

/// What an object is about: `spec.host` where there is one, else its own name, both as `name.namespace`.
fn host(changing: &Changing) -> String {
    let namespace = changing.object.namespace.as_deref().unwrap_or_default();
    let host = changing.pre_image.pointer("/spec/host").and_then(Value::as_str).unwrap_or(&changing.object.name);
    let host = host.trim_end_matches('.').trim_end_matches(".cluster.local").trim_end_matches(".svc");
    if host.contains('.') { host.into() } else { format!("{host}.{namespace}") }
}

fn failed(failure: &Failure) -> UndoOutcome {
    UndoOutcome::Failed { failure: (failure.code.name.into(), failure.message.clone()) }
}

/// The object as an undo would leave it, what it would set back, and what it would not.
#[cfg(test)]
pub(super) fn examine_for_tests(
    changing: &Changing,
    post_image: Option<&Value>,
    now: &Value,
) -> (Value, Vec<field::Path>, Vec<UndoConflict>) {
    let plan = examine(changing, post_image, now, super::FIELD_MANAGER);
    (plan.desired, plan.restored, plan.conflicts)
}
