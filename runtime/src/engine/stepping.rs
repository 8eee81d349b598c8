//! A script whose steps a person goes through: asked before each, or only where one fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rhai::{Dynamic, EvalAltResult, EvalContext, Expression, Position};

use super::describe::{self, Description};
use super::session::Session;
use super::walk::statements_of;
use super::{Diagnostic, Script, diagnose};
use crate::failure::{Failure, INTERRUPTED};
use crate::run::Mark;

/// Asks a person about steps. It is called on the script's thread, between two of its operations.
pub trait Stepper: Send + Sync {
    /// Whether it is asked about every step, or only where one fails.
    fn every_step(&self) -> bool;

    /// A step is about to begin.
    fn before(&self, here: &mut Here) -> Before;

    /// A step has passed or failed. What it has changed is still in force.
    fn after(&self, here: &mut Here) -> After;
}

/// What shall become of a step that has not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// It runs.
    Run,
    /// The script goes on behind it.
    Skip,
    /// The script ends here.
    Leave,
}

/// What follows a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The script goes on behind it, whether it passed or not.
    GoOn,
    /// It runs once more.
    Again,
    /// The script ends here.
    Leave,
}

/// A place in a script that waits.
pub struct Here {
    /// The step's title.
    pub title: String,
    /// What the step may do.
    pub description: Description,
    /// Why it failed, if it did.
    pub failure: Option<Box<Diagnostic>>,
    /// The changes that the step has made itself, by their numbers in the record.
    pub changes: Vec<u64>,
    /// The script's variables; what is assigned to them here is theirs when the script goes on.
    pub variables: Vec<(String, Dynamic)>,
    pub(crate) script: Script,
}

/// Who is asked about the steps of one execution.
pub(crate) struct Stepping {
    stepper: Arc<dyn Stepper>,
    script: Script,
    /// Somebody has left the script: nobody is asked on the way out.
    left: AtomicBool,
}

impl Stepping {
    pub fn new(stepper: Arc<dyn Stepper>, script: &Script) -> Stepping {
        Stepping { stepper, script: script.clone(), left: AtomicBool::new(false) }
    }
}

/// What came of a step, for whoever is asked about it.
pub(super) struct Came<'a> {
    pub title: &'a str,
    pub block: &'a Expression<'a>,
    /// Where the list of changes was when it began.
    pub since: Mark,
}

/// Asks whether a step shall run.
///
/// # Errors
/// When the person leaves the script.
pub(super) fn before(
    context: &mut EvalContext,
    session: &Session,
    title: &str,
    block: &Expression,
) -> Result<Before, Box<EvalAltResult>> {
    let Some(stepping) = session.stepping.as_ref().filter(|stepping| stepping.stepper.every_step()) else {
        return Ok(Before::Run);
    };
    if !stepping.asks(session) {
        return Ok(Before::Run);
    }
    let came = Came { title, block, since: session.run.mark() };
    let answer = stepping.at(context, session, &came, None, |stepper, here| stepper.before(here));
    match answer {
        Before::Run => {}
        Before::Skip => session.run.passed_over(title, "was skipped"),
        Before::Leave => {
            return Err(stepping.leave(session, format!("the script was left before the step \"{title}\"")));
        }
    }
    Ok(answer)
}

/// Asks what follows a step that passed.
///
/// # Errors
/// When the person leaves the script.
pub(super) fn passed(context: &mut EvalContext, session: &Session, came: &Came) -> Result<After, Box<EvalAltResult>> {
    let Some(stepping) = session.stepping.as_ref().filter(|stepping| stepping.stepper.every_step()) else {
        return Ok(After::GoOn);
    };
    if !stepping.asks(session) || session.run.stopped() {
        return Ok(After::GoOn);
    }
    let answer = stepping.at(context, session, came, None, |stepper, here| stepper.after(here));
    match answer {
        After::GoOn | After::Again => Ok(answer),
        After::Leave => Err(stepping.leave(session, format!("the script was left after the step \"{}\"", came.title))),
    }
}

/// Asks what follows a step that failed; `None` if nobody is asked, and the failure takes its way.
pub(super) fn failed(
    context: &mut EvalContext,
    session: &Session,
    came: &Came,
    error: &EvalAltResult,
) -> Option<After> {
    let stepping = session.stepping.as_ref().filter(|stepping| stepping.asks(session))?;
    let diagnostic = diagnose(session, error);
    let failure = diagnostic.failure.clone();
    if !session.run.may_pause(&failure) {
        return None;
    }
    let answer = stepping.at(context, session, came, Some(diagnostic), |stepper, here| stepper.after(here));
    match answer {
        After::GoOn => session.run.passed_over(came.title, "failed, and was passed over"),
        After::Again => {}
        After::Leave => {
            stepping.left.store(true, Ordering::Relaxed);
            // No handler of the script goes on with what a person has ended.
            session.run.stop(failure);
            return None;
        }
    }
    session.goes_on();
    Some(answer)
}

impl Stepping {
    /// Whether somebody may be asked now. A block that promises to take back what is done in it does not wait for a
    /// person: neither would its time be kept, nor its promise if the terminal went away.
    fn asks(&self, session: &Session) -> bool {
        !self.left.load(Ordering::Relaxed)
            && session.temporary.load(Ordering::Relaxed) == 0
            && !session.is_importing()
            && !session.run.is_rehearsing()
    }

    fn at<T>(
        &self,
        context: &mut EvalContext,
        session: &Session,
        came: &Came,
        failure: Option<Box<Diagnostic>>,
        ask: impl FnOnce(&dyn Stepper, &mut Here) -> T,
    ) -> T {
        let mut variables: Vec<(String, Dynamic)> = Vec::new();
        for (name, _, value) in context.scope().iter_raw() {
            // Of those with one name the newest is seen.
            variables.retain(|(other, _)| other != name);
            variables.push((name.to_owned(), value.clone()));
        }
        let mut here = Here {
            title: came.title.to_owned(),
            description: describe::block(statements_of(came.block), &self.script, &session.library),
            failure,
            changes: session.run.made_since(came.since),
            variables,
            script: self.script.clone(),
        };
        let paused = session.run.pause();
        let answer = ask(&*self.stepper, &mut here);
        session.run.resume(paused);
        for (name, value) in here.variables {
            if let Some(place) = context.scope_mut().get_mut(&name) {
                *place = value;
            }
        }
        answer
    }

    fn leave(&self, session: &Session, why: String) -> Box<EvalAltResult> {
        self.left.store(true, Ordering::Relaxed);
        let failure = Failure::new(&INTERRUPTED, why);
        session.run.stop(failure.clone());
        EvalAltResult::ErrorTerminated(Dynamic::from(failure), Position::NONE).into()
    }
}
