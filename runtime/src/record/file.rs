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
    /// Whether anything of it has to be on the disk. Until then its directory has not been flushed either.
    flushed: bool,
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
            TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::WouldBlock, "another process holds the new record's lock")
            }
        })?;
        Ok(RecordFile { path, file, whole: 0, torn: false, flushed: false })
    }

    /// Opens the record of an earlier run to append to it, and reads it. A torn last line is cut off.
    ///
    /// # Errors
    /// [`LOCKED`] while its run or another undo goes on; [`RECORD`] when it cannot be read or written.
    pub fn reopen(path: &Path) -> Result<(Self, Vec<Line>), Failure> {
        let unusable = |error: io::Error| {
            Failure::new(&RECORD, format!("the record {} cannot be opened for writing: {error}", path.display()))
                .unchanged("nothing was taken back")
                .hint("make the file and its disk writable: what is taken back has to be recorded first")
        };
        let mut file = OpenOptions::new().read(true).append(true).open(path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new(
                    &LOCKED,
                    format!("the record {} is in use: its run, or another undo of it, still goes on", path.display()),
                )
                .unchanged("nothing was taken back")
                .hint("wait for it to end, then look at `meshbook runs`"));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let (lines, whole) = read_lines(BufReader::new(&file), path)?;
        file.set_len(whole).map_err(unusable)?;
        file.seek(SeekFrom::End(0)).map_err(unusable)?;
        Ok((RecordFile { path: path.to_owned(), file, whole, torn: false, flushed: true }, lines))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether anything of it was flushed to the disk: if not, its run has sent no change.
    pub fn is_flushed(&self) -> bool {
        self.flushed
    }

    /// Appends a line; with `flush` it is on the disk when this returns.
    ///
    /// # Errors
    /// When the disk does not take the whole line. What it took of it is removed, so that the record stays readable.
    pub fn append(&mut self, line: &Line, flush: bool) -> io::Result<()> {
        self.append_all(std::slice::from_ref(line), flush)
    }

    /// Appends lines, all or none; with `flush` they are on the disk when this returns.
    ///
    /// # Errors
    /// As of [`RecordFile::append`].
    pub fn append_all(&mut self, lines: &[Line], flush: bool) -> io::Result<()> {
        if self.torn {
            return Err(io::Error::other("a line that was cut short stands at its end"));
        }
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
        }
        let written = self.file.write_all(&text).and_then(|()| if flush { self.flush() } else { Ok(()) });
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

    fn flush(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        if !self.flushed
            && let Some(directory) = self.path.parent()
        {
            // The name of a new file is on the disk only once its directory is.
            File::open(directory)?.sync_all()?;
        }
        self.flushed = true;
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
impl RecordFile {
    /// From here on the disk is full.
    pub(crate) fn fill_up(&mut self) {
        self.file = OpenOptions::new().write(true).open("/dev/full").expect("Linux has a device that is always full");
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
        let length = reader.read_until(b'\n', &mut text).map_err(|error| unreadable(path, &error.to_string()))?;
        if length == 0 || text.last() != Some(&b'\n') {
            return Ok((lines, whole));
        }
        let line = serde_json::from_slice(&text)
            .map_err(|error| unreadable(path, &format!("line {} is not an event: {error}", lines.len() + 1)))?;
        lines.push(line);
        whole += length as u64;
    }
}

fn unreadable(path: &Path, why: &str) -> Failure {
    Failure::new(&RECORD, format!("the record {} cannot be read: {why}", path.display()))
        .hint("`meshbook runs` lists the records; one that another version of meshbook wrote needs that version")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot be set up has to fail.
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::effect::{Call, Effect, Reply};
    use crate::failure::Exit;
    use crate::record::event::{ChangeOutcome, Ended, Event, ProofOutcome, UndoConflict, UndoOutcome};
    use crate::value::Table;

    fn event() -> impl Strategy<Value = Event> {
        let text = ".{0,12}";
        let value = || {
            prop_oneof![
                Just(json!(null)),
                Just(json!({ "a": [1, "x\n", 18_446_744_073_709_551_615_u64] })),
                ".{0,8}".prop_map(|text| json!(text))
            ]
        };
        prop_oneof![
            (text, 0..3_usize).prop_map(|(title, depth)| Event::StepStarted { title, depth }),
            (text, any::<bool>(), any::<u32>()).prop_map(|(title, passed, nanos)| Event::StepEnded {
                title,
                depth: 0,
                took: Duration::from_nanos(nanos.into()),
                passed
            }),
            (text, value(), any::<u64>()).prop_map(|(target, value, ordinal)| Event::Looked {
                beside: None,
                effect: Effect::read(
                    target,
                    "read",
                    Call::Query { query: "up".into(), at: Some(Timestamp::UNIX_EPOCH) }
                ),
                ordinal: (ordinal, 1),
                reply: Some(Reply::Json(value)),
                failure: None,
                took: Duration::from_millis(3),
            }),
            text.prop_map(|body| Event::Looked {
                beside: None,
                effect: Effect::read("x", "y", Call::Now),
                ordinal: (0, 0),
                reply: Some(Reply::Http { status: 503, body }),
                failure: Some(("code".into(), "message".into())),
                took: Duration::ZERO,
            }),
            (text, value()).prop_map(|(title, value)| Event::Shown { table: Table::line(title), value }),
            text.prop_map(|seen| Event::Proved {
                word: "wait".into(),
                condition: "x".into(),
                outcome: ProofOutcome::Unverified,
                seen: Some(seen),
                took: Duration::ZERO
            }),
            value().prop_map(|post_image| Event::ChangeAnswered {
                change: 3,
                outcome: ChangeOutcome::Made { post_image }
            }),
            (text, any::<bool>()).prop_map(|(text, given)| Event::TakenBack {
                change: 3,
                outcome: UndoOutcome::Conflict {
                    fields: vec![UndoConflict {
                        path: Default::default(),
                        ours: given.then(|| json!(1)),
                        theirs: None,
                        by: Some(text)
                    }],
                    restored: Vec::new(),
                },
            }),
            prop::collection::vec(any::<u64>(), 0..3).prop_map(|changes| Event::Settled { changes }),
            text.prop_map(|message| Event::Ended(Box::new(Ended {
                exit: Exit::Dirty,
                ending: "failed".into(),
                message,
                next: None,
                kept: vec![1],
                taken_back: vec![],
                left_behind: vec![(2, "why".into())],
                took: Duration::from_secs(1),
                code: None,
                unchanged: None,
                hint: Some("x".into()),
            }))),
        ]
    }

    fn lines(events: Vec<Event>) -> Vec<Line> {
        events
            .into_iter()
            .enumerate()
            .map(|(place, event)| Line { number: place as u64, at: Timestamp::UNIX_EPOCH, event })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_reads_back_and_a_torn_end_is_left_out(events in prop::collection::vec(event(), 1..8), cut in any::<prop::sample::Index>()) {
            let home = tempfile::tempdir().unwrap();
            let lines = lines(events);
            let mut file = RecordFile::create(home.path(), "X").unwrap();
            for line in &lines {
                file.append(line, true).unwrap();
            }
            let path = file.path().to_owned();
            drop(file);
            prop_assert_eq!(&read(&path).unwrap(), &lines);

            // Wherever a crash cuts the file: what is whole reads back, and more can be appended.
            let bytes = fs::read(&path).unwrap();
            let cut = cut.index(bytes.len());
            fs::write(&path, &bytes[..cut]).unwrap();
            let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
            prop_assert_eq!(&read(&path).unwrap()[..], &lines[..whole]);
            let (mut file, before) = RecordFile::reopen(&path).unwrap();
            prop_assert_eq!(before.len(), whole);
            file.append(&lines[0], true).unwrap();
            drop(file);
            prop_assert_eq!(read(&path).unwrap().len(), whole + 1);
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_this_user_can_read_it() {
        let home = tempfile::tempdir().unwrap();
        let file = RecordFile::create(home.path(), "X").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(file.path()), mode(&directory(home.path()))), (0o600, 0o700));
    }

    #[test]
    fn reads_alone_do_not_wait_for_the_disk() {
        let home = tempfile::tempdir().unwrap();
        let mut file = RecordFile::create(home.path(), "X").unwrap();
        let line = Line { number: 0, at: Timestamp::UNIX_EPOCH, event: Event::Warning { message: "x".into() } };
        file.append(&line, false).unwrap();
        assert!(!file.is_flushed());
        file.append(&line, true).unwrap();
        assert!(file.is_flushed());
        let path = file.path().to_owned();
        drop(file);
        assert!(RecordFile::reopen(&path).unwrap().0.is_flushed());
    }

    #[test]
    fn what_is_no_record_is_named_with_its_line() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.jsonl");
        fs::write(&path, "{}\n").unwrap();
        let failure = read(&path).unwrap_err();
        assert!(failure.message.contains("line 1") && failure.message.contains("x.jsonl"), "{failure}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_leaves_no_torn_line_behind_which_another_is_written() {
        let home = tempfile::tempdir().unwrap();
        let mut file = RecordFile::create(home.path(), "X").unwrap();
        file.fill_up();
        let line = Line { number: 0, at: Timestamp::UNIX_EPOCH, event: Event::Warning { message: "x".into() } };
        assert_eq!(file.append(&line, true).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(file.append(&line, true).is_err());
    }
}
