//! One run at a time on one object, on this machine.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::effect::ObjectRef;
use crate::failure::{Failure, LOCKED, RECORD};
use crate::record::file::private_directory;
use crate::run::held::Held;

/// The locks that one run holds. The system gives them back when the process ends, however it ends.
pub(crate) struct Locks {
    directory: PathBuf,
    /// The cluster: equal names in different clusters are different objects.
    cluster: String,
    /// Who holds them, as another run's message names it.
    holder: String,
    held: Held<HashMap<PathBuf, File>>,
}

impl Locks {
    pub(crate) fn new(home: &Path, cluster: String, holder: String) -> Self {
        Locks { directory: home.join("locks"), cluster, holder, held: Held::default() }
    }

    /// Locks an object until [`Locks::release`].
    pub(crate) fn hold(&self, object: &ObjectRef) -> Result<(), Failure> {
        let path = self.directory.join(format!("{}.lock", self.key(object)));
        let mut held = self.held.lock();
        if held.contains_key(&path) {
            return Ok(());
        }
        let unusable = |error: io::Error| {
            Failure::new(&RECORD, format!("the lock of {object} cannot be taken: {}: {error}", path.display()))
                .unchanged(format!("{object} was not changed"))
                .hint("make the directory `locks` below $MESHBOOK_HOME writable, or set MESHBOOK_HOME")
        };
        private_directory(&self.directory).map_err(unusable)?;
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let known = file.read_to_string(&mut holder).is_ok() && !holder.is_empty();
                let holder = if known { holder } else { "another run".into() };
                return Err(Failure::new(&LOCKED, format!("{object} is being changed by {holder} on this machine"))
                    .unchanged(format!("{object} was not changed"))
                    .hint("wait for it to end, or look at it with `meshbook runs`"));
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(self.holder.as_bytes()))
            .map_err(unusable)?;
        held.insert(path, file);
        Ok(())
    }

    /// Gives all locks back. The files stay: removing one could split a lock in two.
    pub(crate) fn release(&self) {
        self.held.lock().clear();
    }

    fn key(&self, object: &ObjectRef) -> String {
        // A subresource is a view of the object, so both share one lock.
        let place = [
            &self.cluster,
            &object.kind.group,
            &object.kind.plural,
            object.namespace.as_deref().unwrap_or_default(),
            &object.name,
        ]
        .join("\n");
        let digest = Sha256::digest(place.as_bytes());
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}
