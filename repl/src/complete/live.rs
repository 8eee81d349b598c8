//! What is there now, for Tab inside a string: names of objects, which a watch keeps up to date, and names that are read
//! anew from time to time.
//!
//! It is filled behind the prompt, from the moment when somebody begins to type such a name. Nothing of it is a read of the
//! session: it stands in no record and counts against no budget. A key waits for it no longer than a person does not
//! notice; what is no longer kept up to date is shown, and said to be stale.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use meshbook_runtime::effect::{Call, Reply, ResourceKind};
use meshbook_runtime::failure::{BAD_ANSWER, FORBIDDEN, Failure};
use meshbook_runtime::transport::{KnownKind, ObjectName, Seen, Transport};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// How long a key waits.
const KEY: Duration = Duration::from_millis(15);
/// What is read, and not watched, is read anew when it is older than this and somebody asks.
const FRESH: Duration = Duration::from_secs(60);
/// Nobody has asked for so long: objects are no longer followed.
const IDLE: Duration = Duration::from_secs(600);
/// The waits before objects are followed again that could not be.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Objects of one kind, in a namespace or in all.
pub(crate) type Scope = (ResourceKind, Option<String>);

/// Something that is read from time to time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    /// The kinds that can be named.
    Kinds,
    /// What a page of Prometheus lists.
    Page(String, Vec<(String, String)>),
}

/// Names, and how far they can be trusted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Names<T> {
    /// Those that are known.
    pub(crate) known: Vec<T>,
    /// How long ago they were right, if they are not kept up to date now.
    pub(crate) stale: Option<Duration>,
    /// They are being read for the first time, and there may be more.
    pub(crate) reading: bool,
}

/// What is there, shared by everything that fills it and asks it.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    transport: Arc<dyn Transport>,
    handle: Handle,
    seen: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    followed: BTreeMap<Scope, Followed>,
    read: BTreeMap<Told, Read>,
    /// The kinds that names mean; `None` while that is looked up.
    kinds: BTreeMap<String, Option<ResourceKind>>,
}

/// Objects that are followed.
struct Followed {
    names: BTreeSet<ObjectName>,
    /// What a list that is being read has told so far.
    list: Option<BTreeSet<ObjectName>>,
    /// Whether a list was once read to its end.
    complete: bool,
    /// When the server last said anything.
    sign: Option<Instant>,
    /// Why they are not followed now.
    lost: Option<Failure>,
    /// When somebody last asked.
    asked: Instant,
    under_way: bool,
    /// Somebody asks while they are not followed.
    wake: Arc<Notify>,
}

impl Followed {
    fn see(&mut self, seen: Seen) {
        self.sign = Some(Instant::now());
        self.lost = None;
        match seen {
            Seen::There(names) => {
                self.list.get_or_insert_default().extend(names.iter().cloned());
                self.names.extend(names);
            }
            Seen::All => {
                self.names = self.list.take().unwrap_or_default();
                self.complete = true;
            }
            Seen::Came(name) => {
                self.names.insert(name);
            }
            Seen::Gone(name) => {
                self.names.remove(&name);
            }
            Seen::Nothing => {}
        }
    }

    fn stale(&self) -> Option<Duration> {
        let at = self.sign.filter(|_| self.lost.is_some() || !self.under_way)?;
        Some(at.elapsed())
    }
}

/// Names that were read.
#[derive(Default)]
struct Read {
    names: Vec<String>,
    at: Option<Instant>,
    lost: Option<Failure>,
    under_way: bool,
}

impl Live {
    pub(crate) fn new(transport: Arc<dyn Transport>, handle: Handle) -> Live {
        Live(Arc::new(Inner { transport, handle, seen: Mutex::default(), arrived: Condvar::new() }))
    }

