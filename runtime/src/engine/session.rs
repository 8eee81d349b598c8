//! What the engine's hooks and words need of one execution. It travels in the engine's tag.

use std::any::TypeId;
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rhai::{Dynamic, Position};

use super::params::ParamValue;
use super::script::Script;
use super::source::Sources;
use super::stepping::Stepping;
use crate::primitive::Library;
use crate::run::Run;

/// One execution of one script.
pub(crate) struct Session {
    pub run: Arc<Run>,
    pub library: Library,
    /// Name of the script among the sources.
    pub main: String,
    /// The texts of the script and its modules.
    pub sources: Arc<Sources>,
    /// Values of parameters, by name.
    pub values: BTreeMap<String, ParamValue>,
    /// Names of script functions and primitives whose calls may change something.
    pub may_change: HashSet<String>,
    /// Rust types of nouns, with their names.
    pub nouns: BTreeMap<TypeId, &'static str>,
    /// How many modules are being evaluated: no effects there.
    pub importing: AtomicUsize,
    /// How many `temporarily` blocks lie around what happens now.
    pub temporary: AtomicUsize,
    /// How many closures lie around what happens now that are read in the second cluster.
    pub beside: AtomicUsize,
    /// Who is asked about steps, if somebody is.
    pub stepping: Option<Stepping>,
    /// Where the run was stopped: first wins, because Rhai rewrites positions on the way out.
    stopped_at: Mutex<Option<(Option<String>, Position)>>,
    /// The test that this execution is about, by where its title stands.
    pub test: Option<Position>,
    seen: Mutex<Option<String>>,
}

pub(crate) type Tag = Arc<Session>;

impl Session {
    pub fn new(
        run: Arc<Run>,
        library: Library,
        script: &Script,
        values: BTreeMap<String, ParamValue>,
        test: Option<Position>,
    ) -> Self {
        let nouns = library.nouns.iter().map(|noun| ((noun.type_id)(), noun.name)).collect();
        Session {
            run,
            library,
            main: script.path.clone(),
            sources: script.sources.clone(),
            values,
            may_change: script.may_change.clone(),
            nouns,
            importing: AtomicUsize::new(0),
            temporary: AtomicUsize::new(0),
            beside: AtomicUsize::new(0),
            stepping: None,
            stopped_at: Mutex::default(),
            test,
            seen: Mutex::new(None),
        }
    }

    /// The session of an engine's tag.
    pub fn of(tag: &Dynamic) -> Tag {
        tag.clone().cast::<Tag>()
    }

    pub fn is_importing(&self) -> bool {
        self.importing.load(Ordering::Relaxed) > 0
    }

    /// Notes where the run was stopped.
    pub fn stopped_here(&self, source: Option<String>, position: Position) {
        self.stopped().get_or_insert((source, position));
    }

    /// Where the run was stopped.
    pub fn stopped_at(&self) -> Option<(Option<String>, Position)> {
        self.stopped().clone()
    }

    /// The run goes on: it may be stopped elsewhere.
    pub fn goes_on(&self) {
        self.stopped().take();
    }

    fn stopped(&self) -> std::sync::MutexGuard<'_, Option<(Option<String>, Position)>> {
        self.stopped_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a condition saw, for the message of the wait or hold that asked.
    pub fn saw(&self, what: String) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    pub fn take_seen(&self) -> Option<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
