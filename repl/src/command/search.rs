//! `:search WORDS`.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::value::Table;

use super::{Command, misused};
use crate::search::search;
use crate::session::{Next, Session};

/// So many are shown.
const MOST: usize = 15;

/// Its entry.
pub(super) static COMMAND: Command = Command {
    name: ":search",
    takes: "WORDS",
    summary: "looks for words in functions and runbooks",
    help: "`:search certificate expiry` finds functions and runbooks in whose names, search words and descriptions the\nwords stand. Those in which all of them stand come first.",
    body,
};

fn body(session: &mut Session, words: &str) -> Result<Next, Failure> {
    if words.is_empty() {
        return Err(misused(&COMMAND));
    }
    let found = search(words, session.library(), session.front());
    let mut table = Table::new("", &["KIND", "NAME", "WHAT IT IS"]);
    for found in found.iter().take(MOST) {
        table.row([found.kind.into(), found.name.clone(), found.summary.clone()]);
    }
    if found.is_empty() {
        session.front().print(&format!("Nothing speaks of {words}."));
        return Ok(Next::Go);
    }
    if found.len() > MOST {
        table.note(format!("… {} more: add a word", found.len() - MOST));
    }
    session.front().table(&table);
    Ok(Next::Go)
}
