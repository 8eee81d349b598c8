//! `meshbook run`.

use meshbook_runtime::run::Mode;

use crate::Session;
use crate::arguments::Run;
use crate::start::{Manner, can_ask, must_talk, start};
use crate::trouble::Trouble;

/// Runs a runbook. It asks where a person can answer and has not approved anything beforehand.
pub fn run(arguments: Run, session: &Session) -> Result<u8, Trouble> {
    if arguments.debug {
        must_talk("--debug")?;
    }
    let asks = arguments.approve.is_empty() && !arguments.read_only && can_ask();
    let manner = Manner {
        mode: if asks || arguments.debug { Mode::Ask } else { Mode::Unattended },
        approvals: arguments.approve,
        read_only: arguments.read_only,
        allow_exec: arguments.allow_exec,
        deadline: arguments.deadline.map(|span| span.0),
        debug: arguments.debug,
    };
    start(&arguments.book, &arguments.target, manner, session)
}
