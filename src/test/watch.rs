//! `meshbook test --watch`: again whenever a file is saved.

use std::path::{Path, PathBuf};
use std::time::Duration;

use meshbook_runtime::failure::{CONFIG, Exit, Failure};
use notify::{Event, EventKind, RecursiveMode, Watcher};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{files, round};
use crate::Session;
use crate::arguments::Test;
use crate::check::findings;
use crate::interrupt::Signals;
use crate::runbook;
use crate::trouble::{Trouble, render};

/// An editor saves in several strokes (write beside, rename, touch): what comes within this time is one saving.
const PAUSE: Duration = Duration::from_millis(100);

/// Checks and tests, and does it again after each saving, until somebody interrupts.
pub fn watch(arguments: &Test, session: &Session, runtime: &Runtime) -> Result<u8, Trouble> {
    let cannot = |why: String| Failure::new(&CONFIG, format!("files cannot be watched: {why}"));
    let (send, mut saved) = unbounded_channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // Whoever no longer listens has ended.
        if let Ok(event) = event
            && concerns(&event)
        {
            let _ = send.send(());
        }
    })
    .map_err(|error| cannot(error.to_string()))?;
    for folder in folders(&arguments.paths) {
        watcher
            .watch(&folder, RecursiveMode::Recursive)
            .map_err(|error| cannot(format!("{}: {error}", folder.display())))?;
    }
    let mut signals = {
        let _inside = runtime.enter();
        Signals::catch().map_err(|error| cannot(error.to_string()))?
    };
    loop {
        once(arguments, session, runtime);
        session.screen.say("Waiting for a file to be saved; Ctrl-C ends it.");
        let interrupted = runtime.block_on(async {
            tokio::select! {
                () = signals.next() => true,
                () = saving(&mut saved) => false,
            }
        });
        if interrupted {
            return Ok(Exit::Interrupted.code());
        }
    }
}

/// One round: what is wrong with the runbooks, then the tests. That there are none yet, or that one is half written, is
/// said and waited out.
fn once(arguments: &Test, session: &Session, runtime: &Runtime) {
    let screen = &session.screen;
    for folder in folders(&arguments.paths) {
        for diagnostic in runbook::all_in(&folder).iter().flat_map(|file| findings(file, session)) {
            screen.say_as_is(&render(&diagnostic, screen.error_look()));
        }
    }
    match files(&arguments.paths) {
        Ok(files) => {
            round(&files, &arguments.only, session, runtime);
        }
        Err(failure) => screen.say_as_is(&render(&Trouble::from(failure).0, screen.error_look())),
    }
}

/// The folders to watch. A file is watched by its folder: an editor that saves by rename leaves another file in its place.
fn folders(paths: &[PathBuf]) -> Vec<PathBuf> {
    if paths.is_empty() {
        return vec![PathBuf::from(runbook::TREE)];
    }
    let mut folders: Vec<_> = paths
        .iter()
        .map(|path| if path.is_dir() { path.clone() } else { meshbook_runtime::engine::script::tree_of(path) })
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

/// Whether an event is about a script or a world, and more than a look at it.
fn concerns(event: &Event) -> bool {
    !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|path| is_ours(path))
}

fn is_ours(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rhai" || extension == "toml")
}

/// Waits for a saving to begin and to end.
async fn saving(saved: &mut UnboundedReceiver<()>) {
    if saved.recv().await.is_none() {
        // The watcher lives as long as the loop, so this is never.
        std::future::pending::<()>().await;
    }
    while let Ok(Some(())) = tokio::time::timeout(PAUSE, saved.recv()).await {}
}
