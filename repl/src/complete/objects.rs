//! Names of live objects, for Tab inside a string.
//!
//! They are read behind the prompt, through the gate and into the record as every read is. A key waits for them no longer
//! than a person does not notice; what is old is shown, and said to be.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use meshbook_runtime::effect::{Effect, Reply, ResourceKind};
use meshbook_runtime::primitive::{Library, Primitive};
use meshbook_runtime::run::Run;
use meshbook_stdlib::kubernetes::kinds;
use serde_json::Value;

/// How long a key waits.
const KEY: Duration = Duration::from_millis(15);
/// Names that are older than this are read anew when they are asked for.
const FRESH: Duration = Duration::from_secs(5);
/// Names that are older than this are marked.
const STALE: Duration = Duration::from_secs(30);

/// The names that were seen, by the plural of their kind.
#[derive(Clone)]
pub(crate) struct Objects {
    run: Arc<Run>,
    seen: Arc<(Mutex<BTreeMap<String, Seen>>, Condvar)>,
}

#[derive(Default)]
struct Seen {
    names: Vec<String>,
    at: Option<Instant>,
    under_way: bool,
}

impl Objects {
    pub(crate) fn new(run: Arc<Run>) -> Objects {
        Objects { run, seen: Arc::default() }
    }

    /// The names of some kinds in the session's namespace as far as they are known, and how old the oldest are if they
    /// are stale.
    pub(crate) fn names(&self, kinds: &[ResourceKind]) -> (Vec<String>, Option<Duration>) {
        for kind in kinds {
            self.refresh(kind);
        }
        let (seen, arrived) = &*self.seen;
        let missing = |seen: &mut BTreeMap<String, Seen>| {
            kinds.iter().any(|kind| seen.get(&kind.plural).is_some_and(|seen| seen.under_way && seen.at.is_none()))
        };
        let (seen, _) = arrived.wait_timeout_while(hold(seen), KEY, missing).unwrap_or_else(PoisonError::into_inner);
        let of = kinds.iter().filter_map(|kind| seen.get(&kind.plural));
        let oldest = of.clone().filter_map(|seen| seen.at).map(|at| at.elapsed()).max();
        (of.flat_map(|seen| seen.names.iter().cloned()).collect(), oldest.filter(|age| *age > STALE))
    }

    /// Reads the names of a kind behind the prompt, unless they are fresh or on their way.
    fn refresh(&self, kind: &ResourceKind) {
        {
            let mut seen = hold(&self.seen.0);
            let seen = seen.entry(kind.plural.clone()).or_default();
            if seen.under_way || seen.at.is_some_and(|at| at.elapsed() < FRESH) {
                return;
            }
            seen.under_way = true;
        }
        let (all, kind) = (self.clone(), kind.clone());
        let read = move || {
            let plural = kind.plural.clone();
            let answer = all.run.glance(Effect::list(kind, Some(all.run.namespace()), None));
            let (seen, arrived) = &*all.seen;
            let mut seen = hold(seen);
            let seen = seen.entry(plural).or_default();
            seen.under_way = false;
            // What could not be read leaves the names as they were, and they grow old.
            if let Ok(Reply::Json(Value::Array(items))) = answer {
                seen.names = names(&items);
                seen.at = Some(Instant::now());
            }
            arrived.notify_all();
        };
        if std::thread::Builder::new().name("names".into()).spawn(read).is_err() {
            hold(&self.seen.0).clear();
        }
    }
}

fn hold(seen: &Mutex<BTreeMap<String, Seen>>) -> MutexGuard<'_, BTreeMap<String, Seen>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn names(items: &[Value]) -> Vec<String> {
    items.iter().filter_map(|item| item.pointer("/metadata/name")?.as_str().map(str::to_owned)).collect()
}

/// The kinds whose names an argument takes. `text` is the call as far as it is typed: it may name the kind itself.
pub(crate) fn kinds_of(primitive: &Primitive, index: usize, text: &str, library: &Library) -> Vec<ResourceKind> {
    match (primitive.receiver, primitive.name, index) {
        (None, "host" | "slo", 0) => vec![kinds::service()],
        (None, "workload", 0) => vec![kinds::deployment(), kinds::stateful_set()],
        (None, "pod", 0) => vec![kinds::pod()],
        (None, "proxies", 0) => vec![kinds::deployment(), kinds::stateful_set(), kinds::pod()],
        (None, name, 1) if name.starts_with("k8s::") && primitive.params.get(1).is_some_and(|p| p.name == "name") => {
            let named = text.split('"').nth(1).unwrap_or_default().to_lowercase();
            let own = [kinds::pod(), kinds::service(), kinds::deployment(), kinds::stateful_set(), kinds::config_map()];
            let known = (library.kinds)().into_iter().map(|known| known.kind);
            let fits = |kind: &ResourceKind| kind.plural == named || kind.kind.to_lowercase() == named;
            own.into_iter().chain(known).filter(fits).take(1).collect()
        }
        _ => Vec::new(),
    }
}
