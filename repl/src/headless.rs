//! Without a terminal: the inputs come from a stream, and the first that fails is the last.

use std::io::Read;

use meshbook_runtime::engine::Diagnostic;
use meshbook_runtime::engine::prompt::Completeness;
use meshbook_runtime::failure::{Exit, Failure, INTERNAL};
use meshbook_runtime::record::event::Ended;
use meshbook_runtime::run::ChangeState;

use crate::session::{Next, Session};
use crate::{Desk, with_stack};

/// Carries out inputs from a stream until it ends, one fails, or one says `:quit`. What nothing has proved is taken back:
/// nobody is there who could prove it later.
///
/// # Errors
/// When the stream cannot be read.
pub fn headless(desk: Desk, mut stream: impl Read + Send) -> Result<(Ended, Exit), Box<Diagnostic>> {
    with_stack(desk, move |session, desk| {
        let mut text = String::new();
        stream
            .read_to_string(&mut text)
            .map_err(|error| Failure::new(&INTERNAL, format!("standard input cannot be read: {error}")))?;
        for input in inputs(&text) {
            if desk.interrupts.is_leaving() || session.take(&input) != Next::Go || session.failed.is_some() {
                break;
            }
        }
        take_back(session);
        let ended = session.run().leave();
        let exit = exit(&ended, session.failed.as_ref());
        Ok((ended, exit))
    })
}

/// The exit code of a session without a terminal: what stays behind outranks what failed.
fn exit(ended: &Ended, failed: Option<&Failure>) -> Exit {
    match failed {
        _ if ended.exit == Exit::Dirty => Exit::Dirty,
        Some(_) if !ended.taken_back.is_empty() => Exit::TakenBack,
        // That the session could not begin is another matter than that something was wrong in it.
        Some(failure) if failure.code.exit == Exit::Script => Exit::Found,
        Some(failure) => failure.code.exit,
        None => ended.exit,
    }
}

fn take_back(session: &Session) {
    let made = session.run().made();
    let unproved: Vec<u64> =
        made.iter().filter(|made| made.state == ChangeState::Unsettled).map(|made| made.number).collect();
    if !unproved.is_empty() {
        session.run().take_back_numbers(&unproved, "the inputs ended before a proof had followed the change");
        session.front().clear();
    }
}

/// A text in inputs: each ends with the line that makes it complete.
fn inputs(text: &str) -> Vec<String> {
    let completeness = Completeness::default();
    let mut inputs = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        open.push_str(line);
        open.push('\n');
        let trimmed = open.trim();
        if trimmed.is_empty() {
            open.clear();
        } else if trimmed.starts_with(':') || !completeness.wants_more(&open) {
            inputs.push(std::mem::take(&mut open));
        }
    }
    if !open.trim().is_empty() {
        inputs.push(open);
    }
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_where_an_input_is_complete() {
        let text = "let a = 1;\n\nstep \"x\" {\n    a += 1;\n\n    a\n}\n:changes\nfn f(x) {\n  x\n}\nf(a)\nif a {\n";
        let inputs = inputs(text);
        let heads: Vec<_> = inputs.iter().map(|input| input.lines().next().unwrap_or_default()).collect();
        assert_eq!(heads, ["let a = 1;", "step \"x\" {", ":changes", "fn f(x) {", "f(a)", "if a {"]);
    }
}
