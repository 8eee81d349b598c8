//! The live prompt: a run whose script a person types.
//!
//! - [`open`]: a conversation at a terminal. [`headless`]: the same without one.
//! - `session`: what one input does. `command/`: the `:` commands, a file each; `question`: `name?` and `name??`.
//! - `editor`, `typing`, `complete/`, `history`: the line that is typed.
//! - [`Front`]: what the prompt needs of the program around it. This crate knows no cluster and no colours.

mod command;
mod complete;
mod editor;
mod front;
mod headless;
mod history;
mod interrupts;
mod line;
mod question;
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

pub use crate::front::{Front, Ink, Seen, Watching};
pub use crate::headless::headless;
pub use crate::interrupts::Interrupts;
use crate::session::Session;
/// What a change would reach, for whoever asks whether to make it.
pub use meshbook_stdlib::reach::of as reach;

/// Where and with what a session is held.
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
    /// Whether the cluster answers, once that is known.
    pub reach: Receiver<Result<(), Failure>>,
}

/// Where a session acts, as the prompt shows it.
#[derive(Clone, Debug)]
pub struct Place {
    /// Whether it is a lab.
    pub lab: bool,
    /// The context's name, or the world's.
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// Whether its time is virtual, so that waiting takes none on the wall.
    pub virtual_time: bool,
}

/// Talks with the person at the terminal until they leave.
///
/// # Errors
/// When there is no thread, or the terminal cannot be used.
pub fn open(desk: Desk) -> Result<Ended, Box<Diagnostic>> {
    with_stack(desk, editor::converse)
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
