//! `:explain [CODE]`.

use meshbook_runtime::failure::{Failure, PARAM};

use super::Command;
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":explain",
    takes: "[CODE]",
    summary: "says at length what a failure's code means",
    help: "Without a code it is that of the last failure.",
    body,
};

fn body(session: &mut Session, code: &str) -> Result<Next, Failure> {
    let last = session.prompt.last_error();
    let code = match (code, last) {
        ("", Some(failure)) => failure.code.name.to_owned(),
        ("", None) => {
            return Err(Failure::new(&PARAM, "nothing has failed yet").hint("name a code: `:explain gate::denied`"));
        }
        (code, _) => code.to_owned(),
    };
    session.front().explain(&code).map(|()| Next::Go)
}
