//! `meshbook list`.

use std::path::Path;

use meshbook_runtime::engine::Script;
use serde_json::json;

use crate::Session;
use crate::arguments::Format;
use crate::contents::Contents;
use crate::terminal::grid;
use crate::trouble::Trouble;
use crate::{document, runbook};

/// Lists the runbooks of the tree, chapter by chapter, with the first line of what they say about themselves.
pub fn list(session: &Session) -> Result<u8, Trouble> {
    let tree = Path::new(runbook::TREE);
    let contents = Contents::of(tree)?;
    let paths = runbook::all_in(tree);
    let names: Vec<String> = paths.iter().map(|path| runbook::name(path, tree)).collect();
    let chapters = contents.sorted(&names);
    let (mut rows, mut documents) = (Vec::new(), Vec::new());
    for (title, places) in &chapters {
        if let Some(title) = title {
            rows.push(vec![(*title).to_owned(), String::new()]);
        }
        let indent = if title.is_some() { "  " } else { "" };
        for place in places {
            let (name, path) = (&names[*place], &paths[*place]);
            let (summary, valid) = match Script::load(path, None, &session.library) {
                Ok(script) => (script.summary().to_owned(), true),
                Err(diagnostic) => (format!("(cannot be read: {diagnostic})"), false),
            };
            documents.push(json!({ "chapter": title, "name": name, "file": path, "summary": summary, "valid": valid }));
            rows.push(vec![format!("{indent}{name}"), summary]);
        }
    }
    if session.format != Format::Table {
        document::write(session.format, &documents);
        return Ok(0);
    }
    if names.is_empty() {
        session.screen.say("There are no runbooks below ./runbooks.");
    }
    document::lines(grid::lines(&["RUNBOOK", "WHAT IT IS FOR"], &rows, session.screen.look(), 0));
    Ok(0)
}
