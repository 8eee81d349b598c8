//! One run: the road of its effects, its latch, its steps, and how it ends.
//!
//! - [`Run`] is what primitives and the engine hold. All its methods block the calling (script) thread.
//! - `road`: reads go through gate, journal and transport; changes go on in [`crate::change`].
//! - `latch`: the verdict. `ledger`, `settle`: which changes are proved. `finish`: the exit.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::change::{FIELD_MANAGER, undo};
use crate::effect::ObjectRef;
use crate::engine::Script;
use crate::failure::{Failure, INTERRUPTED};
use crate::gate::{Approval, Budget, Gate};
use crate::record::event::{Changing, Event, Line, Started};
use crate::record::file::RecordFile;
use crate::record::journal::Journal;
use crate::transport::Transport;
use crate::value::Table;

mod caller;
pub(crate) mod changed_back;
mod confirm;
#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot be set up has to fail.
pub(crate) mod fake;
mod finish;
pub(crate) mod held;
mod input;
mod latch;
mod ledger;
mod pause;
mod road;
mod second;
mod settle;
mod start;
#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot be set up has to fail.
mod tests;
mod wall;

pub use input::{Done, InputMark, Made};
pub use latch::{BLOCK_TIME, BlockTimer, ENDED, Ending, Stop};
pub use ledger::{Mark, State as ChangeState, StepMark};
pub use pause::Paused;
pub use second::Second;

pub(crate) use caller::Caller;
pub(crate) use latch::Latch;
pub(crate) use ledger::{Entry, Ledger, Order};
pub(crate) use start::{guard_interrupt, machine, user};
pub use wall::Stopwatch;

/// How a run treats changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A person at a terminal is asked for each that is not approved yet.
    Ask,
    /// Only what was approved before.
    Unattended,
    /// None: the server tries them, and says what would come of them.
    Plan,
}

impl Mode {
    /// As records name it.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Ask => "ask",
            Mode::Unattended => "unattended",
            Mode::Plan => "plan",
        }
    }
}

/// Everything that a run is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How it treats changes.
    pub mode: Mode,
    /// The namespace in which the script's names are looked up.
    pub namespace: String,
    /// Namespaces in which it may change something. `*` stands for all of them and for objects of the cluster.
    pub namespaces: Vec<String>,
    /// Changes that need no asking.
    pub approvals: Vec<Approval>,
    /// Refuse probes and changes.
    pub read_only: bool,
    /// Let primitives execute commands in containers of running pods.
    pub allow_exec: bool,
    /// Image of the throw-away pods that make requests with curl; `None` is the library's own choice.
    pub curl_image: Option<String>,
    /// How long it may take, by the run's clock. Taking back comes on top.
    pub deadline: Option<Duration>,
    /// How much it may ask of the cluster.
    pub budget: Budget,
    /// Name under which the transport owns the fields that it sets.
    pub field_manager: String,
    /// Where records and locks live.
    pub home: PathBuf,
    /// Path of the script.
    pub script: String,
    /// SHA-256 of the script and of every module that it imports.
    pub hash: String,
    /// Parameters.
    pub params: BTreeMap<String, Value>,
    /// The second cluster that it reads, if its script declares one.
    pub second: Option<Second>,
}

impl Settings {
    /// Those of a script in one namespace: nothing is approved yet, no deadline, the standard budget, no parameters.
    pub fn of(script: &Script, mode: Mode, namespace: &str, home: &Path) -> Self {
        Settings {
            mode,
            namespace: namespace.into(),
            namespaces: vec![namespace.into()],
            approvals: Vec::new(),
            read_only: false,
            allow_exec: false,
            curl_image: None,
            deadline: None,
            budget: Budget::default(),
            field_manager: FIELD_MANAGER.into(),
            home: home.into(),
            script: script.path.clone(),
            hash: script.hash.clone(),
            params: BTreeMap::new(),
            second: None,
        }
    }
}

/// Shows a run while it happens.
pub trait Reporter: Send + Sync {
    /// An event, after it was written down.
    fn line(&self, line: &Line);

    /// What is being waited for at the moment; `None` when nothing is.
    fn progress(&self, what: Option<&str>);
}

/// Asks a person.
pub trait Approver: Send + Sync {
    /// May this be changed? The clock of the run goes on while a person thinks. Whoever asks may read by the run, to
    /// show more than the change itself.
    fn ask(&self, run: &Run, proposal: &Changing) -> Answer;

    /// Asks a person to do something outside of meshbook's reach, and answers whether it is done.
    fn confirm(&self, run: &Run, what: &str) -> bool;
}

/// What a person answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This change.
    Yes,
    /// Not this change: the run ends, and what it has not proved yet is taken back.
    No,
    /// This change, and the others of the same step.
    RestOfStep,
    /// Nothing more: the run ends, and what it has changed stays as it is, but for what a `temporarily` block has.
    Stop,
    /// Nothing more: the run ends, and everything that it has changed is taken back, proved or not.
    UndoSoFar,
}

