//! SIGINT, SIGTERM and SIGHUP stop a run in order: what it is doing is settled, what was not proved is taken back.

use std::io;
use std::sync::Arc;

use meshbook_repl::Interrupts;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::terminal::screen::Screen;

/// The signals that ask a process to end. A terminal that goes away is one of them: changes must not stay half-proved
/// because a connection broke.
pub struct Signals([Signal; 3]);

impl Signals {
    /// Catches them from now on. It is called inside a runtime.
    ///
    /// # Errors
    /// When the system does not let the process watch signals.
    pub fn catch() -> io::Result<Signals> {
        Ok(Signals([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?]))
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// What is said when a signal arrives.
pub struct Words {
    /// At the first.
    pub first: &'static str,
    /// At each further one.
    pub further: &'static str,
}

/// Of a run.
pub const RUN: Words = Words {
    first: "Interrupted: what is under way is finished, what was not proved is taken back.",
    further: "Still taking back what was not proved; this cannot be cut short. The record says how far it is.",
};

/// Of an undo.
pub const UNDO: Words = Words {
    first: "Interrupted: what is being taken back is finished, what comes after it is left as it is.",
    further: "Still finishing what is being taken back; this cannot be cut short. The record says how far it is.",
};

/// Tells a prompt of signals, while the runtime lives: an interrupt ends the input that is under way, the others the
/// session. `gone` is called when the session has to end and no input is under way.
///
/// # Errors
/// When the system does not let the process watch signals.
pub fn watch_prompt(
    runtime: &tokio::runtime::Runtime,
    screen: Arc<Screen>,
    interrupts: Arc<Interrupts>,
    gone: impl Fn() + Send + 'static,
) -> io::Result<()> {
    let inside = runtime.enter();
    let Signals([mut interrupt, mut terminate, mut hangup]) = Signals::catch()?;
    drop(inside);
    runtime.spawn(async move {
        loop {
            let under_way = tokio::select! {
                _ = interrupt.recv() => {
                    if interrupts.interrupt() {
                        screen.say("Interrupted: what is under way is finished, what this input did not prove is taken back.");
                    }
                    continue;
                }
                _ = terminate.recv() => interrupts.leave(),
                _ = hangup.recv() => interrupts.leave(),
            };
            if !under_way {
                gone();
            }
        }
    });
    Ok(())
}

/// A token that the first signal cancels, while the runtime lives.
///
/// # Errors
/// When the system does not let the process watch signals: then an interrupt would end it with changes open.
pub fn watch(
    runtime: &tokio::runtime::Runtime,
    screen: Arc<Screen>,
    words: &'static Words,
) -> io::Result<CancellationToken> {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let inside = runtime.enter();
    let mut signals = Signals::catch()?;
    drop(inside);
    runtime.spawn(async move {
        loop {
            signals.next().await;
            if token.is_cancelled() {
                screen.say(words.further);
            } else {
                screen.say(words.first);
                token.cancel();
            }
        }
    });
    Ok(cancel)
}
