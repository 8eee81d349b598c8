//! The verdict of a run. The first stop wins, whatever Rhai makes of its result.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::held::Held;
use super::wall::Guard;
use crate::failure::{Code, DEADLINE, Exit, Failure};

/// How a script said that its run ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The problem is gone, and a proof says so.
    Fixed {
        /// What is well now.
        what: String,
    },
    /// A problem that is not fixed.
    Found {
        /// Its cause in a word: `overload`.
        cause: String,
        /// What it is.
        what: String,
        /// The runbook that goes on from here.
        next: Option<String>,
    },
    /// This runbook's problem is not there.
    NotThis {
        /// Why.
        why: String,
        /// The runbook that fits.
        next: Option<String>,
    },
    /// The evidence is missing.
    CannotTell {
        /// Which, and why.
        why: String,
        /// The runbook that supplies it.
        next: Option<String>,
    },
}

impl Ending {
    /// Its word in scripts: `fixed`, `found`, `not_this`, `cannot_tell`.
    pub fn word(&self) -> &'static str {
        match self {
            Ending::Fixed { .. } => "fixed",
            Ending::Found { .. } => "found",
            Ending::NotThis { .. } => "not_this",
            Ending::CannotTell { .. } => "cannot_tell",
        }
    }

    /// What it says, in one line.
    pub fn message(&self) -> String {
        match self {
            Ending::Fixed { what } => what.clone(),
            Ending::Found { cause, what, .. } => format!("{cause}: {what}"),
            Ending::NotThis { why, .. } | Ending::CannotTell { why, .. } => why.clone(),
        }
    }

    /// The next runbook, if it names one.
    pub fn next(&self) -> Option<&str> {
        match self {
            Ending::Fixed { .. } => None,
            Ending::Found { next, .. } | Ending::NotThis { next, .. } | Ending::CannotTell { next, .. } => {
                next.as_deref()
            }
        }
    }

    /// How a run ends with it if nothing is left behind.
    pub fn exit(&self) -> Exit {
        match self {
            Ending::Fixed { .. } | Ending::NotThis { .. } => Exit::Healthy,
            Ending::Found { .. } => Exit::Found,
            Ending::CannotTell { .. } => Exit::CannotTell,
        }
    }
}

/// What stopped a run.
#[derive(Clone, Debug)]
pub enum Stop {
    /// The script said how it ends.
    Ended(Ending),
    /// A failure that no script can handle, or that none did.
    Failed(Failure),
    /// The time of the block with this id is up; only that block's own handler clears it.
    BlockTime(u64),
}

/// Carries an ending outwards through the script. It is never shown: the latch holds what happened.
pub static ENDED: Code = Code {
    name: "meshbook::stop::ended",
    exit: Exit::Healthy,
    catchable: false,
    explain: "The script said how its run ends.",
};

/// Carries the end of a block's time outwards to its handler. It is never shown if the handler is there.
pub static BLOCK_TIME: Code = Code {
    name: "meshbook::stop::block_time",
    exit: Exit::TakenBack,
    catchable: false,
    explain: "The time of a `temporarily` block is up: what was changed inside it is taken back.",
};

impl Stop {
    /// The failure that carries this stop outwards through the script.
    pub fn failure(&self) -> Failure {
        match self {
            Stop::Ended(ending) => Failure::new(&ENDED, format!("the run has ended: {}", ending.word())),
            Stop::Failed(failure) => failure.clone(),
            Stop::BlockTime(_) => Failure::new(&BLOCK_TIME, "the time of the block is up"),
        }
    }
}

/// The first stop that was raised, and those that wait behind the end of a block's time.
pub(crate) struct Latch {
    /// Read at every operation of the script: one load.
    stopped: AtomicBool,
    /// Wakes what is waited for.
    wake: watch::Sender<bool>,
    state: Held<State>,
}

#[derive(Default)]
struct State {
    standing: Option<Stop>,
    /// Raised while the end of a block's time stood: a deadline, an interrupt, the end of an outer block's time.
    behind: VecDeque<Stop>,
    /// Blocks whose time runs, and the deadline under id 0.
    timers: Vec<(u64, Timestamp)>,
    last_id: u64,
}

const DEADLINE_ID: u64 = 0;