/// One run of a script.
pub struct Run {
    settings: Settings,
    id: String,
    started: Timestamp,
    pub(crate) caller: Caller,
    pub(crate) gate: Gate,
    pub(crate) journal: Arc<Journal>,
    pub(crate) ledger: held::Held<Ledger>,
    approver: Option<Arc<dyn Approver>>,
    kept: held::Held<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    ordinal: Arc<AtomicU64>,
    rehearsing: AtomicU64,
    /// End with the run: the watch for an interrupt, the wall-clock guard of the deadline.
    guards: held::Held<Vec<wall::Guard>>,
    /// The view by which the second cluster is read.
    second: Option<Arc<Run>>,
    /// The context, if this is such a view.
    beside: Option<Box<str>>,
}

impl Run {
    /// The namespace in which the script's names are looked up.
    pub fn namespace(&self) -> &str {
        &self.settings.namespace
    }

    /// The kubeconfig context, or `lab WORLD`.
    pub fn context(&self) -> String {
        self.caller.transport.place().0
    }

    /// How it treats changes.
    pub fn mode(&self) -> Mode {
        self.settings.mode
    }

    /// Its id, a ULID.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it was started with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where its record is; `None` if it could not be made.
    pub fn record_path(&self) -> Option<PathBuf> {
        self.journal.path()
    }

    /// Whether the run is a plan that has planned a change: from here on only Kubernetes objects can be read.
    pub fn has_planned(&self) -> bool {
        self.gate.overlay.has_planned()
    }

    /// What was approved before it began.
    pub fn approvals(&self) -> &[Approval] {
        &self.settings.approvals
    }

    /// Whether the run has changed an object, and not taken that back.
    pub fn has_changed(&self, object: &ObjectRef) -> bool {
        let ledger = self.ledger.lock();
        let mut standing = ledger
            .entries
            .iter()
            .filter(|entry| matches!(entry.state, ledger::State::Unsettled | ledger::State::Settled));
        standing.any(|entry| undo::same_object(&entry.object, object))
    }

    /// Makes sure that all of several changes are approved, before the first of them is made. Where a person can be asked,
    /// they are asked for each in its turn.
    ///
    /// # Errors
    /// `DENIED`, as the first of them that is not approved would end in.
    pub fn hold_approved<'a>(&self, objects: impl Iterator<Item = &'a ObjectRef>) -> Result<(), Failure> {
        if self.mode() == Mode::Unattended { self.gate.approvals.hold(objects) } else { Ok(()) }
    }

    /// Shows a value.
    pub fn show(&self, table: Table, value: Value) {
        self.note(Event::Shown { table, value });
    }

    /// Tells a person something that does not stop the run.
    pub fn warn(&self, message: impl Into<String>) {
        self.note(Event::Warning { message: message.into() });
    }

    /// Says what is being waited for; `None` when nothing is.
    pub fn progress(&self, what: Option<&str>) {
        self.journal.reporter().progress(what);
    }

    /// Ends the run as the script says. The latch holds it; the failure only carries the stop outwards.
    pub fn end(&self, ending: Ending) -> Failure {
        let stop = Stop::Ended(ending);
        let failure = stop.failure();
        self.caller.latch.raise(stop);
        self.caller.latch.failure().unwrap_or(failure)
    }

    /// Stops the run with a failure that no script may handle.
    pub fn stop(&self, failure: Failure) {
        self.caller.latch.raise(Stop::Failed(failure));
    }

    /// Whether something has stopped it: one atomic load, cheap enough for every operation of the script.
    pub fn stopped(&self) -> bool {
        self.caller.latch.stopped()
    }

    /// What has stopped it.
    pub fn verdict(&self) -> Option<Stop> {
        self.caller.latch.verdict()
    }

    /// Starts the time of a block. The timer raises [`Stop::BlockTime`] with its id; the block's handler clears it.
    pub fn block_time(&self, limit: Duration) -> BlockTimer {
        BlockTimer::start(&self.caller.latch, later(self.caller.now(), limit), limit, &self.caller.handle)
    }

    /// A library's own memory: one value for each run and type.
    pub fn kept<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut kept = self.kept.lock();
        let value = kept.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        Arc::clone(value).downcast().expect("values are kept under the id of their type")
    }

    /// Who is asked: only in a run with a person at a terminal.
    pub(crate) fn approver(&self) -> Option<&dyn Approver> {
        self.approver.as_deref().filter(|_| self.mode() == Mode::Ask)
    }

    /// Writes an event at the present time.
    pub(crate) fn note(&self, event: Event) -> u64 {
        self.journal.note(self.caller.now(), event)
    }
}

/// A time after another, at most the end of time.
fn later(from: Timestamp, by: Duration) -> Timestamp {
    let by = jiff::SignedDuration::try_from(by).unwrap_or(jiff::SignedDuration::MAX);
    from.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// The time between two, zero if the clock went back.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
