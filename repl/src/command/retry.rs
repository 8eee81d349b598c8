//! `:retry`.

use meshbook_runtime::failure::{Failure, PARAM, UNDO_NOTHING};
use meshbook_runtime::run::ChangeState;

use super::{Command, nothing_waits};
use crate::session::{Next, Session, Stage};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":retry",
    takes: "",
    summary: "repeats the step that a runbook waits at, from its first line",
    help: "What the step has changed itself and not proved is taken back first, so that it begins where it began. What was\nchanged here at the prompt stays. Variables have the values that they have here.",
    body,
};

fn body(session: &mut Session, _: &str) -> Result<Next, Failure> {
    let stopped = session.stopped.as_ref().ok_or_else(nothing_waits)?;
    if stopped.stage == Stage::Before {
        return Err(Failure::new(&PARAM, "the step has not begun").hint(":continue goes back to the question"));
    }
    let why = format!("the step \"{}\" is repeated", stopped.title);
    let made = session.run().made();
    let own = made.iter().filter(|made| made.state == ChangeState::Unsettled && stopped.changes.contains(&made.number));
    let numbers: Vec<u64> = own.map(|made| made.number).collect();
    let clean = session.run().take_back_numbers(&numbers, &why);
    session.front().clear();
    if clean {
        return Ok(Next::Retry);
    }
    Err(Failure::new(&UNDO_NOTHING, "the step is not repeated: not everything that it changed is as before")
        .unchanged("the step still waits")
        .hint(":changes says what stays, and why"))
}
