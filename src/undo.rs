//! `meshbook undo`.

use std::sync::Arc;

use meshbook_runtime::change::undo;
use meshbook_runtime::failure::{Failure, INTERNAL, UNDO_NOTHING};
use meshbook_runtime::record::event::Ended;
use meshbook_runtime::record::file;
use serde_json::json;

use crate::Session;
use crate::arguments::{Cluster, Format, Target, Undo};
use crate::report::{ChangeReport, Report};
use crate::terminal::closing::meaning;
use crate::terminal::look::Look;
use crate::terminal::reporter::{self, Terminal};
use crate::terminal::{count, escape};
use crate::trouble::Trouble;
use crate::{document, hint, interrupt, neighbours, place, records, state};

/// Takes back what a run has changed and what still stands of it.
pub fn undo(arguments: &Undo, session: &Session) -> Result<u8, Trouble> {
    let home = state::home()?;
    let path = records::find(&home, &arguments.run)?;
    let record = file::read(&path)?;
    let report = Report::of(&record);
    if let Some(world) = report.in_process_lab() {
        return Err(lab_is_gone(&report.run, world).into());
    }
    let config = state::config(&home)?;
    let runtime = session.runtime()?;
    let cluster = Cluster {
        namespace: Some(report.namespace.clone()),
        context: Some(arguments.context.clone().unwrap_or_else(|| report.context.clone())),
        kubeconfig: arguments.kubeconfig.clone(),
    };
    // The run says in which context and namespace it was.
    let asked = Target::of(Cluster { context: arguments.context.clone(), namespace: None, ..cluster.clone() });
    let place = runtime.block_on(place::open(&Target::of(cluster), config, &session.library, &home))?;
    let screen = Arc::clone(&session.screen);
    let look = screen.look();
    let pending = undo::pending(&record)?;
    if !arguments.out_of_order {
        neighbours::hold_order(&home, &report.run, &pending, &asked)?;
    }
    let standing: Vec<u64> = pending.into_iter().map(|change| change.number).collect();
    screen.print(&format!(
        "{}  {} of run {}",
        look.bold(escape::line(&report.script)),
        if standing.is_empty() {
            "nothing stands".to_owned()
        } else {
            format!("take back {}", count(standing.len(), "change"))
        },
        report.run
    ));
    screen.print(&format!(
        "{} {} namespace {}",
        reporter::place(&report.context, &report.server, look),
        look.dot(),
        look.name(escape::line(&report.namespace))
    ));
    screen.print("");
    let terminal = Arc::new(Terminal::resuming(Arc::clone(&screen), report));
    let cancel = interrupt::watch(&runtime, Arc::clone(&screen), &interrupt::UNDO).map_err(|error| {
        Failure::new(&INTERNAL, format!("signals cannot be watched: {error}")).unchanged("nothing was taken back")
    })?;
    let ended =
        undo::undo(&path, &home, place.transport, Arc::clone(&terminal) as _, runtime.handle().clone(), cancel)?;
    screen.wait(None);
    let report = terminal.report();
    let parts = neighbours::earlier_parts(&home, &report.run);
    let next = parts.first().map(|part| hint::undo_of(part, &asked));
    for line in closing(&ended, next.as_deref(), look) {
        screen.print(&line);
    }
    if session.format != Format::Table {
        let changes: Vec<&ChangeReport> =
            report.changes.iter().filter(|change| standing.contains(&change.number)).collect();
        let left: Vec<_> = ended
            .left_behind
            .iter()
            .map(|(change, why)| json!({ "change": change, "object": report.object_of(*change), "why": why }))
            .collect();
        document::write(
            session.format,
            &json!({
                "run": report.run, "context": report.context, "namespace": report.namespace, "script": report.script,
                "ending": ended.ending, "message": ended.message, "exit_code": ended.exit.code(), "hint": ended.hint,
                "changes": changes, "left_behind": left, "record": path,
            }),
        );
    }
    Ok(ended.exit.code())
}

fn closing(ended: &Ended, next: Option<&str>, look: Look) -> Vec<String> {
    let clean = ended.left_behind.is_empty();
    let word = if clean { look.good("Undone") } else { look.bad("Not all undone") };
    let mark = if clean { look.ok() } else { look.failed() };
    let headline = format!("{}: {}", look.bold(word), escape::joined(&ended.message));
    let mut lines = vec![String::new(), if look.symbols { format!("{mark} {headline}") } else { headline }];
    for (_, why) in &ended.left_behind {
        lines.push(format!("  {}    {}", look.bad("STAYS"), escape::joined(why)));
    }
    if let Some(hint) = &ended.hint {
        lines.push(format!("  {}     {}", look.dim("help"), escape::joined(hint)));
    }
    if let Some(next) = next {
        let next = look.name(next);
        lines.push(format!("  {}     {next}, an earlier part of the same work that was broken off", look.dim("next")));
    }
    let code = ended.exit.code();
    let meaning = if clean { "everything is as before" } else { meaning(code) };
    lines.push(format!("  {}     {code}, {meaning}", look.dim("exit")));
    lines
}

fn lab_is_gone(run: &str, world: &str) -> Failure {
    Failure::new(&UNDO_NOTHING, format!("run {run} changed the lab `{world}` inside its own process, and that lab ended with it"))
        .unchanged("there is nothing left to take back")
        .hint(format!("to try an undo, serve the lab by `meshbook lab --world {world}`, run against the KUBECONFIG that it prints, and undo that run"))
}
