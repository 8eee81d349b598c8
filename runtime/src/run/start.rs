//! How a run begins: its id, its record, its deadline.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::AtomicU64;

use ulid::Ulid;

use super::*;
use crate::record::event::Beside;
use crate::record::redact;
use crate::transport::files;

/// Version of the record's format.
const FORMAT: u32 = 1;

impl Run {
    /// Begins a run: makes its record, starts its deadline, and watches for an interrupt.
    ///
    /// It blocks, so it is called from a thread outside the runtime, as all methods are.
    ///
    /// # Errors
    /// [`crate::failure::RECORD`] when changes were approved and there is no record to write them into; the clock's
    /// failure when the transport has none; [`crate::failure::PARAM`] when the second cluster is the run's own.
    pub fn start(
        settings: Settings,
        transport: Arc<dyn Transport>,
        reporter: Arc<dyn Reporter>,
        approver: Option<Arc<dyn Approver>>,
        handle: Handle,
        cancel: CancellationToken,
    ) -> Result<Arc<Run>, Failure> {
        let latch = latch::Latch::new();
        if let Some(second) = &settings.second {
            second::differs(&*transport, &*second.transport)?;
        }
        let transport = settings.second.iter().fold(transport, second::beside);
        let transport = files::beside(transport, &settings.home);
        let caller = Caller::new(transport, handle, latch);
        let started = caller.now();
        let id = new_id(started);
        let file = RecordFile::create(&settings.home, &id);
        let journal = Arc::new(Journal::new(
            file.map_err(|error| format!("{}: {error}", crate::record::file::directory(&settings.home).display())),
            0,
            reporter,
        ));
        if let Some(failure) = journal.broken()
            && !settings.approvals.is_empty()
            && settings.mode != Mode::Plan
            && !settings.read_only
        {
            return Err(failure.unchanged("the run was not started, and nothing was changed"));
        }
        let (context, server) = caller.transport.place();
        let event = Event::Started(Box::new(Started {
            format: FORMAT,
            run: id.clone(),
            user: user(),
            machine: machine(),
            context: context.clone(),
            server: server.clone(),
            namespace: settings.namespace.clone(),
            mode: settings.mode.name().into(),
            script: settings.script.clone(),
            hash: settings.hash.clone(),
            params: redact::params(&settings.params),
            version: env!("CARGO_PKG_VERSION").into(),
            second: settings.second.as_ref().map(|second| {
                let (context, server) = second.transport.place();
                Beside { context, server, namespace: second.namespace.clone() }
            }),
        }));
        let mut run = Run {
            gate: Gate::new(&settings, format!("{context} {server}"), &id),
            id,
            started,
            caller,
            journal,
            ledger: held::Held::default(),
            approver,
            kept: held::Held::default(),
            ordinal: Arc::new(AtomicU64::new(0)),
            rehearsing: AtomicU64::new(0),
            guards: held::Held::default(),
            settings,
            second: None,
            beside: None,
        };
        run.second = run.settings.second.as_ref().map(|second| Arc::new(second::view(&run, second)));
        let run = Arc::new(run);
        run.note(event);
        if let Some(failure) = run.journal.broken() {
            run.warn(format!("{failure}; reads go on, but nothing will be changed"));
        }
        run.watch(cancel);
        Ok(run)
    }

    fn watch(&self, cancel: CancellationToken) {
        let latch = &self.caller.latch;
        let mut guards = self.guards.lock();
        guards.push(guard_interrupt(&self.caller, cancel));
        if let Some(limit) = self.settings.deadline {
            latch.set_deadline(later(self.started, limit));
            let raise = Arc::clone(latch);
            guards.push(wall::Guard::after(&self.caller.handle, limit, move || {
                raise.raise(Stop::Failed(latch::deadline()));
            }));
        }
    }
}

/// Raises the latch when somebody interrupts.
pub(crate) fn guard_interrupt(caller: &Caller, cancel: CancellationToken) -> wall::Guard {
    let latch = Arc::clone(&caller.latch);
    let interrupted = move || {
        latch.raise(Stop::Failed(
            Failure::new(&INTERRUPTED, "the run was interrupted")
                .hint("run it again: what is proved stays, and it goes on with what is left"),
        ));
    };
    if cancel.is_cancelled() {
        interrupted();
        return wall::Guard::when(&caller.handle, std::future::pending(), || ());
    }
    wall::Guard::when(&caller.handle, async move { cancel.cancelled().await }, interrupted)
}

/// A ULID whose time is the run's.
fn new_id(at: Timestamp) -> String {
    // The standard library's own seed is the only source of randomness that an id needs.
    let chance = || std::collections::hash_map::RandomState::new().build_hasher().finish();
    let random = u128::from(chance()) << 64 | u128::from(chance());
    Ulid::from_parts(u64::try_from(at.as_millisecond()).unwrap_or_default(), random).to_string()
}

/// The user on this machine: as the environment names it, else as the system's database of users does.
pub(crate) fn user() -> String {
    let named = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    named
        .or_else(|| uzers::get_current_username().and_then(|user| user.into_string().ok()))
        .unwrap_or_else(|| "unknown".into())
}

/// This machine's name.
pub(crate) fn machine() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_else(|| "unknown".into())
}
