//! `:save FILE`.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::record::redact;

use super::{Command, misused};
use crate::session::{Next, Session};
use crate::{private, saved};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":save",
    takes: "FILE",
    summary: "writes the inputs that succeeded as a runbook",
    help: "Each input becomes a step, with what came of it as a comment; `_` and `_3` become variables. A change stands in one\nstep with its proof; one that nothing has proved gets a reminder, and `meshbook check` says so too. What was taken back\nis left out. Only you can read the file. A file that exists is not overwritten.",
    body,
};

fn body(session: &mut Session, file: &str) -> Result<Next, Failure> {
    if file.is_empty() {
        return Err(misused(&COMMAND));
    }
    let text = saved::runbook(&session.kept, session.prompt.results(), &session.run().made(), session.run().id());
    private::write_new(file, &redact::text(&text))?;
    session
        .front()
        .print(&format!("{} inputs are in {file}; `meshbook check {file}` says what it lacks.", session.kept.len()));
    Ok(Next::Go)
}
