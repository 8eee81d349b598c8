//! `:replay RUN`.

use meshbook_runtime::failure::Failure;

use super::{Command, go_on, misused};
use crate::Onward;
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":replay",
    takes: "RUN",
    summary: "leaves for the record of an earlier run, which answers what that run has asked for",
    help: "The session here ends as with :quit, and another begins there: `meshbook repl --replay RUN`.\nRUN is an id, as much of it as is unique, or `last`; `meshbook runs` lists them.",
    body,
};

fn body(session: &mut Session, run: &str) -> Result<Next, Failure> {
    if run.is_empty() {
        return Err(misused(&COMMAND));
    }
    let run = session.front().run(run)?;
    go_on(session, Onward::Replay(run))
}
