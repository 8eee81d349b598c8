//! The command line of meshbook: one file for each subcommand.
//!
//! [`arguments`] says what can be written, [`start`] is the way from there to a run, [`terminal`] what a person sees,
//! [`report`] what a program gets.

mod arguments;
mod check;
mod completions;
mod contents;
mod describe;
mod document;
mod explain;
mod hint;
mod interrupt;
mod lab;
mod list;
mod neighbours;
mod place;
mod plan;
mod post_mortem;
mod records;
mod repl;
mod report;
mod run;
mod runbook;
mod runs;
mod start;
mod state;
mod terminal;
mod test;
mod trace;
mod trouble;
mod undo;
mod values;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use meshbook_runtime::failure::{CODES, Code, Failure, INTERNAL};
use meshbook_runtime::primitive::Library;
use tokio::runtime::Runtime;

use crate::arguments::{Arguments, Command, Format};
use crate::terminal::screen::Screen;
use crate::trouble::{Trouble, render};

/// Rhai names closures by a hash. With a seed of its own in every process, records of the same script would differ.
const HASHING_SEED: [u64; 4] = [0x6d65_7368, 0x626f_6f6b, 0x7275_6e62, 0x6f6f_6b73];

/// What every subcommand needs.
pub struct Session {
    /// The streams.
    pub screen: Arc<Screen>,
    /// What standard output is for.
    pub format: Format,
    /// How much is said beside the report.
    pub verbose: u8,
    /// What runbooks can say.
    pub library: Library,
}

impl Session {
    /// The runtime of connections. Only what goes to a cluster or serves one needs it.
    ///
    /// # Errors
    /// When the system has no threads for it.
    pub fn runtime(&self) -> Result<Runtime, Failure> {
        // rustls takes the first provider that is installed; a second one would only be this one again.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // They wait for sockets most of the time; on a machine of 64 processors, 64 of them would only take time to start.
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .thread_name("meshbook")
            .build()
            .map_err(|error| Failure::new(&INTERNAL, format!("there are no threads for connections: {error}")))
    }

    /// Every code that a failure can have.
    pub fn codes(&self) -> Vec<&'static Code> {
        CODES.iter().chain(meshbook_rehearsal::LIBRARY.codes).copied().collect()
    }
}

fn main() -> ExitCode {
    // It is the first call, so nothing can have set another seed.
    let _ = rhai::config::hashing::set_hashing_seed(Some(HASHING_SEED));
    let arguments = Arguments::parse();
    let output = &arguments.output;
    let session = Session {
        screen: Arc::new(Screen::new(output.output == Format::Table, output.no_color, output.verbose > 0)),
        format: output.output,
        verbose: output.verbose,
        library: meshbook_stdlib::LIBRARY,
    };
    let result = trace::start(output).map_err(Trouble::from).and_then(|()| dispatch(arguments.command, &session));
    let code = result.unwrap_or_else(|trouble| {
        session.screen.say_as_is(&render(&trouble.0, session.screen.error_look()));
        if session.format != Format::Table {
            document::write(session.format, &trouble.document());
        }
        trouble.exit_code()
    });
    ExitCode::from(code)
}

fn dispatch(command: Command, session: &Session) -> Result<u8, Trouble> {
    match command {
        Command::Run(arguments) => run::run(arguments, session),
        Command::Plan(arguments) => plan::plan(&arguments, session),
        Command::Repl(arguments) => repl::repl(arguments, session),
        Command::Undo(arguments) => undo::undo(&arguments, session),
        Command::Runs(arguments) => runs::runs(&arguments, session),
        Command::List => list::list(session),
        Command::Describe(arguments) => describe::describe(&arguments, session),
        Command::Check(arguments) => check::check(&arguments, session),
        Command::Test(arguments) => test::test(&arguments, session),
        Command::Lab(arguments) => lab::lab(&arguments, session),
        Command::Explain(arguments) => explain::explain(&arguments, session),
        Command::Completions(arguments) => completions::completions(&arguments),
    }
}
