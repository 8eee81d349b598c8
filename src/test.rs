//! `meshbook test`.

mod watch;

use std::path::{Path, PathBuf};

use meshbook_rehearsal::suite::{self, TestFile, Verdict};
use meshbook_runtime::engine::Diagnostic;
use meshbook_runtime::failure::{Exit, Failure, PARAM};
use meshbook_runtime::run::Stopwatch;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::Session;
use crate::arguments::{Format, Test};
use crate::terminal::{count, escape, took};
use crate::trouble::{Trouble, render};
use crate::{document, runbook};

/// Runs the tests of runbooks on the lab: 0 if all passed, 1 if one failed, 2 if a file cannot be read.
pub fn test(arguments: &Test, session: &Session) -> Result<u8, Trouble> {
    let runtime = session.runtime()?;
    if arguments.watch {
        return watch::watch(arguments, session, &runtime);
    }
    let files = files(&arguments.paths)?;
    let round = round(&files, &arguments.only, session, &runtime);
    if session.format != Format::Table {
        document::write(session.format, &round.document);
    }
    Ok(round.exit.code())
}

/// The files of tests that are meant.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let tree = [PathBuf::from(runbook::TREE)];
    let paths = if paths.is_empty() { &tree[..] } else { paths };
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(runbook::tests_in(path));
        } else if path.is_file() {
            files.push(path.clone());
        } else {
            return Err(Failure::new(&PARAM, format!("there is no file or folder {}", path.display())));
        }
    }
    if files.is_empty() {
        let places: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::new(&PARAM, format!("there are no tests in {}", places.join(", ")))
            .hint(format!("tests are files whose names end in {}", suite::ENDING)));
    }
    Ok(files)
}

/// What one round of all tests came to.
struct Round {
    exit: Exit,
    document: Value,
}

fn round(paths: &[PathBuf], only: &str, session: &Session, runtime: &Runtime) -> Round {
    let watch = Stopwatch::start();
    let mut files = Vec::new();
    let mut unreadable: Vec<(&PathBuf, Vec<Diagnostic>)> = Vec::new();
    for path in paths {
        match TestFile::load(path) {
            Ok(file) => files.push(file),
            Err(found) => unreadable.push((path, found)),
        }
    }
    for (path, found) in &unreadable {
        line(session, &session.screen.look().failed(), path, "cannot be read");
        for diagnostic in found {
            session.screen.say_as_is(&render(diagnostic, session.screen.error_look()));
        }
    }
    let verdicts = suite::run(&files, only, runtime.handle(), &|verdict| report(verdict, session));
    let failed = verdicts.iter().filter(|verdict| verdict.failure.is_some()).count();
    let passed = verdicts.len() - failed;
    let mut said = format!("{} passed, {failed} failed", count(passed, "test"));
    if !unreadable.is_empty() {
        said = format!("{said}, {} cannot be read", count(unreadable.len(), "file"));
    }
    if verdicts.is_empty() && unreadable.is_empty() {
        said = format!("no test has \"{}\" in its title", escape::joined(only));
    }
    session.screen.print(&format!("{said} in {}", took(watch.took())));
    let exit = match (failed, unreadable.is_empty() && !verdicts.is_empty()) {
        (_, false) => Exit::Script,
        (0, true) => Exit::Healthy,
        (_, true) => Exit::Found,
    };
    Round { exit, document: as_document(passed, failed, &verdicts, &unreadable) }
}

fn report(verdict: &Verdict, session: &Session) {
    let screen = &session.screen;
    let title = format!("{} ({})", escape::joined(&verdict.title), took(verdict.took));
    match &verdict.failure {
        None => line(session, &screen.look().ok(), &verdict.file, &title),
        Some(diagnostic) => {
            let mut text = render(diagnostic, screen.error_look());
            if let Some(last) = &verdict.last_run {
                text = format!("{text}\n  the run before it: {}", escape::joined(last));
            }
            line(session, &screen.look().failed(), &verdict.file, &title);
            screen.say_as_is(&text);
        }
    }
}

fn line(session: &Session, mark: &str, file: &Path, what: &str) {
    session.screen.print(&format!("{mark} {}: {what}", file.display()));
}

fn as_document(
    passed: usize,
    failed: usize,
    verdicts: &[Verdict],
    unreadable: &[(&PathBuf, Vec<Diagnostic>)],
) -> Value {
    let tests: Vec<_> = verdicts
        .iter()
        .map(|verdict| {
            json!({
                "file": verdict.file, "line": verdict.line, "title": verdict.title,
                "passed": verdict.failure.is_none(), "took_seconds": verdict.took.as_secs_f64(),
                "error": verdict.failure.as_ref().map(|diagnostic| diagnostic.json()), "last_run": verdict.last_run,
            })
        })
        .collect();
    let unreadable: Vec<_> = unreadable
        .iter()
        .map(|(path, found)| json!({ "file": path, "errors": found.iter().map(Diagnostic::json).collect::<Vec<_>>() }))
        .collect();
    json!({ "passed": passed, "failed": failed, "tests": tests, "unreadable": unreadable })
}
