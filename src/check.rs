//! `meshbook check`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use meshbook_rehearsal::suite::{self, TestFile};
use meshbook_runtime::engine::check::Words;
use meshbook_runtime::engine::limits::STACK;
use meshbook_runtime::engine::{Diagnostic, Script};
use meshbook_runtime::failure::{Exit, Failure, PARAM};
use serde_json::json;

use crate::Session;
use crate::arguments::{Check, Format};
use crate::terminal::count;
use crate::trouble::{Trouble, render};
use crate::{document, runbook};

/// Checks runbooks, or all runbooks of folders, without running them.
pub fn check(arguments: &Check, session: &Session) -> Result<u8, Trouble> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in &arguments.paths {
        if path.is_dir() {
            let mut found = runbook::all_in(path);
            found.extend(runbook::tests_in(path));
            found.sort();
            if found.is_empty() {
                return Err(Failure::new(&PARAM, format!("{} has no runbooks", path.display()))
                    .hint("runbooks end in .rhai")
                    .into());
            }
            files.extend(found);
        } else {
            files.push(runbook::find(path)?);
        }
    }
    let mut errors = 0;
    let mut warnings = 0;
    let mut documents = Vec::new();
    for (file, found) in files.iter().zip(all_findings(&files, session)) {
        errors += found.iter().filter(|diagnostic| !diagnostic.warning).count();
        warnings += found.iter().filter(|diagnostic| diagnostic.warning).count();
        for diagnostic in &found {
            session.screen.say_as_is(&render(diagnostic, session.screen.error_look()));
            session.screen.say("");
        }
        let look = session.screen.look();
        if session.format == Format::Table {
            let (mark, said) = if found.is_empty() {
                (look.ok(), String::new())
            } else {
                (look.failed(), format!(": {}", count(found.len(), "finding")))
            };
            let mark = if found.iter().all(|diagnostic| diagnostic.warning) { look.ok() } else { mark };
            document::lines([format!("{mark} {}{said}", file.display())]);
        }
        documents.push(json!({ "file": file, "findings": found.iter().map(Diagnostic::json).collect::<Vec<_>>() }));
    }
    if session.format != Format::Table {
        document::write(session.format, &json!({ "errors": errors, "warnings": warnings, "files": documents }));
    }
    Ok(if errors == 0 { Exit::Healthy.code() } else { Exit::Script.code() })
}

/// Everything that is wrong with a runbook, or with a file of tests.
pub fn findings(file: &Path, session: &Session) -> Vec<Diagnostic> {
    wrong(file, &Words::of(&session.library), session)
}

/// What is wrong with each file, in their order; as many at once as the machine has processors.
fn all_findings(files: &[PathBuf], session: &Session) -> Vec<Vec<Diagnostic>> {
    let words = Words::of(&session.library);
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from).min(files.len());
    let mut found: Vec<(usize, Vec<Diagnostic>)> = thread::scope(|scope| {
        let work = || {
            let mut own = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(file) = files.get(index) else { break own };
                own.push((index, wrong(file, &words, session)));
            }
        };
        // The calling thread is one of them. Each has room for the deepest text that may be parsed; one that the system
        // does not give leaves its files to the others.
        let helper = || thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..workers).filter_map(|_| helper()).collect();
        let mut found = work();
        for other in others {
            found.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        found
    });
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, findings)| findings).collect()
}

fn wrong(file: &Path, words: &Words, session: &Session) -> Vec<Diagnostic> {
    if suite::is_tests(file) {
        return TestFile::load(file).err().unwrap_or_default();
    }
    match Script::load(file, None, &session.library) {
        Ok(script) => words.check(&script),
        Err(diagnostic) => vec![*diagnostic],
    }
}
