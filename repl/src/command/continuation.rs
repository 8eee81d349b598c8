//! `:continue`.

use meshbook_runtime::failure::{DENIED, Failure};

use super::{Command, nothing_waits};
use crate::session::{Next, Session, Stage};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":continue",
    takes: "",
    summary: "lets a runbook that waits go on behind the step that failed",
    help: "Not while something stands that nothing has proved: what follows the step relies on it. Prove it (`wait`, `check`),\ntake it back (:undo), or repeat the step (:retry). `fixed` needs a proof that follows.",
    body,
};

fn body(session: &mut Session, _: &str) -> Result<Next, Failure> {
    let stopped = session.stopped.as_ref().ok_or_else(nothing_waits)?;
    if stopped.stage == Stage::Failed && !session.run().is_settled() {
        let what = "the runbook does not go on: changes stand that nothing has proved";
        return Err(Failure::new(&DENIED, what)
            .unchanged("the step still waits")
            .hint("prove them (`wait`, `check`), take them back (:undo), or repeat the step (:retry)"));
    }
    Ok(Next::Continue)
}
