//! `meshbook repl`.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stdin, stdout};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::channel;

use meshbook_repl::{Desk, First, Front, Ink, Interrupts, Onward, Watching};
use meshbook_runtime::effect::Call;
use meshbook_runtime::engine::{Diagnostic, Script};
use meshbook_runtime::failure::{Code, Failure, INTERNAL};
use meshbook_runtime::record::event::{Ended, Line};
use meshbook_runtime::run::{Approver, Mode, Run, Settings};
use meshbook_runtime::value::Table;
use tokio_util::sync::CancellationToken;

use crate::Session;
use crate::arguments::{Format, Repl, Target};
use crate::place::{Kind, Place};
use crate::start::{can_ask, must_talk};
use crate::terminal::approver::Questions;
use crate::terminal::closing::Closing;
use crate::terminal::live::{Blocks, Live};
use crate::terminal::reporter::{self, Terminal};
use crate::terminal::{escape, pager, table, timeline};
use crate::trouble::{Trouble, render};
use crate::{document, explain, hint, interrupt, place, post_mortem, records, runbook, state, values};

/// What the record of a session names as its script.
const SCRIPT: &str = "prompt";

/// Opens a prompt, or without a terminal carries out what standard input says.
pub fn repl(arguments: Repl, session: &Session) -> Result<u8, Trouble> {
    if arguments.inside.is_some() {
        must_talk("--inside")?;
    }
    let home = state::home()?;
    let config = state::config(&home)?;
    let runtime = session.runtime()?;
    let place = runtime.block_on(place::open(&arguments.target, config, &session.library, &home))?;
    let talks = can_ask() && stdout().is_terminal();
    let screen = Arc::clone(&session.screen);
    let terminal = Arc::new(Terminal::at_prompt(Arc::clone(&screen)));
    let interrupts = Arc::new(Interrupts::default());
    // A protected context begins read-only, and `:write` asks for its name: it need not be asked for once more.
    let questions = Arc::new(
        Questions::new(Arc::clone(&terminal), None, {
            let interrupts = Arc::clone(&interrupts);
            move || interrupts.is_interrupted()
        })
        .at_prompt(meshbook_repl::reach),
    );
    let asked = talks.then(|| Arc::clone(&questions) as Arc<dyn Approver>);
    let run = begin(&arguments, &place, &home, session, &terminal, asked, &runtime)?;
    let (tell, reach) = channel();
    if place.replay().is_none() {
        let transport = Arc::clone(&place.transport);
        runtime.spawn(async move {
            let answer = transport.call(&Call::Version).await.map(drop);
            // Nobody listens any more if the session has ended meanwhile.
            let _ = tell.send(answer);
        });
    }
    let desk = Desk {
        run: Arc::clone(&run),
        library: session.library,
        front: Arc::new(Around::new(Arc::clone(&terminal), talks, questions, session.codes(), home.clone())),
        interrupts: Arc::clone(&interrupts),
        home,
        root: root(),
        place: shown(&place, &arguments.target),
        transport: Arc::clone(&place.transport),
        handle: runtime.handle().clone(),
        replay: place.replay().cloned(),
        init: state::init(),
    };
    let gone = gone(&run, &terminal, &arguments.target, Run::leave);
    interrupt::watch_prompt(&runtime, Arc::clone(&screen), interrupts, gone).map_err(|error| {
        Failure::new(&INTERNAL, format!("signals cannot be watched: {error}")).unchanged("the prompt was not opened")
    })?;
    let (ended, exit, onward) = if talks {
        let first = arguments.inside.map(|runbook| First { runbook, values: arguments.values });
        let (ended, onward) = meshbook_repl::open(desk, reach, first)?;
        (ended.clone(), ended.exit, onward)
    } else {
        let (ended, exit) = meshbook_repl::headless(desk, stdin())?;
        (ended, exit, None)
    };
    close(&terminal, &run, &ended, &arguments.target);
    if session.format != Format::Table {
        document::write(session.format, &terminal.report());
    }
    match onward {
        Some(onward) => Err(go_on(&onward).into()),
        None => Ok(exit.code()),
    }
}

