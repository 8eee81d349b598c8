//! `:at [LINE|DURATION]`.

use meshbook_runtime::failure::{Failure, PARAM};

use super::Command;
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":at",
    takes: "[LINE|DURATION]",
    summary: "in a replay: answers questions from that line of the record on, or from that time after its beginning",
    help: "Each input is answered as the run was from there on, in its order: at first from its beginning.\n`:at 2m30s` is a time of :timeline, `:at 250` a line of the record.",
    body,
};

fn body(session: &mut Session, text: &str) -> Result<Next, Failure> {
    let replay = session.replay().ok_or_else(|| {
        Failure::new(&PARAM, "this is no replay: a cluster answers as it is now")
            .hint(":replay RUN goes to the record of a run")
    })?;
    let moment = match text {
        "" => replay.moment(),
        text => replay.go_to(text.parse().map_err(|why: String| {
            Failure::new(&PARAM, why).hint("a number is a line of the record, `2m30s` a time after the run began")
        })?)?,
    };
    session.front().print(&format!("Questions are answered from {moment}."));
    Ok(Next::Go)
}
