//! What `run` and `plan` share: from the command line to the last line of the report.

use std::io::{IsTerminal, stderr, stdin, stdout};
use std::sync::Arc;
use std::time::Duration;

use meshbook_repl::{Desk, Guide, Interrupts};
use meshbook_runtime::engine::{self, Script, params};
use meshbook_runtime::failure::{DENIED, Failure, INTERNAL, PARAM};
use meshbook_runtime::gate::Approval;
use meshbook_runtime::record::event::{Event, Line};
use meshbook_runtime::run::{Approver, Mode, Run, Settings};

use crate::Session;
use crate::arguments::{Book, Format, Target};
use crate::place::Place;
use crate::repl::{self, Around};
use crate::terminal::approver::Questions;
use crate::terminal::closing::Closing;
use crate::terminal::reporter::Terminal;
use crate::trouble::{Trouble, render};
use crate::{document, hint, interrupt, neighbours, place, runbook, state, values};

/// How a run treats changes, from the command line.
pub struct Manner {
    /// How it treats changes.
    pub mode: Mode,
    /// What is approved beforehand.
    pub approvals: Vec<Approval>,
    /// Refuse every change.
    pub read_only: bool,
    /// Let primitives execute commands in pods.
    pub allow_exec: bool,
    /// How long it may take.
    pub deadline: Option<Duration>,
    /// Open a prompt where a step fails.
    pub debug: bool,
}

/// Whether a person can be asked: both what they type and what they are shown is a terminal.
pub fn can_ask() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// Makes sure that a person can type at a prompt.
///
/// # Errors
/// When there is no terminal.
pub fn must_talk(what: &str) -> Result<(), Failure> {
    if can_ask() && stdout().is_terminal() {
        return Ok(());
    }
    Err(Failure::new(&PARAM, format!("{what} opens a prompt where a step fails, and there is no terminal to type at"))
        .unchanged("nothing was run")
        .hint("run it at a terminal, or without that option"))
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
    let place = runtime.block_on(place::open(target, config.clone(), &session.library, &home))?;
    let second = runtime.block_on(place::open_second(&place, target, &values, config, &session.library))?;

    confirmed(&place, target, &manner)?;
    let screen = Arc::clone(&session.screen);
    let terminal = Arc::new(Terminal::new(Arc::clone(&screen)));
    let interrupts = Arc::new(Interrupts::default());
    let cancel = if manner.debug {
        Ok(interrupts.begin())
    } else {
        interrupt::watch(&runtime, Arc::clone(&screen), &interrupt::RUN)
    };
    let unwatched = |error: std::io::Error| {
        Failure::new(&INTERNAL, format!("signals cannot be watched: {error}")).unchanged("the run was not started")
    };
    let cancel = cancel.map_err(unwatched)?;
    let is_plan = manner.mode == Mode::Plan;
    let protected = place.protected().map(str::to_owned);
    let questions = if manner.debug {
        let interrupts = Arc::clone(&interrupts);
        Questions::new(Arc::clone(&terminal), protected, move || interrupts.is_interrupted()).in_debugging()
    } else {
        let interrupted = cancel.clone();
        Questions::new(Arc::clone(&terminal), protected, move || interrupted.is_cancelled())
    };
    let questions = Arc::new(questions);
    let approver = (manner.mode == Mode::Ask).then(|| Arc::clone(&questions) as Arc<dyn Approver>);
    let settings = Settings {
        approvals: manner.approvals,
        read_only: manner.read_only,
        allow_exec: manner.allow_exec,
        deadline: manner.deadline,
        budget: place.budget(),
        curl_image: place.config.curl_image.clone(),
        params: values.iter().map(|(name, value)| (name.clone(), value.to_json())).collect(),
        second,
        ..Settings::of(&script, manner.mode, &place.namespace, &home)
    };
    let transport = Arc::clone(&place.transport);
    let run = Run::start(settings, transport, Arc::clone(&terminal) as _, approver, runtime.handle().clone(), cancel)?;
    let record = run.record_path();
    let mut guide = None;
    let outcome = if manner.debug {
        let desk = Desk {
            run: Arc::clone(&run),
            library: session.library,
            front: Arc::new(Around::new(Arc::clone(&terminal), true, questions, session.codes(), home.clone())),
            interrupts: Arc::clone(&interrupts),
            home: home.clone(),
            root: engine::script::tree_of(&file),
            place: repl::shown(&place, target),
            transport: Arc::clone(&place.transport),
            handle: runtime.handle().clone(),
            replay: place.replay().cloned(),
            init: None,
        };
        let gone = repl::gone(&run, &terminal, target, |run| run.abandon());
        interrupt::watch_prompt(&runtime, Arc::clone(&screen), interrupts, gone).map_err(unwatched)?;
        let stepper = Arc::clone(guide.insert(Arc::new(Guide::new(desk, false))));
        engine::execute_stepwise(&script, &run, values, &session.library, stepper)
    } else {
        engine::execute(&script, &run, values, &session.library)
    };
    screen.wait(None);

    let mut report = terminal.report();
    if report.exit_code.is_none() {
        // The record could not take the last line, so the reporter has not seen it.
        report.add(&Line {
            number: 0,
            at: report.started.unwrap_or_default(),
            event: Event::Ended(Box::new(outcome.ended.clone())),
        });
    }
    report.record = record.as_ref().map(|path| path.display().to_string());
    if let Some(diagnostic) = &outcome.diagnostic {
        if !guide.is_some_and(|guide| guide.has_told(diagnostic)) {
            if screen.error_look().width.is_some() {
                screen.say("");
            }
            screen.say_as_is(&render(diagnostic, screen.error_look()));
        }
        report.error = Some(diagnostic.json());
        // It has been said; but for what only the end of the run knows: what a person has done by hand, and stands.
        let failure = &diagnostic.failure;
        if report.hint == failure.hint {
            report.hint = None;
        }
        if report.unchanged == failure.unchanged {
            report.unchanged = None;
        }
    }
    let record = record.as_deref().map(state::short);
    let parts = if report.open_changes().next().is_some() && report.in_process_lab().is_none() {
        neighbours::earlier_parts(&home, &report.run)
    } else {
        Vec::new()
    };
    let closing = Closing {
        undo: neighbours::in_turn(&report.run, &parts, target),
        // What a record has planned was never asked of a cluster.
        make: (is_plan && place.replay().is_none()).then(|| hint::make(&report, book, target)),
        record: record.as_deref(),
    };
    for line in closing.lines(&report, screen.look()) {
        screen.print(&line);
    }
    if session.format != Format::Table {
        document::write(session.format, &report);
    }
    Ok(outcome.ended.exit.code())
}

/// Where the configuration says `protected`, whoever approves changes beforehand has to name the context too.
///
/// # Errors
/// When it is not named.
fn confirmed(place: &Place, target: &Target, manner: &Manner) -> Result<(), Failure> {
    match place.protected() {
        Some(context)
            if manner.mode == Mode::Unattended && !manner.approvals.is_empty() && target.cluster.context.is_none() =>
        {
            Err(Failure::new(&DENIED, format!("the context {context} is protected, and was not named"))
                .unchanged("the run was not started, and nothing was changed")
                .hint(format!("if it is the one you mean, add `--context {context}`")))
        }
        _ => Ok(()),
    }
}
