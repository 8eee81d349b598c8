//! `:load FILE`.

use meshbook_runtime::failure::{Failure, PARAM};

use super::{Command, misused};
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":load",
    takes: "FILE",
    summary: "carries out a file as one input, in the session's scope",
    help: "Its variables and functions are there afterwards. Parameters have their defaults; `:run` gives them values.",
    body,
};

fn body(session: &mut Session, file: &str) -> Result<Next, Failure> {
    if file.is_empty() {
        return Err(misused(&COMMAND));
    }
    load(session, file).map(|()| Next::Go)
}

/// Carries out a file as one input.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn load(session: &mut Session, file: &str) -> Result<(), Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(&PARAM, format!("{file} cannot be read: {error}")).unchanged("nothing was run")
    })?;
    session.evaluate(&text);
    Ok(())
}
