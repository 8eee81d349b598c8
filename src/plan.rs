//! `meshbook plan`.

use meshbook_runtime::run::Mode;

use crate::Session;
use crate::arguments::Plan;
use crate::start::{Manner, start};
use crate::trouble::Trouble;

/// Says what a runbook would change, and changes nothing.
pub fn plan(arguments: &Plan, session: &Session) -> Result<u8, Trouble> {
    let manner = Manner {
        mode: Mode::Plan,
        approvals: Vec::new(),
        read_only: false,
        allow_exec: false,
        deadline: arguments.deadline.map(|span| span.0),
        debug: false,
    };
    start(&arguments.book, &arguments.target, manner, session)
}
