//! `:lab WORLD`.

use meshbook_runtime::failure::Failure;

use super::{Command, go_on, misused};
use crate::Onward;
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":lab",
    takes: "WORLD",
    summary: "leaves for a world of the lab, where what is to be done can be rehearsed",
    help: "The session here ends as with :quit, and another begins there: `meshbook repl --lab WORLD`.\n`meshbook lab --list` lists the worlds.",
    body,
};

fn body(session: &mut Session, world: &str) -> Result<Next, Failure> {
    if world.is_empty() {
        return Err(misused(&COMMAND));
    }
    let world = session.front().world(world)?;
    go_on(session, Onward::Lab(world))
}