/// Becomes a session at another place. Everything of this one has ended, so nothing of it needs to be kept.
fn go_on(onward: &Onward) -> Failure {
    let mut command = Command::new(std::env::current_exe().unwrap_or_else(|_| "meshbook".into()));
    match onward {
        Onward::Lab(world) => command.args(["repl", "--lab", world]),
        Onward::Replay(run) => command.args(["repl", "--replay", run]),
    };
    let error = command.exec();
    Failure::new(&INTERNAL, format!("the other session could not be begun: {error}"))
        .unchanged("the session here has ended")
        .hint("begin it with `meshbook repl`")
}

/// What happens when the session has to end while a prompt waits for a key that will not come: the run is ended by `end`.
pub fn gone(
    run: &Arc<Run>,
    terminal: &Arc<Terminal>,
    target: &Target,
    end: fn(&Run) -> Ended,
) -> impl Fn() + Send + 'static {
    // The editor has the terminal in its own mode.
    let before = rustix::termios::tcgetattr(stdin()).ok();
    let (run, terminal, target) = (Arc::clone(run), Arc::clone(terminal), target.clone());
    move || {
        if let Some(before) = &before {
            let _ = rustix::termios::tcsetattr(stdin(), rustix::termios::OptionalActions::Now, before);
        }
        let (run, terminal, target) = (Arc::clone(&run), Arc::clone(&terminal), target.clone());
        // Ending a run waits for its transport, which no thread of the runtime may.
        std::thread::spawn(move || {
            let ended = end(&run);
            terminal.screen().say("");
            close(&terminal, &run, &ended, &target);
            std::process::exit(i32::from(ended.exit.code()));
        });
    }
}

/// Where a session acts, as its prompt shows it.
pub fn shown(place: &Place, target: &Target) -> meshbook_repl::Place {
    let (context, server) = place.transport.place();
    let (kind, name) = match &place.kind {
        Kind::Cluster(_) if reporter::is_served_lab(&context, &server) => (meshbook_repl::Kind::Lab, context),
        Kind::Cluster(_) => (meshbook_repl::Kind::Live, context),
        Kind::Lab => (meshbook_repl::Kind::Lab, target.lab.clone().unwrap_or(context)),
        Kind::Replay(replay) => (meshbook_repl::Kind::Replay, records::shortened(&replay.started().run).to_owned()),
    };
    meshbook_repl::Place {
        kind,
        name,
        namespace: place.namespace.clone(),
        virtual_time: !matches!(place.kind, Kind::Cluster(_)),
    }
}

/// Begins the run that the session is.
fn begin(
    arguments: &Repl,
    place: &Place,
    home: &Path,
    session: &Session,
    terminal: &Arc<Terminal>,
    approver: Option<Arc<dyn Approver>>,
    runtime: &tokio::runtime::Runtime,
) -> Result<Arc<Run>, Trouble> {
    let mode = if approver.is_some() { Mode::Ask } else { Mode::Unattended };
    let script = Script::from_text(SCRIPT, "", None, &session.library)?;
    let settings = Settings {
        approvals: arguments.approve.clone(),
        read_only: arguments.read_only || place.protected().is_some(),
        budget: place.budget(),
        curl_image: place.config.curl_image.clone(),
        ..Settings::of(&script, mode, &place.namespace, home)
    };
    let transport = Arc::clone(&place.transport);
    // Inputs are interrupted one by one; the run itself ends when its prompt is left.
    let never = CancellationToken::new();
    Ok(Run::start(settings, transport, Arc::clone(terminal) as _, approver, runtime.handle().clone(), never)?)
}

/// The tree that inputs import from: the runbooks here, else this folder.
fn root() -> PathBuf {
    let tree = PathBuf::from(runbook::TREE);
    if tree.is_dir() { tree } else { PathBuf::from(".") }
}

/// The last lines: what was changed and stays, and how to take it back.
fn close(terminal: &Terminal, run: &Run, ended: &Ended, target: &Target) {
    let screen = terminal.screen();
    screen.wait(None);
    let report = terminal.report();
    let record = run.record_path().map(|path| state::short(&path));
    let closing = Closing { undo: hint::undo_of(&report.run, target), make: None, record: record.as_deref() };
    if report.changes.is_empty() && ended.left_behind.is_empty() {
        screen.print(&format!("Left; nothing was changed. Record: {}", record.unwrap_or_else(|| "none".into())));
        return;
    }
    for line in closing.lines(&report, screen.look()) {
        screen.print(&line);
    }
}

/// How lines are seen for which a screen without a pager is not high enough.
const SEARCHED: &str = "with less, or PAGER set, they can be read and searched";

