//! The live prompt: a run whose script a person types.
//!
//! - [`open`]: a conversation at a terminal. [`headless`]: the same without one. [`Guide`]: one in the middle of a runbook.
//! - `session`: what one input does. `command/`: the `:` commands, a file each; `question`: `name?` and `name??`.
//! - `editor`, `typing`, `complete/`, `history`: the line that is typed.
//! - [`Front`]: what the prompt needs of the program around it. This crate knows no cluster and no colours.

mod command;
mod complete;
mod editor;
mod front;
mod guide;
mod headless;
mod history;
mod interrupts;
mod line;
mod private;
mod question;
mod saved;
mod search;
mod session;
mod typing;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use meshbook_runtime::engine::{Diagnostic, limits};
use meshbook_runtime::failure::{Failure, INTERNAL};
use meshbook_runtime::primitive::Library;
use meshbook_runtime::record::event::Ended;
use meshbook_runtime::run::Run;
use meshbook_runtime::transport::Transport;
use meshbook_runtime::transport::replay::Replay;
use tokio::runtime::Handle;

pub use crate::front::{Front, Ink, Seen, Watching};
pub use crate::guide::Guide;
pub use crate::headless::headless;
pub use crate::interrupts::Interrupts;
use crate::session::Session;
/// What a change would reach, for whoever asks whether to make it.
pub use meshbook_stdlib::reach::of as reach;

/// Whether the cluster answers, once that is known.
pub type Reach = Receiver<Result<(), Failure>>;

/// Where and with what a session is held.
#[derive(Clone)]
pub struct Desk {
    /// The run that the session is.
    pub run: Arc<Run>,
    /// What can be said.
    pub library: Library,
    /// The program around the prompt.
    pub front: Arc<dyn Front>,
    /// Where signals arrive.
    pub interrupts: Arc<Interrupts>,
    /// The folder of records; the history is kept there too.
    pub home: PathBuf,
    /// The tree that imports stay in.
    pub root: PathBuf,
    /// Where the session acts.
    pub place: Place,
    /// The way to what can be named, for whoever types. What is done goes through the run.
    pub transport: Arc<dyn Transport>,
    /// Where what is looked at behind the prompt is waited for.
    pub handle: Handle,
    /// The record that answers, if one does.
    pub replay: Option<Arc<Replay>>,
    /// A file that a session at a terminal begins with, if it exists.
    pub init: Option<PathBuf>,
}

/// A runbook that a session begins with.
pub struct First {
    /// Its file, or its name.
    pub runbook: String,
    /// Values of its parameters, as `NAME=VALUE`.
    pub values: Vec<String>,
}

/// Where a session acts, as the prompt shows it.
#[derive(Clone, Debug)]
pub struct Place {
    /// What it is.
    pub kind: Kind,
    /// The context's name, the world's, or the beginning of the run's id.
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// Whether its time is virtual, so that waiting takes none on the wall.
    pub virtual_time: bool,
}

/// What is at the place of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A cluster.
    Live,
    /// A lab.
    Lab,
    /// The record of a run.
    Replay,
}

/// Where a person goes on after a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Onward {
    /// In this world of the lab.
    Lab(String),
    /// In the record of this run.
    Replay(String),
}

/// Talks with the person at the terminal until they leave. Answers how the session ended, and where they go on.
///
/// # Errors
/// When there is no thread, or the terminal cannot be used.
pub fn open(desk: Desk, reach: Reach, first: Option<First>) -> Result<(Ended, Option<Onward>), Box<Diagnostic>> {
    with_stack(desk, move |session, desk| {
        session.talks = true;
        session.prepare();
        if let Some(First { runbook, values }) = first {
            session.begin_with(&runbook, &values);
        }
        editor::converse(session, &desk, Some(reach))?;
        Ok((session.run().leave(), session.onward.take()))
    })
}

/// Scripts may nest deeper than a default thread's stack allows.
fn with_stack<T: Send>(
    desk: Desk,
    talk: impl FnOnce(&mut Session, Desk) -> Result<T, Failure> + Send,
) -> Result<T, Box<Diagnostic>> {
    let failed = |what: String| Diagnostic::without_place(Failure::new(&INTERNAL, what));
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("prompt".into()).stack_size(limits::STACK);
        let talking = thread.spawn_scoped(scope, || {
            let mut session = Session::new(&desk)?;
            talk(&mut session, desk).map_err(Diagnostic::without_place)
        });
        let thread = talking.map_err(|error| failed(format!("no thread for the prompt: {error}")))?;
        thread.join().unwrap_or_else(|_| Err(failed("the prompt failed by a fault of its own".into())))
    })
}
