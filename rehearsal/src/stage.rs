//! Where a test plays: no cluster at first, then the lab of the world that it enters.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures::future::{BoxFuture, FutureExt, ready};
use meshbook_lab::world::World as LabWorld;
use meshbook_runtime::effect::{Call, Reply};
use meshbook_runtime::failure::{Code, Exit, Failure, INTERNAL};
use meshbook_runtime::run::Run;
use meshbook_runtime::transport::{Clock, Transport, WallClock};
use tokio::runtime::Handle;

use crate::mesh::InProcess;
use crate::rehearsal::Rehearsal;

/// A test reads something of the mesh before it has a world.
pub static NO_WORLD: Code = Code {
    name: "meshbook::test::no_world",
    exit: Exit::Script,
    catchable: false,
    explain: "A test asked for something of the mesh before it had entered a world. Begin with `let mesh = world(\"breaker\");`, and ask by `mesh.host(\"graph-core\")` or after `mesh.run(…)`.",
};

/// A test uses two worlds.
pub static TWO_WORLDS: Code = Code {
    name: "meshbook::test::two_worlds",
    exit: Exit::Script,
    catchable: false,
    explain: "One test plays in one world, so that what it looks at is never in doubt. Write a second test for the second world. `set` and `without` make another world: call them before the first `run` or `host`.",
};

/// What the words of a test share: it lives as long as the test's own run.
#[derive(Default)]
pub struct Stage {
    setting: OnceLock<Setting>,
    last: Mutex<Option<Rehearsal>>,
    expectations: AtomicUsize,
}

struct Setting {
    handle: Handle,
    root: PathBuf,
    curtain: Arc<Curtain>,
}

impl Stage {
    /// Prepares the stage of a test's run.
    pub(crate) fn set(run: &Run, handle: Handle, root: PathBuf, curtain: Arc<Curtain>) {
        // The first setting holds; a run has one.
        let _ = run.kept::<Stage>().setting.set(Setting { handle, root, curtain });
    }

    fn setting(&self) -> Result<&Setting, Failure> {
        self.setting
            .get()
            .ok_or_else(|| Failure::new(&NO_WORLD, "worlds can be entered only by tests: `meshbook test` runs them"))
    }

    /// The connections' runtime.
    ///
    /// # Errors
    /// Outside tests.
    pub fn handle(&self) -> Result<&Handle, Failure> {
        Ok(&self.setting()?.handle)
    }

    /// The tree in which runbooks are found.
    ///
    /// # Errors
    /// Outside tests.
    pub fn root(&self) -> Result<&PathBuf, Failure> {
        Ok(&self.setting()?.root)
    }

    /// Enters a world: its lab starts, or goes on if the test is in it already.
    ///
    /// # Errors
    /// When the test is in another world, or the lab does not start.
    pub fn enter(&self, id: u64, world: &LabWorld) -> Result<Arc<InProcess>, Failure> {
        let setting = self.setting()?;
        let mut entered = setting.curtain.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*entered {
            Some((here, mesh)) if *here == id => Ok(Arc::clone(mesh)),
            Some(_) => Err(Failure::new(
                &TWO_WORLDS,
                format!("this test is in another world than this \"{}\"", world.name()),
            )
            .hint(
                "one test, one world: call `set` and `without` before the first `run` or `host`, or write another test",
            )),
            None => {
                let mesh = Arc::new(setting.handle.block_on(InProcess::open(world.clone(), None))?);
                *entered = Some((id, Arc::clone(&mesh)));
                Ok(mesh)
            }
        }
    }

    /// Counts an expectation.
    pub fn expected(&self) {
        self.expectations.fetch_add(1, Ordering::Relaxed);
    }

    /// How many expectations there were.
    pub fn expectations(&self) -> usize {
        self.expectations.load(Ordering::Relaxed)
    }

    /// Keeps the latest run, for the report of a failed expectation.
    pub fn ran(&self, rehearsal: Rehearsal) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(rehearsal);
    }

    /// The latest run.
    pub fn last(&self) -> Option<Rehearsal> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The transport of a test's own run: it leads to the world that the test has entered.
#[derive(Default)]
pub struct Curtain(Mutex<Option<(u64, Arc<InProcess>)>>);

impl Curtain {
    fn mesh(&self) -> Option<Arc<InProcess>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, mesh)| Arc::clone(mesh))
    }
}

impl Transport for Curtain {
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, Failure>> {
        if let Some(mesh) = self.mesh() {
            return async move { mesh.call(call).await }.boxed();
        }
        let answer = match call {
            Call::Now => Ok(Reply::Time(WallClock.now())),
            Call::Sleep { .. } => Err(Failure::new(&INTERNAL, "a test waits before it is in a world")),
            _ => Err(Failure::new(&NO_WORLD, "the test has not entered a world yet")
                .hint("begin with `let mesh = world(\"breaker\");` and ask by `mesh.host(…)`, or after `mesh.run(…)`")),
        };
        ready(answer).boxed()
    }

    fn place(&self) -> (String, String) {
        self.mesh().map_or_else(|| ("test".into(), String::new()), |mesh| mesh.place())
    }
}
