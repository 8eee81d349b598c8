//! `:write`.

use meshbook_runtime::failure::{DENIED, Failure};

use super::Command;
use crate::front::Ink;
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":write",
    takes: "",
    summary: "lets a read-only session change something, after the context's name is typed",
    help: "A session is read-only when it was started with --read-only, or in a context that the configuration calls\nprotected. Each change is still shown and asked for.",
    body,
};

fn body(session: &mut Session, _: &str) -> Result<Next, Failure> {
    if !session.run().is_read_only() {
        session.front().print("Changes may be made already; each is shown and asked for.");
        return Ok(Next::Go);
    }
    let name = session.context.clone();
    let front = session.front();
    let typed = front.ask(&format!("Type {} to let changes be made there: ", front.paint(Ink::Bold, &name)));
    if typed.is_none_or(|typed| typed.trim() != name) {
        return Err(Failure::new(&DENIED, "that is not the context's name").unchanged("the session stays read-only"));
    }
    session.run().allow_changes();
    session.front().print("Changes may be made now; each is shown and asked for.");
    Ok(Next::Go)
}
