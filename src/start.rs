//! What `run` and `plan` share: from the command line to the last line of the report.

use std::io::{IsTerminal, stderr, stdin};
use std::sync::Arc;
use std::time::Duration;

use meshbook_runtime::engine::{self, Script, params};
use meshbook_runtime::failure::{Failure, INTERNAL};
use meshbook_runtime::gate::{Approval, Budget};
use meshbook_runtime::record::event::{Event, Line};
use meshbook_runtime::run::{Approver, Mode, Run, Settings};

use crate::Session;
use crate::arguments::{Book, Format, Target};
use crate::terminal::approver::Questions;
use crate::terminal::closing::Closing;
use crate::terminal::reporter::Terminal;
use crate::trouble::{Trouble, render};
use crate::{document, hint, interrupt, place, runbook, state, values};

/// How a run treats changes, from the command line.
pub struct Manner {
    /// How it treats changes.
    pub mode: Mode,
    /// What is approved beforehand.
    pub approvals: Vec<Approval>,
    /// Refuse every change.
    pub read_only: bool,
    /// How long it may take.
    pub deadline: Option<Duration>,
}

/// Whether a person can be asked: both what they type and what they are shown is a terminal.
pub fn can_ask() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// Runs a runbook to its end, and says how it ended.
pub fn start(book: &Book, target: &Target, manner: Manner, session: &Session) -> Result<u8, Trouble> {
    // Everything that can be known to be wrong is said before anything is asked of a cluster.
    let file = runbook::find(&book.file)?;
    let script = Script::load(&file, None, &session.library)?;
    let given = values::given(&book.values, book.params.as_deref())?;
    let values = params::values(&script.params, &given)?;
    let home = state::home()?;
    let config = state::config(&home)?;
    let runtime = session.runtime()?;
    let place = runtime.block_on(place::open(target, config))?;

    let screen = Arc::clone(&session.screen);
    let terminal = Arc::new(Terminal::new(Arc::clone(&screen)));
    let cancel = interrupt::watch(&runtime, Arc::clone(&screen))
        .map_err(|error| Failure::new(&INTERNAL, format!("signals cannot be watched: {error}")).unchanged("the run was not started"))?;
    let is_plan = manner.mode == Mode::Plan;
    let approver = (manner.mode == Mode::Ask).then(|| Arc::new(Questions::new(Arc::clone(&terminal), cancel.clone())) as Arc<dyn Approver>);
    let settings = Settings {
        mode: manner.mode,
        namespaces: vec![place.namespace.clone()],
        namespace: place.namespace,
        approvals: manner.approvals,
        read_only: manner.read_only,
        deadline: manner.deadline,
        budget: Budget::default(),
        field_manager: "meshbook".into(),
        home,
        script: script.path.clone(),
        hash: script.hash.clone(),
        params: values.iter().map(|(name, value)| (name.clone(), value.to_json())).collect(),
    };
    let run = Run::start(settings, place.transport, Arc::clone(&terminal) as _, approver, runtime.handle().clone(), cancel)?;
    let outcome = engine::execute(&script, &run, values, &session.library);
    screen.wait(None);

    let mut report = terminal.report();
    if report.exit_code.is_none() {
        // The record could not take the last line, so the reporter has not seen it.
        report.add(&Line { number: 0, at: report.started.unwrap_or_default(), event: Event::Ended(Box::new(outcome.ended.clone())) });
    }
    let record = run.record_path();
    report.record = record.as_ref().map(|path| path.display().to_string());
    if let Some(diagnostic) = &outcome.diagnostic {
        screen.say("");
        screen.say(&render(diagnostic, screen.error_look));
        report.error = Some(diagnostic.json());
    }
    let record = record.as_deref().map(state::short);
    let closing = Closing {
        undo: hint::undo(&report, target),
        make: is_plan.then(|| hint::make(&report, book, target)),
        record: record.as_deref(),
    };
    for line in closing.lines(&report, screen.look) {
        screen.print(&line);
    }
    if session.format != Format::Table {
        document::write(session.format, &report);
    }
    Ok(outcome.ended.exit.code())
}
