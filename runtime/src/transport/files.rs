//! Files of this machine, in one folder: `backups` below meshbook's home.
//!
//! A script has no files. A run has this folder, in which a plain name leads nowhere else: no path, no link out of it. A
//! file is treated like an object of the cluster, so that its creation takes the road of every change: shown, approved,
//! recorded with its hash, taken back by its deletion while it is as it was written. `docs/decisions/0017` says why.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, ready};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Transport;
use crate::effect::{Call, FileFolder, ObjectRef, Reply};
use crate::failure::{CONFLICT, FILE, Failure, NOT_FOUND};
use crate::record::file::private_directory;

/// What a file may hold, in bytes. Thousands of objects are some ten megabytes.
pub const LARGEST: u64 = 256 << 20;

/// The longest name; what is written beside it while it is not whole yet has a longer one.
const LONGEST_NAME: usize = 100;

/// The folder of backups below meshbook's home.
pub fn directory(home: &Path) -> PathBuf {
    home.join("backups")
}

/// The folder of objects that another tool has rendered, below meshbook's home. Nothing is ever written there.
pub fn manifests(home: &Path) -> PathBuf {
    home.join("manifests")
}

/// The same transport, with the files of the folder below `home`; a replay as it is.
pub(crate) fn beside(transport: Arc<dyn Transport>, home: &Path) -> Arc<dyn Transport> {
    if !transport.has_files() {
        return transport;
    }
    Arc::new(Beside { transport, folder: Folder(directory(home)), manifests: Folder(manifests(home)) })
}

/// That a connection has no files: a run has.
pub(super) fn elsewhere(name: &str) -> Failure {
    Failure::new(&FILE, format!("{} is a file of the run, not of the cluster", ObjectRef::file(name)))
}

/// What the record has of a file instead of what it holds.
pub(crate) fn facts(bytes: &[u8]) -> Value {
    json!({ "sha256": hash(bytes), "bytes": bytes.len() })
}

struct Beside {
    transport: Arc<dyn Transport>,
    folder: Folder,
    manifests: Folder,
}

impl Transport for Beside {
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, Failure>> {
        let done = match call {
            Call::ReadFile { folder: FileFolder::Backups, name } => self.folder.read(name).map(Reply::Text),
            Call::ReadFile { folder: FileFolder::Manifests, name } => self.manifests.read(name).map(Reply::Text),
            Call::Get { object } if object.is_file() => self.folder.get(&object.name).map(Reply::Json),
            Call::Create { object, content, dry_run } if object.is_file() => {
                self.folder.create(&object.name, content, *dry_run).map(Reply::Json)
            }
            Call::Delete { object, uid, dry_run, .. } if object.is_file() => {
                self.folder.delete(&object.name, uid, *dry_run).map(|()| Reply::Done)
            }
            _ => return self.transport.call(call),
        };
        ready(done).boxed()
    }

    fn place(&self) -> (String, String) {
        self.transport.place()
    }

    fn beneath(&self) -> Option<&dyn Transport> {
        Some(&*self.transport)
    }
}

/// The folder.
struct Folder(PathBuf);

