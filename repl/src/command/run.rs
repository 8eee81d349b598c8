//! `:run RUNBOOK [NAME=VALUE…]`.

use meshbook_runtime::failure::{Failure, PARAM};
use meshbook_runtime::shell;

use super::{Command, misused};
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":run",
    takes: "RUNBOOK [NAME=VALUE…]",
    summary: "runs a runbook in this session: its steps and changes stand in the session's record",
    help: "A file, or a name under ./runbooks. How it ends is shown, and the session goes on.\nWhere a step fails, a prompt opens with the runbook's variables, and its changes in force: look, then :retry,\n:continue, or leave, which takes back what is not proved.",
    body,
};

fn body(session: &mut Session, text: &str) -> Result<Next, Failure> {
    let (name, values) = words(&COMMAND, text)?;
    runbook(session, &name, &values, false).map(|()| Next::Go)
}

/// A runbook and its values, quoted as for a shell where they hold spaces.
///
/// # Errors
/// When there is none, or a quote is not closed.
pub(super) fn words(command: &Command, text: &str) -> Result<(String, Vec<String>), Failure> {
    let mut words = shell_words::split(text)
        .map_err(|_| Failure::new(&PARAM, format!("a quote is not closed in: {text}")).unchanged("nothing was run"))?
        .into_iter();
    let name = words.next().ok_or_else(|| misused(command))?;
    Ok((name, words.collect()))
}

/// Runs a runbook in a session. A person who is there is asked where a step fails, or about every step.
///
/// # Errors
/// When there is no such runbook, or its parameters are not written as they have to be.
pub(crate) fn runbook(session: &mut Session, name: &str, values: &[String], every_step: bool) -> Result<(), Failure> {
    let path = session.front().runbook(name)?;
    let given = session.front().parameters(values)?;
    let command = if every_step { super::step::COMMAND.name } else { COMMAND.name };
    let words: Vec<_> = std::iter::once(name).chain(values.iter().map(String::as_str)).map(shell::word).collect();
    let typed = format!("{command} {}", words.join(" "));
    let guide = session.talks.then(|| session.guide(every_step));
    let stepper = guide.clone().map(|guide| guide as _);
    let answer = session.interruptible(|prompt, cancel| prompt.run_runbook(&typed, &path, &given, stepper, cancel));
    session.show_unless(&typed, answer, |failed| guide.as_ref().is_some_and(|guide| guide.has_told(failed)));
    Ok(())
}
