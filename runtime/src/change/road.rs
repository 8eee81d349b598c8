//! The road of a change: gate, dry run, approval, record, transport, and a look at what came of it.

use serde_json::Value;
use tracing::info_span;

use super::send::{self, Outcome};
use super::{Change, Changed, FieldChange, apply, creation, deletion, diff, levels, ownership, patch};
use crate::effect::{Class, ObjectRef};
use crate::failure::{CONFLICT, FORBIDDEN, Failure, INTERNAL, NOT_FOUND, REJECTED, SCRIPT, UNREACHABLE};
use crate::gate::{access, approval};
use crate::record::event::{Changing, Event};
use crate::record::redact;
use crate::run::{Mode, Run, Stopwatch};

/// Makes a change, or in a plan tries it.
pub(crate) fn change(run: &Run, change: Change) -> Result<Changed, Failure> {
    let object = change.object.clone();
    let span = info_span!("effect", class = %change.class, target = %object, took = tracing::field::Empty);
    let watch = Stopwatch::start();
    let outcome = span.in_scope(|| attempt(run, change));
    span.record("took", tracing::field::debug(watch.took()));
    outcome.map_err(|failure| advised(failure, &object))
}

fn attempt(run: &Run, change: Change) -> Result<Changed, Failure> {
    if admit(run, &change)? == Needed::No {
        return Ok(unneeded(change));
    }
    let Some(proposal) = propose(run, &change)? else {
        return Ok(unneeded(change));
    };
    if run.mode() == Mode::Plan {
        return Ok(plan(run, change, proposal));
    }
    approve(run, &proposal)?;
    make(run, proposal)
}

/// Whether there is anything to change.
#[derive(PartialEq, Eq)]
pub(super) enum Needed {
    Yes,
    No,
}

pub(super) fn unneeded(change: Change) -> Changed {
    Changed { number: None, object: change.before, fields: Vec::new() }
}

/// The gate of a change.
pub(super) fn admit(run: &Run, change: &Change) -> Result<Needed, Failure> {
    let object = &change.object;
    may_go_on(run)?;
    if run.is_rehearsing() {
        return Err(Failure::new(
            &SCRIPT,
            format!("{object} was to be changed by the condition of a `wait` or `hold`"),
        )
        .hint("a proof only looks: move the change in front of it"));
    }
    run.gate.admit_change(change)?;
    if run.mode() != Mode::Plan {
        if let Some(failure) = run.journal.broken() {
            return Err(failure);
        }
        run.gate.locks.hold(object)?;
    }
    // What an apply comes to, only the server knows: it also takes away what is no longer named.
    // Unless it is only planned to be there.
    let only_planned = run.gate.overlay.real(object).is_some_and(|real| real.is_null());
    let is_same = !change.deletes()
        && (change.apply.is_none() || only_planned)
        && diff::fields(&change.before, &change.after).is_empty();
    Ok(if is_same { Needed::No } else { Needed::Yes })
}

pub(super) fn may_go_on(run: &Run) -> Result<(), Failure> {
    run.caller.latch.failure().map_or(Ok(()), Err)
}

pub(super) fn approve(run: &Run, proposal: &Proposal) -> Result<(), Failure> {
    let mut shown = proposal.changing.clone();
    redact::changing(&mut shown);
    approval::approve(run, &shown)
}

/// A change that the server has tried, or in a plan would have to.
pub(super) struct Proposal {
    pub(super) changing: Changing,
    /// The object as the server says it will be.
    tried: Value,
    /// What the object has to be at; `None` if it must not exist, or where there is no precondition to give.
    resource_version: Option<String>,
}

