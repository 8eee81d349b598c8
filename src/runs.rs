//! `meshbook runs`.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use meshbook_runtime::record::file;
use serde_json::json;

use crate::Session;
use crate::arguments::{Format, Runs};
use crate::report::Report;
use crate::terminal::{escape, reporter, table, timeline};
use crate::trouble::Trouble;
use crate::{document, records, state};

/// Lists the runs, or shows one as a timeline.
pub fn runs(arguments: &Runs, session: &Session) -> Result<u8, Trouble> {
    let home = state::home()?;
    match &arguments.run {
        Some(run) => one(&records::find(&home, run)?, session),
        None => {
            list(records::all(&home), arguments.limit, session);
            Ok(0)
        }
    }
}

fn one(record: &records::Record, session: &Session) -> Result<u8, Trouble> {
    let lines = file::read(&record.path)?;
    let mut report = Report::of(&lines);
    report.record = Some(record.path.display().to_string());
    if session.format != Format::Table {
        document::write(session.format, &report);
        return Ok(0);
    }
    let look = session.screen.look;
    let place = reporter::place(&report.context, &report.server, look);
    document::lines([
        look.bold(escape::line(&report.script)),
        format!("run {} in {place}, namespace {}, {}", report.run, escape::line(&report.namespace), when(report.started)),
        String::new(),
    ]);
    document::lines(timeline::lines(&lines, session.verbose > 0, look));
    if report.exit_code.is_none() {
        document::lines([look.notice("The record has no end: the run is still going, or was broken off.")]);
    }
    let open: Vec<_> = report.open_changes().map(|change| format!("  {}: {} ({})", change.object, escape::joined(&change.summary), change.state.text())).collect();
    if !open.is_empty() {
        document::lines(["".to_owned(), look.bold("In force:")]);
        document::lines(open);
        if report.in_process_lab().is_none() {
            document::lines([format!("  undo: {}", look.name(format!("meshbook undo {}", record.short)))]);
        }
    }
    Ok(0)
}

fn list(records: Vec<records::Record>, limit: usize, session: &Session) {
    let all = records.len();
    let mut rows = Vec::new();
    let mut documents = Vec::new();
    for record in records.into_iter().take(limit) {
        // A record that cannot be read is listed too: it may be of a run that changed something.
        let (row, document) = match file::read(&record.path) {
            Ok(lines) => {
                let report = Report::of(&lines);
                let open = report.open_changes().count();
                let document = json!({
                    "run": report.run, "started": report.started, "context": report.context, "namespace": report.namespace,
                    "script": report.script, "mode": report.mode, "ending": report.ending, "exit_code": report.exit_code,
                    "message": report.message, "changes": report.changes.len(), "open_changes": open, "undone": report.undone,
                });
                (row(&record.short, &report, open), document)
            }
            Err(failure) => {
                let row = vec![record.short.clone(), String::new(), String::new(), String::new(), format!("unreadable: {failure}"), String::new()];
                (row, json!({ "run": record.id, "error": failure.message }))
            }
        };
        rows.push(row);
        documents.push(document);
    }
    if session.format != Format::Table {
        document::write(session.format, &documents);
        return;
    }
    if rows.is_empty() {
        session.screen.say("There are no runs yet.");
        return;
    }
    let shown = rows.len();
    document::lines(table::grid(&["RUN", "WHEN", "CONTEXT", "RUNBOOK", "ENDING", "IN FORCE"], &rows, session.screen.look, 0));
    if shown < all {
        session.screen.say(&format!("{} more; --limit {all} lists all.", all - shown));
    }
}

fn row(short: &str, report: &Report, open: usize) -> Vec<String> {
    let name = std::path::Path::new(&report.script).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let ending = match (&report.undone, report.exit_code) {
        (Some(undone), _) => format!("{}, {}", report.ending, if undone.exit_code == Some(0) { "undone" } else { "undone in part" }),
        (None, Some(_)) => report.ending.clone(),
        (None, None) => "no end".into(),
    };
    // What a lab in the process had in force went with it.
    let open = match (open, report.in_process_lab()) {
        (0, _) => "-".to_owned(),
        (_, Some(_)) => "- (lab ended)".to_owned(),
        (open, None) => crate::terminal::count(open, "change"),
    };
    vec![short.to_owned(), when(report.started), report.context.clone(), name, ending, open]
}

/// A time as the person's own clock shows it.
fn when(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "?".into(), |time| time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string())
}
