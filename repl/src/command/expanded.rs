//! `:x [EXPR]`.

use meshbook_runtime::failure::Failure;
use meshbook_stdlib::show;

use super::Command;
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":x",
    takes: "[EXPR]",
    summary: "shows a value one row after another, a line for each column",
    help: "Without an expression it is the last result.",
    body,
};

fn body(session: &mut Session, expression: &str) -> Result<Next, Failure> {
    let Some(value) = session.value_of(expression)? else { return Ok(Next::Go) };
    session.front().records(&show::table(&value));
    Ok(Next::Go)
}
