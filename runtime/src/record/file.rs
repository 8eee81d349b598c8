//! Writes and reads the file of a record: `$MESHBOOK_HOME/runs/<ULID>.jsonl`.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::event::Line;
use crate::failure::{Failure, LOCKED, RECORD};

/// The directory of records below meshbook's home.
pub fn directory(home: &Path) -> PathBuf {
    home.join("runs")
}

/// Makes a directory that only this user can enter.
pub(crate) fn private_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(path)?;
    #[cfg(unix)]
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// An open record: this process holds its lock, so no other can append to it.
#[derive(Debug)]
pub struct RecordFile {
    path: PathBuf,
    file: File,
    /// Length up to the end of the last whole line.
    whole: u64,
    /// Whether a part of a line stands at the end that could not be removed: nothing may follow it.
    torn: bool,
}

impl RecordFile {
    /// Begins the record of a run.
    ///
    /// # Errors
    /// When the directory or the file cannot be made.
    pub fn create(home: &Path, id: &str) -> io::Result<Self> {
        let directory = directory(home);
        private_directory(&directory)?;
        let path = directory.join(format!("{id}.jsonl"));
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let file = options.open(&path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::Error::new(
                io::ErrorKind::WouldBlock,
                "another process holds the new record's lock",
            ),
        })?;
        // The name of a new file is on disk only once its directory is.
        File::open(&directory)?.sync_all()?;
        Ok(RecordFile {
            path,
            file,
            whole: 0,
            torn: false,
        })
    }

    /// Opens the record of an earlier run to append to it, and reads it. A torn last line is cut off.
    ///
    /// # Errors
    /// [`LOCKED`] while its run or another undo goes on; [`RECORD`] when it cannot be read or written.
    pub fn reopen(path: &Path) -> Result<(Self, Vec<Line>), Failure> {
        let unusable = |error: io::Error| {
            Failure::new(
                &RECORD,
                format!(
                    "the record {} cannot be opened for writing: {error}",
                    path.display()
                ),
            )
            .unchanged("nothing was taken back")
            .hint(
                "make the file and its disk writable: what is taken back has to be recorded first",
            )
        };
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(path)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new(
                    &LOCKED,
                    format!(
                        "the record {} is in use: its run, or another undo of it, still goes on",
                        path.display()
                    ),
                )
                .unchanged("nothing was taken back")
                .hint("wait for it to end, then look at `meshbook runs`"));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let (lines, whole) = read_lines(BufReader::new(&file), path)?;
        file.set_len(whole).map_err(unusable)?;
        file.seek(SeekFrom::End(0)).map_err(unusable)?;
        Ok((
            RecordFile {
                path: path.to_owned(),
                file,
                whole,
                torn: false,
            },
            lines,
        ))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line; with `flush` it is on the disk when this returns.
    ///
    /// # Errors
    /// When the disk does not take the whole line. What it took of it is removed, so that the record stays readable.
    pub fn append(&mut self, line: &Line, flush: bool) -> io::Result<()> {
        if self.torn {
            return Err(io::Error::other(
                "a line that was cut short stands at its end",
            ));
        }
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let written = self
            .file
            .write_all(&text)
            .and_then(|()| if flush { self.file.sync_data() } else { Ok(()) });
        match written {
            Ok(()) => {
                self.whole += text.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.torn = self.file.set_len(self.whole).is_err();
                Err(error)
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
impl RecordFile {
    /// From here on the disk is full.
    pub(crate) fn fill_up(&mut self) {
        self.file = OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("Linux has a device that is always full");
    }
}

/// Reads a record. A torn last line, as a crash leaves it, is left out.
///
/// # Errors
/// [`RECORD`] when the file cannot be read, or holds something else than a record.
pub fn read(path: &Path) -> Result<Vec<Line>, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error.to_string()))?;
    read_lines(BufReader::new(file), path).map(|(lines, _)| lines)
}

fn read_lines(mut reader: impl BufRead, path: &Path) -> Result<(Vec<Line>, u64), Failure> {
    let mut lines = Vec::new();
    let mut whole = 0;
    let mut text = Vec::new();
    loop {
        text.clear();
        let length = reader
            .read_until(b'\n', &mut text)
            .map_err(|error| unreadable(path, &error.to_string()))?;
        if length == 0 || text.last() != Some(&b'\n') {
            return Ok((lines, whole));
        }
        let line = serde_json::from_slice(&text).map_err(|error| {
            unreadable(
                path,
                &format!("line {} is not an event: {error}", lines.len() + 1),
            )
        })?;
        lines.push(line);
        whole += length as u64;
    }
}

fn unreadable(path: &Path, why: &str) -> Failure {
    Failure::new(&RECORD, format!("the record {} cannot be read: {why}", path.display()))
        .hint("`meshbook runs` lists the records; one that another version of meshbook wrote needs that version")
}
