//! `:run RUNBOOK [NAME=VALUE…]`.

use meshbook_runtime::failure::Failure;

use super::{Command, misused};
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":run",
    takes: "RUNBOOK [NAME=VALUE…]",
    summary: "runs a runbook in this session: its steps and changes stand in the session's record",
    help: "A file, or a name under ./runbooks. How it ends is shown, and the session goes on.\nIf it fails, what it changed and did not prove is taken back.",
    body,
};

fn body(session: &mut Session, text: &str) -> Result<Next, Failure> {
    let mut words = text.split_whitespace().map(str::to_owned);
    let name = words.next().ok_or_else(|| misused(&COMMAND))?;
    let path = session.front().runbook(&name)?;
    let given = session.front().parameters(&words.collect::<Vec<_>>())?;
    let typed = format!(":run {text}");
    let answer = session.interruptible(|prompt, cancel| prompt.run_runbook(&typed, &path, &given, cancel));
    session.show(&typed, answer);
    Ok(Next::Go)
}