/// Tries the change on the server. `None` if the server finds that it changes nothing.
pub(super) fn propose(run: &Run, change: &Change) -> Result<Option<Proposal>, Failure> {
    let object = &change.object;
    // A plan's second change to an object is tried together with its first, which the server does not have.
    let real = run.gate.overlay.real(object).unwrap_or_else(|| change.before.clone());
    if real.is_null() {
        let (changing, tried) = creation::propose(run, change)?;
        return Ok(Some(Proposal { changing, tried, resource_version: None }));
    }
    if change.deletes() {
        return Ok(Some(Proposal {
            changing: deletion::propose(run, change)?,
            tried: Value::Null,
            resource_version: None,
        }));
    }
    let (difference, resource_version) = match (&change.levels, &change.apply) {
        (Some(_), _) => match levels::between(&real, &change.after) {
            Some(difference) => (difference, None),
            None => return Ok(None),
        },
        (None, apply) => {
            let difference = match apply {
                Some(configuration) => Some(creation::content(object, configuration)),
                None => patch::between(&real, &change.after),
            };
            let Some(difference) = difference else {
                return Ok(None);
            };
            let version = real.pointer("/metadata/resourceVersion").and_then(Value::as_str).map(str::to_owned);
            let Some(version) = version else {
                return Err(Failure::new(
                    &INTERNAL,
                    format!(
                        "{object} was read without metadata.resourceVersion, so a change of it could not be guarded"
                    ),
                ));
            };
            (patch::with_precondition(difference, &version), Some(version))
        }
    };
    let subject = send::Subject { object, levels: change.levels.as_ref() };
    let tried = match trial(run, subject, change, &real, &difference) {
        Ok(tried) => Some(tried),
        Err(failure) if failure.is(&FORBIDDEN) && run.mode() == Mode::Plan => None,
        Err(failure) => return Err(failure),
    };
    let validated = tried.is_some();
    let (tried, force) = tried.unwrap_or_else(|| (change.after.clone(), false));
    let tried = match &change.apply {
        // In a plan the server has tried it without what was planned for the object before.
        Some(_) if real != change.before => {
            let mut planned = change.before.clone();
            if let Some(difference) = patch::between(&real, &tried) {
                patch::apply(&mut planned, &difference);
            }
            planned
        }
        _ => tried,
    };
    let fields = diff::fields(&change.before, &tried);
    if fields.is_empty() {
        return Ok(None);
    }
    let mut changing = Changing {
        object: object.clone(),
        summary: change.summary.clone(),
        class: change.class,
        fields,
        pre_image: change.before.clone(),
        patch: difference,
        irreversible: (change.class == Class::Irreversible)
            .then(|| change.irreversible.unwrap_or("it leaves nothing to set back").into()),
        gitops: ownership::gitops_owner(&change.before),
        validated,
        levels: change.levels.clone(),
        apply: change.apply.is_some().then_some(force),
        fleeting: false,
        first: change.first.clone(),
        deletes: false,
        left_to_others: Vec::new(),
        companions: Vec::new(),
    };
    if changing.irreversible.is_none() && redact::hides_a_field(&changing) {
        changing.irreversible = Some(redact::IRREVERSIBLE.into());
    }
    Ok(Some(Proposal { changing, tried, resource_version }))
}

/// The server-side dry run, after a look at the permission for it; and whether an apply has to be forced.
fn trial(
    run: &Run,
    subject: send::Subject<'_>,
    change: &Change,
    before: &Value,
    difference: &Value,
) -> Result<(Value, bool), Failure> {
    let need = match subject.levels {
        Some(_) => access::Need::to_forward(),
        None => access::Need::of("patch", subject.object),
    };
    if !access::is_granted(run, subject.object, &need)? {
        return Err(access::forbidden(subject.object, &need));
    }
    match change.apply {
        Some(_) => apply::trial(&run.caller, subject.object, difference, &run.settings().field_manager),
        None => Ok((send::trial(&run.caller, subject, before, difference)?, false)),
    }
}

fn plan(run: &Run, change: Change, proposal: Proposal) -> Changed {
    let fields = proposal.changing.fields.clone();
    let number = run.note(Event::Planned(Box::new(proposal.changing)));
    run.gate.overlay.plan(&change.object, change.before, proposal.tried.clone());
    Changed { number: Some(number), object: proposal.tried, fields }
}

