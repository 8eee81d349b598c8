//! `:step RUNBOOK [NAME=VALUE…]`.

use meshbook_runtime::failure::{DENIED, Failure};

use super::{Command, run};
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":step",
    takes: "RUNBOOK [NAME=VALUE…]",
    summary: "runs a runbook one step at a time: what each may do is shown, and asked for, before it",
    help: "Each step can be run, skipped, and repeated when it has passed or failed; `l` opens a prompt between two steps, with\nthe runbook's variables. A step that is skipped proves nothing: `fixed` needs a proof that follows.\nSteps inside `temporarily` are run without asking, since that block keeps its time.",
    body,
};

fn body(session: &mut Session, text: &str) -> Result<Next, Failure> {
    let (name, values) = run::words(&COMMAND, text)?;
    if !session.talks {
        return Err(Failure::new(&DENIED, "there is no terminal to ask at before each step")
            .unchanged("nothing was run")
            .hint(":run runs the runbook without asking about its steps"));
    }
    run::runbook(session, &name, &values, true).map(|()| Next::Go)
}
