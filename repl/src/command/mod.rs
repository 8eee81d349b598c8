//! The `:` commands, one file each, and their table. Help and completion come from it.

mod at;
mod changes;
mod continuation;
mod expanded;
mod explain;
mod help;
mod lab;
mod load;
mod quit;
mod record;
mod replay;
mod retry;
mod run;
mod save;
mod search;
mod step;
mod timeline;
mod undo;
mod wait;
mod watch;
mod write;

use meshbook_runtime::failure::{Failure, PARAM, UNKNOWN_NAME};

pub(crate) use self::load::load;
pub(crate) use self::run::runbook as run_runbook;
use crate::Onward;
use crate::session::{Next, Session, did_you_mean};

/// A command.
pub(crate) struct Command {
    /// Its name, with the colon.
    pub(crate) name: &'static str,
    /// What it takes.
    pub(crate) takes: &'static str,
    /// What it does, in a line.
    pub(crate) summary: &'static str,
    /// What it does, at length.
    pub(crate) help: &'static str,
    /// Does it, with what stands behind its name.
    pub(crate) body: fn(&mut Session, &str) -> Result<Next, Failure>,
}

impl Command {
    /// How it is written.
    pub(crate) fn usage(&self) -> String {
        format!("{} {}", self.name, self.takes).trim_end().to_owned()
    }
}

/// All of them, in the order of help.
pub(crate) static COMMANDS: &[&Command] = &[
    &help::COMMAND,
    &search::COMMAND,
    &explain::COMMAND,
    &expanded::COMMAND,
    &watch::COMMAND,
    &wait::COMMAND,
    &write::COMMAND,
    &changes::COMMAND,
    &undo::COMMAND,
    &timeline::COMMAND,
    &record::COMMAND,
    &save::COMMAND,
    &load::COMMAND,
    &run::COMMAND,
    &step::COMMAND,
    &continuation::COMMAND,
    &retry::COMMAND,
    &lab::COMMAND,
    &replay::COMMAND,
    &at::COMMAND,
    &quit::COMMAND,
];

/// Carries out what stands behind a colon.
///
/// # Errors
/// When there is no such command, or it fails.
pub(crate) fn carry_out(session: &mut Session, text: &str) -> Result<Next, Failure> {
    let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let name = format!(":{name}");
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.body)(session, rest.trim()),
        None => {
            // `:watch?` asks about it.
            if let Some(asked) = name.strip_suffix('?') {
                return crate::question::about(session, asked, false).map(|()| Next::Go);
            }
            let near = did_you_mean(&name, COMMANDS.iter().map(|command| command.name));
            let near = near.map(|near| format!("{near} ")).unwrap_or_default();
            Err(Failure::new(&UNKNOWN_NAME, format!("there is no command `{name}`"))
                .hint(format!("{near}:help lists the commands")))
        }
    }
}

/// What `:continue` and `:retry` say where no runbook waits.
fn nothing_waits() -> Failure {
    Failure::new(&PARAM, "no runbook waits here")
        .hint(":run and :step open a prompt where a step of theirs fails; these commands are for that one")
}

/// Leaves for another place, where a session of its own begins.
fn go_on(session: &mut Session, onward: Onward) -> Result<Next, Failure> {
    if !session.talks || session.stopped.is_some() {
        let why = if session.talks { "a runbook waits here" } else { "nobody is there who types" };
        return Err(Failure::new(&PARAM, format!("the session cannot be left for another place: {why}"))
            .hint("leave with :quit first, and begin with `meshbook repl`"));
    }
    session.onward = Some(onward);
    Ok(Next::Leave)
}

/// The failure of a command that was not written as it has to be.
fn misused(command: &Command) -> Failure {
    Failure::new(&PARAM, format!("it is written as `{}`", command.usage()))
        .hint(format!("{}? tells more", command.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_name_of_its_own_and_help() {
        for (index, command) in COMMANDS.iter().enumerate() {
            assert!(command.name.starts_with(':') && !command.summary.is_empty() && !command.help.is_empty());
            assert!(COMMANDS.iter().skip(index + 1).all(|other| other.name != command.name), "{}", command.name);
        }
    }
}
