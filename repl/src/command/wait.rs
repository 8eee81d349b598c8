//! `:wait 2m EXPR`.

use meshbook_runtime::failure::{Failure, PARAM};
use meshbook_runtime::value::Span;

use super::{Command, misused};
use crate::session::{Next, Session};

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":wait",
    takes: "DURATION EXPR",
    summary: "waits until an expression is true, which proves the changes before it",
    help: "`:wait 2m host(\"graph-core\").refusals(over(\"30s\")).is_none()` is the input\n`wait 2m until { … }`: a proof, as in a runbook. When it has passed, changes made before it count as proved.",
    body,
};

fn body(session: &mut Session, text: &str) -> Result<Next, Failure> {
    let (span, expression) = text.split_once(char::is_whitespace).ok_or_else(|| misused(&COMMAND))?;
    let span: Span = span.parse().map_err(|why: String| Failure::new(&PARAM, why))?;
    session.evaluate(&format!("wait {span} until {{ {} }}", expression.trim().trim_end_matches(';')));
    Ok(Next::Go)
}