impl Latch {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Latch { stopped: AtomicBool::new(false), wake: watch::Sender::new(false), state: Held::default() })
    }

    /// Sets the latch, unless it is set. Answers whether this stop stands now.
    pub(crate) fn raise(&self, stop: Stop) -> bool {
        let mut state = self.state.lock();
        match &state.standing {
            None => {
                state.standing = Some(stop);
                self.tell(true);
                true
            }
            Some(Stop::BlockTime(_)) => {
                state.behind.push_back(stop);
                false
            }
            Some(_) => false,
        }
    }

    /// Opens the latch again: the input of a prompt that was stopped is over, and the next one is not stopped by it.
    pub(crate) fn open(&self) {
        let mut state = self.state.lock();
        state.standing = None;
        state.behind.clear();
        self.tell(false);
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(crate) fn verdict(&self) -> Option<Stop> {
        self.state.lock().standing.clone()
    }

    /// The failure of what stands, if something does.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.stopped().then(|| self.verdict()).flatten().map(|stop| stop.failure())
    }

    /// Waits until something stands.
    pub(crate) async fn raised(&self) {
        let mut wake = self.wake.subscribe();
        // The sender lives in `self`, so it cannot be gone.
        let _ = wake.wait_for(|stopped| *stopped).await;
    }

    /// Sets the deadline by the run's clock.
    pub(crate) fn set_deadline(&self, at: Timestamp) {
        self.state.lock().timers.push((DEADLINE_ID, at));
    }

    /// When the next timer ends.
    pub(crate) fn next_timer(&self) -> Option<Timestamp> {
        self.state.lock().timers.iter().map(|(_, at)| *at).min()
    }

    /// Raises the timers that have ended by `now`, the earliest first.
    pub(crate) fn time_is(&self, now: Timestamp) {
        let mut ended: Vec<(Timestamp, u64)> = {
            let mut state = self.state.lock();
            let ended = state.timers.iter().filter(|(_, at)| *at <= now).map(|(id, at)| (*at, *id)).collect();
            state.timers.retain(|(_, at)| *at > now);
            ended
        };
        ended.sort_unstable();
        for (_, id) in ended {
            self.raise(time_up(id));
        }
    }

    fn start_timer(&self, at: Timestamp) -> u64 {
        let mut state = self.state.lock();
        state.last_id += 1;
        let id = state.last_id;
        state.timers.push((id, at));
        id
    }

    /// Forgets a block's timer, and its stop if that stands or waits. Answers whether its time was up.
    fn end_timer(&self, id: u64) -> bool {
        let mut state = self.state.lock();
        let is_ours = |stop: &Stop| matches!(stop, Stop::BlockTime(of) if *of == id);
        let waiting = state.behind.len();
        state.timers.retain(|(of, _)| *of != id);
        state.behind.retain(|stop| !is_ours(stop));
        let mut was_up = state.behind.len() < waiting;
        if state.standing.as_ref().is_some_and(is_ours) {
            was_up = true;
            state.standing = state.behind.pop_front();
            if !matches!(state.standing, Some(Stop::BlockTime(_))) {
                state.behind.clear();
            }
        }
        self.tell(state.standing.is_some());
        was_up
    }

    fn tell(&self, stopped: bool) {
        self.stopped.store(stopped, Ordering::Release);
        self.wake.send_replace(stopped);
    }
}

fn time_up(id: u64) -> Stop {
    match id {
        DEADLINE_ID => Stop::Failed(deadline()),
        id => Stop::BlockTime(id),
    }
}

/// The failure of a run whose deadline has passed.
pub(crate) fn deadline() -> Failure {
    Failure::new(&DEADLINE, "the run's deadline passed")
        .hint("give it more time with `--deadline`, or look at the record for what it waited for")
}

/// The running time of a `temporarily` block. Dropping it ends it.
pub struct BlockTimer {
    id: u64,
    latch: Arc<Latch>,
    guard: Option<Guard>,
    done: bool,
}

impl BlockTimer {
    pub(crate) fn start(latch: &Arc<Latch>, at: Timestamp, limit: Duration, handle: &tokio::runtime::Handle) -> Self {
        let id = latch.start_timer(at);
        let raise = Arc::clone(latch);
        let guard = Guard::after(handle, limit, move || {
            raise.raise(Stop::BlockTime(id));
        });
        BlockTimer { id, latch: Arc::clone(latch), guard: Some(guard), done: false }
    }

    /// The id under which [`Stop::BlockTime`] names it.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Ends the timer: if its time was up, its stop is cleared, and what waited behind it (an interrupt, an outer
    /// block's time) stands now. Answers whether its time was up.
    pub fn clear(mut self) -> bool {
        self.end()
    }

    fn end(&mut self) -> bool {
        drop(self.guard.take());
        !std::mem::replace(&mut self.done, true) && self.latch.end_timer(self.id)
    }
}

impl Drop for BlockTimer {
    fn drop(&mut self) {
        self.end();
    }
}
