//! One run at a time on one object, on this machine.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::effect::{ObjectRef, ResourceKind};
use crate::failure::{Failure, LOCKED, RECORD};
use crate::record::file::private_directory;
use crate::run::held::Held;

/// So many objects of a kind are locked one by one.
const MANY: usize = 64;

/// The locks that one run holds. The system gives them back when the process ends, however it ends.
///
/// Who changes an object holds its lock, and shares that of its kind. Who changes many of a kind holds the kind's alone: a
/// process may have a thousand files open.
pub(crate) struct Locks {
    directory: PathBuf,
    /// The cluster: equal names in different clusters are different objects.
    cluster: String,
    /// Who holds them, as another run's message names it.
    holder: String,
    held: Held<HashMap<PathBuf, Lock>>,
}

struct Lock {
    file: File,
    /// Whether nobody else shares it.
    alone: bool,
}

impl Locks {
    pub(crate) fn new(home: &Path, cluster: String, holder: String) -> Self {
        Locks { directory: home.join("locks"), cluster, holder, held: Held::default() }
    }

    /// Locks an object until [`Locks::release`].
    pub(crate) fn hold(&self, object: &ObjectRef) -> Result<(), Failure> {
        let kind = self.kind(&object.kind);
        if self.held.lock().get(&kind).is_some_and(|lock| lock.alone) {
            return Ok(());
        }
        self.take(kind, false, &object.to_string())?;
        // A subresource is a view of the object, so both share one lock.
        let namespace = object.namespace.as_deref().unwrap_or_default();
        self.take(
            self.path(&[&object.kind.group, &object.kind.plural, namespace, &object.name]),
            true,
            &object.to_string(),
        )
    }

    /// Locks objects until [`Locks::release`]; where there are many of a kind, all of it.
    pub(crate) fn hold_all<'a>(&self, objects: impl Iterator<Item = &'a ObjectRef>) -> Result<(), Failure> {
        let mut kinds: BTreeMap<&ResourceKind, Vec<&ObjectRef>> = BTreeMap::new();
        for object in objects {
            kinds.entry(&object.kind).or_default().push(object);
        }
        for (kind, objects) in kinds {
            if objects.len() > MANY {
                self.take(self.kind(kind), true, &format!("some {}", kind.kind))?;
            } else {
                objects.into_iter().try_for_each(|object| self.hold(object))?;
            }
        }
        Ok(())
    }

    fn kind(&self, kind: &ResourceKind) -> PathBuf {
        self.path(&[&kind.group, &kind.plural])
    }

    fn take(&self, path: PathBuf, alone: bool, what: &str) -> Result<(), Failure> {
        let mut held = self.held.lock();
        if held.get(&path).is_some_and(|lock| lock.alone || !alone) {
            return Ok(());
        }
        let unusable = |error: io::Error| {
            Failure::new(&RECORD, format!("the lock of {what} cannot be taken: {}: {error}", path.display()))
                .unchanged(format!("{what} was not changed"))
                .hint("make the directory `locks` below $MESHBOOK_HOME writable, or set MESHBOOK_HOME")
        };
        private_directory(&self.directory).map_err(unusable)?;
        let open = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let shared = held.remove(&path);
        let had = shared.is_some();
        let mut file = shared.map_or_else(open, |lock| Ok(lock.file)).map_err(unusable)?;
        match if alone { file.try_lock() } else { file.try_lock_shared() } {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let known = file.rewind().and_then(|()| file.read_to_string(&mut holder)).is_ok() && !holder.is_empty();
                // What was shared before is shared on, unless somebody was quicker.
                if had && file.try_lock_shared().is_ok() {
                    held.insert(path, Lock { file, alone: false });
                }
                let holder = if known { holder } else { "another run".into() };
                return Err(Failure::new(&LOCKED, format!("{what} is being changed by {holder} on this machine"))
                    .unchanged(format!("{what} was not changed"))
                    .hint("wait for it to end, or look at it with `meshbook runs`"));
            }
        }
        file.rewind()
            .and_then(|()| file.set_len(0))
            .and_then(|()| file.write_all(self.holder.as_bytes()))
            .map_err(unusable)?;
        held.insert(path, Lock { file, alone });
        Ok(())
    }

    /// Gives all locks back. The files stay: removing one could split a lock in two.
    pub(crate) fn release(&self) {
        self.held.lock().clear();
    }

    fn path(&self, place: &[&str]) -> PathBuf {
        let place = [&[self.cluster.as_str()], place].concat().join("\n");
        let digest = Sha256::digest(place.as_bytes());
        let key: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        self.directory.join(format!("{key}.lock"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn object(name: &str) -> ObjectRef {
        ObjectRef::new(ResourceKind::namespaced("g", "v1", "Thing", "things"), "n", name)
    }

    #[test]
    fn many_of_a_kind_and_one_of_them_exclude_each_other() {
        let home = tempfile::tempdir().unwrap();
        let locks = |holder: &str| Locks::new(home.path(), "cluster".into(), holder.into());
        let (one, many, third) = (locks("run 1"), locks("run 2"), locks("run 3"));
        let all: Vec<ObjectRef> = (0..=MANY).map(|number| object(&number.to_string())).collect();
        one.hold(&object("x")).unwrap();
        third.hold(&object("y")).unwrap();
        assert!(third.hold(&object("x")).unwrap_err().message.contains("x is being changed by run 1"));
        let failure = many.hold_all(all.iter()).unwrap_err();
        assert!(failure.is(&LOCKED) && failure.message.starts_with("some Thing is being changed by run"), "{failure}");
        one.release();
        third.release();
        many.hold_all(all.iter()).unwrap();
        many.hold(&object("x")).unwrap();
        assert!(one.hold(&object("x")).unwrap_err().message.contains("by run 2"));
        many.release();
        one.hold(&object("x")).unwrap();
        one.hold_all(all.iter()).unwrap();
        assert!(many.hold(&object("z")).is_err(), "what one run shared, it may take for itself");
        few_are_locked_one_by_one(&many, &one);
    }

    fn few_are_locked_one_by_one(one: &Locks, other: &Locks) {
        other.release();
        one.hold_all([object("a"), object("b")].iter()).unwrap();
        other.hold(&object("c")).unwrap();
        assert!(other.hold(&object("b")).is_err());
    }
}
