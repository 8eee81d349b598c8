//! What only a person can do: asked for, and written down like everything that a run learns.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Mode, Run};
use crate::effect::{Call, Class, Effect, Reply};
use crate::failure::{DENIED, Failure, PLAN_ENDS, SCRIPT};
use crate::record::event::Event;

impl Run {
    /// Asks a person to do something by hand, and whether it is done. A replay answers as that run was answered.
    ///
    /// # Errors
    /// [`DENIED`] where nobody can be asked, or a person says that it is not done; [`PLAN_ENDS`] in a plan.
    pub fn confirm(&self, what: &str) -> Result<(), Failure> {
        if self.is_rehearsing() {
            return Err(Failure::new(&SCRIPT, "a person was to be asked by the condition of a `wait` or `hold`")
                .hint("a proof only looks: ask before it"));
        }
        let undone = |why: &str| Failure::new(&DENIED, format!("{why}: {what}")).unchanged("nothing was changed");
        if self.mode() == Mode::Plan {
            return Err(Failure::new(&PLAN_ENDS, format!("the plan ends where a person is asked to do this: {what}"))
                .hint("what follows is decided when the runbook runs"));
        }
        let answer = if self.caller.transport.has_files() {
            let answer = match self.approver() {
                Some(approver) => Ok(approver.confirm(self, what)),
                None => Err(undone("nobody can be asked whether this is done by hand")
                    .hint("do it, and run this again: what is done is not asked for; or run it at a terminal")),
            };
            self.caller.latch.time_is(self.caller.now());
            self.note(Event::Looked {
                effect: asked(what),
                beside: None,
                ordinal: (self.ordinal.fetch_add(1, Ordering::Relaxed), 0),
                reply: answer.as_ref().ok().map(|done| Reply::Json((*done).into())),
                failure: answer.as_ref().err().map(|failure| (failure.code.name.to_owned(), failure.message.clone())),
                took: Duration::ZERO,
            });
            answer
        } else {
            self.read(asked(what)).map(|reply| matches!(reply, Reply::Json(answer) if answer == true))
        };
        let done = answer?;
        let detail = Some(if done { "a person says so" } else { "a person says that it is not" }.to_owned());
        self.note(Event::Checked { what: format!("done by hand: {what}"), passed: done, detail });
        if !done {
            return Err(undone("a person says that this is not done"));
        }
        self.ledger.lock().add_by_hand(what);
        Ok(())
    }
}

fn asked(what: &str) -> Effect {
    Effect {
        class: Class::Read,
        target: "a person".into(),
        summary: format!("is this done? {what}"),
        call: Call::Confirm { what: what.to_owned() },
    }
}
