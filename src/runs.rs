//! `meshbook runs`.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use meshbook_runtime::record::{file, list};
use serde_json::json;

use crate::Session;
use crate::arguments::{Format, Runs};
use crate::report::Report;
use crate::terminal::{count, escape, grid, reporter, timeline};
use crate::trouble::{Trouble, render};
use crate::{document, records, state};

/// Lists the runs, or shows one as a timeline.
pub fn runs(arguments: &Runs, session: &Session) -> Result<u8, Trouble> {
    let home = state::home()?;
    match &arguments.run {
        Some(run) => one(&records::find(&home, run)?, session),
        None => all(&home, arguments.limit, session),
    }
}

fn one(path: &Path, session: &Session) -> Result<u8, Trouble> {
    let lines = file::read(path)?;
    let mut report = Report::of(&lines);
    report.record = Some(path.display().to_string());
    if session.format != Format::Table {
        document::write(session.format, &report);
        return Ok(0);
    }
    let look = session.screen.look();
    let place = reporter::place(&report.context, &report.server, look);
    document::lines([
        look.bold(escape::line(&report.script)),
        format!(
            "run {} in {place}, namespace {}, {}",
            report.run,
            escape::line(&report.namespace),
            when(report.started)
        ),
        String::new(),
    ]);
    document::lines(timeline::lines(&lines, session.verbose > 0, look).iter().flat_map(|line| look.fitted(line)));
    if report.exit_code.is_none() {
        document::lines([look.notice("The record has no end: the run is still going, or was broken off.")]);
    }
    let open: Vec<_> = report
        .open_changes()
        .map(|change| format!("  {}: {} ({})", change.object, escape::joined(&change.summary), change.state.text()))
        .collect();
    if !open.is_empty() && report.in_process_lab().is_none() {
        document::lines([String::new(), look.bold("In force:")]);
        document::lines(open);
        document::lines([format!("  undo: {}", look.name(format!("meshbook undo {}", report.run)))]);
    }
    Ok(0)
}

fn all(home: &Path, limit: usize, session: &Session) -> Result<u8, Trouble> {
    let (runs, unreadable) = list::list(home)?;
    for failure in unreadable {
        // It may be the record of a run that changed something, so it is not passed over.
        session.screen.say_as_is(&render(&Trouble::from(failure).0, session.screen.error_look()));
    }
    if session.format != Format::Table {
        let documents = runs.iter().take(limit).map(|run| {
            json!({
                "run": run.id, "at": run.at, "started": run.started, "ended": run.ended,
                "in_force": in_force(run), "record": run.path,
            })
        });
        document::write(session.format, &documents.collect::<Vec<_>>());
        return Ok(0);
    }
    if runs.is_empty() {
        session.screen.say("There are no runs yet.");
        return Ok(0);
    }
    let ids: Vec<_> = runs.iter().map(|run| run.id.as_str()).collect();
    let short = records::short(&ids);
    let rows: Vec<_> = runs.iter().zip(short).take(limit).map(|(run, short)| row(short, run)).collect();
    document::lines(grid::lines(
        &["RUN", "WHEN", "CONTEXT", "RUNBOOK", "ENDING", "IN FORCE"],
        &rows,
        session.screen.look(),
        0,
    ));
    if rows.len() < runs.len() {
        session.screen.say(&format!("{} more; `--limit {}` lists all.", runs.len() - rows.len(), runs.len()));
    }
    Ok(0)
}

fn row(short: String, run: &list::Summary) -> Vec<String> {
    let runbook = Path::new(&run.started.script).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let ending = run.ended.as_ref().map_or_else(|| "no end".into(), |ended| ended.ending.clone());
    let in_force = match in_force(run) {
        None => "unknown".into(),
        Some(0) => "-".into(),
        // What a lab in the run's own process had in force went with it.
        Some(_) if run.started.context.starts_with("lab ") => "-".into(),
        Some(changes) => count(changes, "change"),
    };
    vec![short, when(Some(run.at)), run.started.context.clone(), runbook, ending, in_force]
}

/// How many of its changes stand; `None` if the record has no end that says it.
fn in_force(run: &list::Summary) -> Option<usize> {
    run.ended.as_ref().map(|ended| ended.kept.len() + ended.left_behind.len())
}

/// A time as the person's own clock shows it.
fn when(time: Option<Timestamp>) -> String {
    time.map_or_else(
        || "?".into(),
        |time| time.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}