/// Records the change, sends it once, settles what came of it, and reads back.
fn make(run: &Run, proposal: Proposal) -> Result<Changed, Failure> {
    // A person may have thought for long: the run may have been stopped since.
    run.caller.latch.time_is(run.caller.now());
    may_go_on(run)?;
    let number = run.journal.flush(run.caller.now(), Event::Changing(Box::new(proposal.changing.clone())))?;
    let outcome = send(run, &proposal);
    let changed = kept_by_this_process(proposal.changing);
    enter(run, number, &changed, &outcome);
    let recorded =
        run.journal.flush(run.caller.now(), Event::ChangeAnswered { change: number, outcome: outcome.event() });
    match outcome {
        Outcome::NotMade(failure) => Err(failure),
        Outcome::Unknown(failure) => {
            run.stop(failure.clone());
            Err(failure)
        }
        Outcome::Made(post_image) => {
            recorded.map_err(|failure| failure.unchanged(format!("{} {UNRECORDED}", changed.object)))?;
            Ok(Changed { number: Some(number), object: read_back(run, &changed, post_image), fields: changed.fields })
        }
    }
}

/// What is said of a change whose answer could not be written down.
const UNRECORDED: &str = "was changed, but its record does not say so: the run ends and takes it back";

pub(super) fn send(run: &Run, proposal: &Proposal) -> Outcome {
    let changing = &proposal.changing;
    match (changing.creates(), changing.deletes) {
        (true, _) => creation::once(&run.caller, changing, &run.settings().field_manager),
        (_, true) => deletion::once(&run.caller, changing),
        _ => send::once(&run.caller, changing, proposal.resource_version.as_deref()),
    }
}

/// This process still knows the values that the record does not keep.
pub(super) fn kept_by_this_process(mut changing: Changing) -> Changing {
    if changing.irreversible.as_deref() == Some(redact::IRREVERSIBLE) {
        changing.irreversible = None;
    }
    changing
}

/// Enters a change that was sent in the run's list.
pub(super) fn enter(run: &Run, number: u64, changing: &Changing, outcome: &Outcome) {
    match outcome {
        Outcome::Made(post_image) => run.ledger.lock().add(number, changing, Some(post_image)),
        Outcome::Unknown(_) => run.ledger.lock().add(number, changing, None),
        Outcome::NotMade(_) => {}
    }
}

/// The object as it stands after the change. A person is told if it does not stand as it was set.
fn read_back(run: &Run, changed: &Changing, post_image: Value) -> Value {
    let object = &changed.object;
    if changed.fleeting || changed.deletes {
        // It is gone; or the cluster goes on writing into it, and that is not somebody else's doing.
        return post_image;
    }
    match send::look(&run.caller, send::Subject::of(changed)) {
        Ok(now) => {
            // What the trial was given, such as a Service's address, the change may have got otherwise.
            let since = |field: &&FieldChange| field.stands_in(&post_image) && !field.stands_in(&now);
            for field in changed.fields.iter().filter(since) {
                run.warn(format!(
                    "{object}: {} was set, but reads back otherwise: somebody else has changed it since",
                    field.path
                ));
            }
            now
        }
        Err(failure) => {
            run.warn(format!("{object} was changed, but could not be read back: {failure}"));
            post_image
        }
    }
}

/// Says what was not changed and what to do, where the failure does not.
pub(super) fn advised(mut failure: Failure, object: &ObjectRef) -> Failure {
    if failure.unchanged.is_none() {
        failure.unchanged = Some(format!("{object} was not changed"));
    }
    if failure.hint.is_none() {
        let hint = match failure.code {
            code if std::ptr::eq(code, &CONFLICT) => {
                "somebody else changed the object since it was read: run again, and it is read anew"
            }
            code if std::ptr::eq(code, &REJECTED) => {
                "the reason is the server's own: correct the value that it names, in the script or its parameters"
            }
            code if std::ptr::eq(code, &NOT_FOUND) => "the object is gone since it was read: run again",
            code if std::ptr::eq(code, &UNREACHABLE) => {
                "make sure that the API server answers (`kubectl get --raw /readyz`), and run again"
            }
            _ => return failure,
        };
        failure.hint = Some(hint.into());
    }
    failure
}