impl Folder {
    /// Where the file of a name is.
    fn path(&self, name: &str) -> Result<PathBuf, Failure> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let begins = name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
        if begins && name.len() <= LONGEST_NAME && name.chars().all(plain) {
            return Ok(self.0.join(name));
        }
        let shown = super::status::printable(name);
        Err(Failure::new(&FILE, format!("`{shown}` is no name of a file"))
            .unchanged("no file was read or written")
            .hint(format!("a name is letters, digits, `.`, `-` and `_`, at most {LONGEST_NAME}, such as before-upgrade; its file lies in {}", self.0.display())))
    }

    fn read(&self, name: &str) -> Result<String, Failure> {
        let path = self.path(name)?;
        let bytes = self.bytes(name, &path)?;
        String::from_utf8(bytes).map_err(|_| {
            Failure::new(&FILE, format!("{} holds something else than text", path.display()))
                .hint("it is damaged, or none of meshbook's: take another copy of it")
        })
    }

    fn bytes(&self, name: &str, path: &Path) -> Result<Vec<u8>, Failure> {
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => {
                let mut there: Vec<String> = fs::read_dir(&self.0)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .filter_map(|entry| entry.file_name().into_string().ok())
                    .filter(|name| !name.starts_with('.'))
                    .collect();
                there.sort();
                let hint = match there.as_slice() {
                    [] => format!("there is no file in {} yet", self.0.display()),
                    some => format!(
                        "{} has {}",
                        self.0.display(),
                        some.iter().take(10).cloned().collect::<Vec<_>>().join(", ")
                    ),
                };
                Failure::new(&NOT_FOUND, format!("there is no file {}", path.display())).hint(hint)
            }
            _ => {
                Failure::new(&FILE, format!("{} cannot be read: {error}", path.display())).hint("let this user read it")
            }
        };
        let file = File::open(path).map_err(unreadable)?;
        let facts = file.metadata().map_err(unreadable)?;
        if !facts.is_file() || facts.len() > LARGEST {
            return Err(Failure::new(&FILE, format!("{name} is no file, or one of more than {} MiB", LARGEST >> 20))
                .hint("name a file that meshbook has written"));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(bytes)
    }

    /// The file as the road of changes knows objects: its hash is its version, and what it holds stays in it.
    fn get(&self, name: &str) -> Result<Value, Failure> {
        let path = self.path(name)?;
        Ok(document(name, &self.bytes(name, &path)?))
    }

    fn create(&self, name: &str, content: &Value, dry_run: bool) -> Result<Value, Failure> {
        let path = self.path(name)?;
        let text = content["content"].as_str().unwrap_or_default();
        let failed = |error: io::Error| {
            Failure::new(&FILE, format!("{} cannot be written: {error}", path.display()))
                .unchanged("no file was written")
                .hint("make room on the disk, and let this user write there")
        };
        private_directory(&self.0).map_err(failed)?;
        if fs::symlink_metadata(&path).is_ok() {
            return Err(exists(&path));
        }
        if dry_run {
            return Ok(document(name, text.as_bytes()));
        }
        // Whole or not at all: it gets its name when it is on the disk, and only if nobody else has got it meanwhile.
        let unfinished = self.0.join(format!(".{name}.{}", std::process::id()));
        let written = write(&unfinished, text).and_then(|()| fs::hard_link(&unfinished, &path));
        let _ = fs::remove_file(&unfinished);
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(exists(&path)),
            Err(error) => return Err(failed(error)),
        }
        // The name is on the disk once the folder is.
        File::open(&self.0).and_then(|folder| folder.sync_all()).map_err(failed)?;
        self.get(name)
    }

    fn delete(&self, name: &str, uid: &str, dry_run: bool) -> Result<(), Failure> {
        let path = self.path(name)?;
        if hash(&self.bytes(name, &path)?) != uid {
            return Err(Failure::new(&CONFLICT, format!("{} is not what was written any more", path.display()))
                .unchanged(format!("{} was not removed", path.display())));
        }
        if dry_run {
            return Ok(());
        }
        fs::remove_file(&path)
            .map_err(|error| Failure::new(&FILE, format!("{} cannot be removed: {error}", path.display())))
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    // Left by a process of the same number that was killed.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn exists(path: &Path) -> Failure {
    Failure::new(&FILE, format!("there is a file {} already", path.display()))
        .unchanged(format!("{} was not overwritten", path.display()))
        .hint("choose another name, or move that file away")
}

fn document(name: &str, bytes: &[u8]) -> Value {
    let hash = hash(bytes);
    json!({
        "apiVersion": "", "kind": "File",
        "metadata": { "name": name, "uid": hash, "resourceVersion": hash },
        "sha256": hash, "bytes": bytes.len(),
    })
}

/// SHA-256 in hexadecimal digits.
fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

    use super::*;

    fn content(text: &str) -> Value {
        json!({ "content": text })
    }

    #[test]
    fn a_file_is_written_once_for_its_user_alone() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder(directory(home.path()));
        assert!(folder.get("one").unwrap_err().is(&NOT_FOUND));
        let tried = folder.create("one", &content("text"), true).unwrap();
        assert!(folder.get("one").unwrap_err().is(&NOT_FOUND), "a trial writes nothing");
        assert_eq!(folder.create("one", &content("text"), false).unwrap(), tried);
        assert_eq!(folder.read("one").unwrap(), "text");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(folder.0.join("one")), mode(folder.0.clone())), (0o600, 0o700));
        }
        for dry_run in [true, false] {
            let again = folder.create("one", &content("other"), dry_run).unwrap_err();
            assert!(again.is(&FILE) && again.unchanged.is_some(), "{again}");
        }
        assert_eq!(folder.read("one").unwrap(), "text");
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "nothing unfinished is left");
    }

    #[test]
    fn what_somebody_has_changed_since_is_not_removed() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder(directory(home.path()));
        let written = folder.create("one", &content("text"), false).unwrap();
        let uid = written["metadata"]["uid"].as_str().unwrap();
        fs::write(folder.0.join("one"), "other").unwrap();
        assert!(folder.delete("one", uid, false).unwrap_err().is(&CONFLICT));
        fs::write(folder.0.join("one"), "text").unwrap();
        folder.delete("one", uid, false).unwrap();
        assert!(folder.read("one").unwrap_err().is(&NOT_FOUND));
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder(directory(home.path()));
        for name in ["", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "-x", "a\0b", "a b", "ü", &"a".repeat(101)]
        {
            let refused = folder.read(name).unwrap_err();
            assert!(refused.is(&FILE) && refused.hint.is_some(), "{name:?}: {refused}");
        }
        assert!(!directory(home.path()).exists(), "a refused name makes no folder");
    }
}