    /// Begins to follow objects, unless they are.
    pub(crate) fn follow(&self, scope: &Scope) {
        let mut seen = self.0.hold();
        let followed = seen.followed.entry(scope.clone()).or_insert_with(|| Followed {
            names: BTreeSet::new(),
            list: None,
            complete: false,
            sign: None,
            lost: None,
            asked: Instant::now(),
            under_way: false,
            wake: Arc::default(),
        });
        followed.asked = Instant::now();
        if followed.under_way {
            if followed.lost.is_some() {
                followed.wake.notify_one();
            }
            return;
        }
        followed.under_way = true;
        let (inner, scope, wake) = (Arc::clone(&self.0), scope.clone(), Arc::clone(&followed.wake));
        self.0.handle.spawn(async move { inner.keep(scope, wake).await });
    }

    /// The names of objects, once all have come or the key has waited long enough.
    pub(crate) fn objects(&self, scopes: &[Scope]) -> Names<ObjectName> {
        scopes.iter().for_each(|scope| self.follow(scope));
        let nothing_yet = |seen: &mut State| {
            let mut all = scopes.iter().filter_map(|scope| seen.followed.get(scope));
            all.any(|one| !one.complete && one.lost.is_none())
        };
        let seen = self.0.wait(nothing_yet);
        let mut found = Names { known: Vec::new(), stale: None, reading: false };
        for one in scopes.iter().filter_map(|scope| seen.followed.get(scope)) {
            found.known.extend(one.names.iter().cloned());
            found.stale = found.stale.max(one.stale());
            found.reading |= !one.complete && one.lost.is_none();
        }
        found
    }

    /// Whether the user may not see objects in this scope.
    pub(crate) fn is_forbidden(&self, scope: &Scope) -> bool {
        let seen = self.0.hold();
        let lost = seen.followed.get(scope).and_then(|one| one.lost.as_ref());
        lost.is_some_and(|failure| failure.is(&FORBIDDEN))
    }

    /// Why there are no names, where there are none.
    pub(crate) fn why_none(&self, scopes: &[Scope]) -> Option<String> {
        let seen = self.0.hold();
        let all: Vec<_> = scopes.iter().filter_map(|scope| seen.followed.get(scope)).collect();
        if all.iter().any(|one| !one.names.is_empty()) {
            return None;
        }
        all.into_iter().find_map(|one| one.lost.as_ref().map(|failure| failure.message.clone()))
    }

    /// Begins to read something, unless it is fresh.
    pub(crate) fn read(&self, what: &Told) {
        let mut seen = self.0.hold();
        let read = seen.read.entry(what.clone()).or_default();
        if read.under_way || read.at.is_some_and(|at| at.elapsed() < FRESH) && read.lost.is_none() {
            return;
        }
        read.under_way = true;
        let (inner, what) = (Arc::clone(&self.0), what.clone());
        self.0.handle.spawn(async move {
            let answer = inner.ask(&what).await;
            let mut seen = inner.hold();
            let read = seen.read.entry(what).or_default();
            read.under_way = false;
            match answer {
                Ok(names) => *read = Read { names, at: Some(Instant::now()), ..Read::default() },
                Err(failure) => read.lost = Some(failure),
            }
            inner.arrived.notify_all();
        });
    }

    /// Names that are read, once they have come or the key has waited long enough.
    pub(crate) fn told(&self, what: &Told) -> Names<String> {
        self.read(what);
        let seen = self.0.wait(|seen| seen.read.get(what).is_some_and(|read| read.under_way && read.at.is_none()));
        let Some(read) = seen.read.get(what) else { return Names { known: Vec::new(), stale: None, reading: false } };
        Names {
            known: read.names.clone(),
            stale: read.at.filter(|_| read.lost.is_some()).map(|at| at.elapsed()),
            reading: read.at.is_none() && read.lost.is_none(),
        }
    }

    /// Why nothing was told, where it could not be read.
    pub(crate) fn why_not_told(&self, what: &Told) -> Option<String> {
        let seen = self.0.hold();
        let read = seen.read.get(what).filter(|read| read.at.is_none())?;
        read.lost.as_ref().map(|failure| failure.message.clone())
    }

