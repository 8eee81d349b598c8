//! `:timeline`.

use meshbook_runtime::failure::{Failure, RECORD};
use meshbook_runtime::record::file;

use super::Command;
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":timeline",
    takes: "",
    summary: "tells what was typed, looked at, found and changed, and when",
    help: "The same as `meshbook runs ID` afterwards. In a replay it is that of the run which is replayed.",
    body,
};

fn body(session: &mut Session, _: &str) -> Result<Next, Failure> {
    if let Some(replay) = session.replay() {
        session.front().timeline(replay.lines());
        return Ok(Next::Go);
    }
    let path = session.run().record_path().ok_or_else(|| Failure::new(&RECORD, "this session has no record"))?;
    session.front().timeline(&file::read(&path)?);
    Ok(Next::Go)
}