/// The program around the prompt.
pub struct Around {
    terminal: Arc<Terminal>,
    /// Whether a person is there.
    talks: bool,
    questions: Arc<Questions>,
    codes: Vec<&'static Code>,
    /// The folder of records.
    home: PathBuf,
}

impl Around {
    /// Around a prompt, with the codes that failures can have. Only for a person who is there is output paged.
    pub fn new(
        terminal: Arc<Terminal>,
        talks: bool,
        questions: Arc<Questions>,
        codes: Vec<&'static Code>,
        home: PathBuf,
    ) -> Around {
        Around { terminal, talks, questions, codes, home }
    }

    /// What may be longer than the screen is high.
    fn paged(&self, lines: &[String], rest: &str) {
        let screen = self.terminal.screen();
        if self.talks {
            pager::show(screen, lines, rest);
        } else {
            lines.iter().for_each(|line| screen.print(line));
        }
    }
}

impl Front for Around {
    fn clear(&self) {
        self.terminal.screen().wait(None);
    }

    fn print(&self, line: &str) {
        self.terminal.screen().print(line);
    }

    fn say(&self, line: &str) {
        self.terminal.screen().say(line);
    }

    fn table(&self, shown: &Table) {
        let lines = table::lines(shown, self.terminal.screen().look(), 0, table::AT_PROMPT);
        self.paged(&lines, "show(_) prints all; with less, or PAGER set, they can be searched");
    }

    fn records(&self, shown: &Table) {
        self.paged(&table::records(shown, self.terminal.screen().look()), SEARCHED);
    }

    fn watching(&self) -> Box<dyn Watching> {
        let screen = Arc::clone(self.terminal.screen());
        if self.talks && screen.height().is_some() { Box::new(Live::start(screen)) } else { Box::new(Blocks(screen)) }
    }

    fn diagnostic(&self, diagnostic: &Diagnostic) {
        let screen = self.terminal.screen();
        screen.wait(None);
        screen.say_as_is(&render(diagnostic, screen.error_look()));
    }

    fn paint(&self, ink: Ink, text: &str) -> String {
        let look = self.terminal.screen().look();
        let text = escape::line(text);
        match ink {
            _ if text.is_empty() => String::new(),
            Ink::Bold => look.bold(text),
            Ink::Dim => look.dim(text),
            Ink::Good => look.good(text),
            Ink::Bad => look.bad(text),
            Ink::Notice => look.notice(text),
            Ink::Name => look.name(text),
        }
    }

    fn colour(&self) -> bool {
        self.terminal.screen().look().colour
    }

    fn ask(&self, question: &str) -> Option<String> {
        self.terminal.screen().ask(question);
        let answer = self.questions.line();
        if answer.is_none() {
            self.terminal.screen().say("");
        }
        answer
    }

    fn timeline(&self, record: &[Line]) {
        self.paged(&timeline::lines(record, false, self.terminal.screen().look()), SEARCHED);
    }

    fn post_mortem(&self, record: &[Line], found: &BTreeMap<u64, String>) -> String {
        post_mortem::markdown(record, found)
    }

    fn explain(&self, code: &str) -> Result<(), Failure> {
        let screen = self.terminal.screen();
        let code = explain::find(code, &self.codes)?;
        explain::lines(code, screen.look()).iter().for_each(|line| screen.print(line));
        Ok(())
    }

    fn runbook(&self, name: &str) -> Result<PathBuf, Failure> {
        runbook::find(Path::new(name))
    }

    fn runbooks(&self) -> Vec<(String, PathBuf)> {
        let tree = Path::new(runbook::TREE);
        runbook::all_in(tree).into_iter().map(|path| (runbook::name(&path, tree), path)).collect()
    }

    fn world(&self, name: &str) -> Result<String, Failure> {
        meshbook_rehearsal::mesh::world(name).map(|_| name.to_owned())
    }

    fn run(&self, run: &str) -> Result<String, Failure> {
        // The last one is not the session that asks.
        let record = records::find_before(&self.home, run, &self.terminal.report().run)?;
        Ok(record.file_stem().unwrap_or_default().to_string_lossy().into_owned())
    }

    fn parameters(&self, words: &[String]) -> Result<BTreeMap<String, String>, Failure> {
        values::given(words, None)
    }
}