    /// The kind that a name means, if that is known by now.
    pub(crate) fn kind(&self, name: &str) -> Option<ResourceKind> {
        {
            let mut seen = self.0.hold();
            if !seen.kinds.contains_key(name) {
                seen.kinds.insert(name.to_owned(), None);
                let (inner, name) = (Arc::clone(&self.0), name.to_owned());
                self.0.handle.spawn(async move {
                    let answer = inner.transport.call(&Call::ResolveKind { name: name.clone() }).await;
                    let kind = answer.ok().and_then(|reply| match reply {
                        Reply::Json(kind) => serde_json::from_value(kind).ok(),
                        _ => None,
                    });
                    let mut seen = inner.hold();
                    match kind {
                        Some(kind) => seen.kinds.insert(name, Some(kind)),
                        // It is asked for again with the next key.
                        None => seen.kinds.remove(&name),
                    };
                    inner.arrived.notify_all();
                });
            }
        }
        let seen = self.0.wait(|seen| seen.kinds.get(name).is_some_and(Option::is_none));
        seen.kinds.get(name).cloned().flatten()
    }
}

impl Inner {
    fn hold(&self) -> MutexGuard<'_, State> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits as long as a key may.
    fn wait(&self, not_yet: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        self.arrived.wait_timeout_while(self.hold(), KEY, not_yet).unwrap_or_else(PoisonError::into_inner).0
    }

    fn with(&self, scope: &Scope, what: impl FnOnce(&mut Followed)) {
        if let Some(followed) = self.hold().followed.get_mut(scope) {
            what(followed);
        }
        self.arrived.notify_all();
    }

    /// Follows objects, again and again where it breaks off, until nobody has asked for them for long.
    async fn keep(&self, scope: Scope, wake: Arc<Notify>) {
        let mut wait = AGAIN.0;
        loop {
            let begun = Instant::now();
            let tell = |seen| self.with(&scope, |followed| followed.see(seen));
            let (kind, namespace) = &scope;
            tokio::select! {
                failure = self.transport.follow(kind, namespace.as_deref(), &tell) => self.with(&scope, |followed| {
                    followed.lost = Some(failure);
                    followed.list = None;
                }),
                () = self.idle(&scope) => return,
            }
            // What was followed for a while has only broken off.
            wait = if begun.elapsed() > AGAIN.1 { AGAIN.0 } else { (wait * 2).min(AGAIN.1) };
            tokio::time::sleep(AGAIN.0).await;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = wake.notified() => {}
                () = self.idle(&scope) => return,
            }
        }
    }

    /// Ends when nobody has asked for long, and says that they are no longer followed.
    async fn idle(&self, scope: &Scope) {
        loop {
            tokio::time::sleep(IDLE / 10).await;
            let mut seen = self.hold();
            match seen.followed.get_mut(scope) {
                Some(followed) if followed.asked.elapsed() < IDLE => {}
                Some(followed) => {
                    followed.under_way = false;
                    followed.list = None;
                    return;
                }
                None => return,
            }
        }
    }

    async fn ask(&self, what: &Told) -> Result<Vec<String>, Failure> {
        match what {
            Told::Kinds => {
                Ok(self.transport.kinds().await?.iter().map(written).collect::<BTreeSet<_>>().into_iter().collect())
            }
            Told::Page(page, parameters) => {
                let call = Call::PrometheusPage { page: page.clone(), parameters: parameters.clone() };
                match self.transport.call(&call).await? {
                    Reply::Json(Value::Array(names)) => {
                        Ok(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
                    }
                    _ => Err(Failure::new(&BAD_ANSWER, format!("the page {page} of Prometheus is no list"))),
                }
            }
        }
    }
}

/// A kind as it is typed.
fn written(known: &KnownKind) -> String {
    known.kind.kind.to_lowercase()
}
