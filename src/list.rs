//! `meshbook list`.

use std::path::Path;

use meshbook_runtime::engine::Script;
use serde_json::json;

use crate::Session;
use crate::arguments::Format;
use crate::terminal::grid;
use crate::trouble::Trouble;
use crate::{document, runbook};

/// Lists the runbooks of the tree with the first line of what they say about themselves.
pub fn list(session: &Session) -> Result<u8, Trouble> {
    let tree = Path::new(runbook::TREE);
    let entries: Vec<_> = runbook::all_in(tree)
        .into_iter()
        .map(|path| {
            let name = runbook::name(&path, tree);
            match Script::load(&path, None, &session.library) {
                Ok(script) => (name, path, script.summary().to_owned(), true),
                Err(diagnostic) => (name, path, format!("(cannot be read: {diagnostic})"), false),
            }
        })
        .collect();
    if session.format != Format::Table {
        let documents: Vec<_> =
            entries.iter().map(|(name, path, summary, valid)| json!({ "name": name, "file": path, "summary": summary, "valid": valid })).collect();
        document::write(session.format, &documents);
        return Ok(0);
    }
    if entries.is_empty() {
        session.screen.say("There are no runbooks below ./runbooks.");
    }
    let rows: Vec<_> = entries.into_iter().map(|(name, _, summary, _)| vec![name, summary]).collect();
    document::lines(grid::lines(&["RUNBOOK", "WHAT IT IS FOR"], &rows, session.screen.look(), 0));
    Ok(0)
}
