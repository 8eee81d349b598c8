//! Finds the records of earlier runs.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use super::event::{Ended, Event, Line, Started};
use super::file::directory;
use crate::failure::{Failure, PARAM, RECORD};

/// What a list of runs says about one.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its id.
    pub id: String,
    /// Its record.
    pub path: PathBuf,
    /// When it began, by its own clock.
    pub at: Timestamp,
    /// Who ran what, where.
    pub started: Started,
    /// How it ended; after an undo, how that ended. `None` while it runs, or if its process was killed.
    pub ended: Option<Ended>,
}

/// The runs below meshbook's home, newest first, and the files among them that are not readable records, with the reason.
///
/// # Errors
/// [`RECORD`] when the directory cannot be read. One that is not there is empty.
pub fn list(home: &Path) -> Result<(Vec<Summary>, Vec<Failure>), Failure> {
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for path in paths(home)? {
        match summary(&path) {
            Ok(summary) => found.push((created(&path), summary)),
            Err(failure) => unreadable.push(failure),
        }
    }
    // Runs in the lab all begin at the same virtual time, so it is the file that tells which is newer.
    found.sort_by(|(one, a), (other, b)| (other, &b.id).cmp(&(one, &a.id)));
    Ok((found.into_iter().map(|(_, summary)| summary).collect(), unreadable))
}

/// The record of the run whose id begins with `prefix`, in any case.
///
/// # Errors
/// [`PARAM`] when no run, or more than one, has such an id.
pub fn find(home: &Path, prefix: &str) -> Result<PathBuf, Failure> {
    let wanted = prefix.to_ascii_uppercase();
    let mut fitting: Vec<PathBuf> =
        paths(home)?.into_iter().filter(|path| !wanted.is_empty() && id(path).starts_with(&wanted)).collect();
    fitting.sort();
    match fitting.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Failure::new(&PARAM, format!("there is no run `{prefix}` in {}", directory(home).display()))
            .hint("`meshbook runs` lists them")),
        many => {
            let ids: Vec<_> = many.iter().take(5).map(|path| id(path)).collect();
            Err(Failure::new(&PARAM, format!("`{prefix}` is the beginning of {} runs: {}", many.len(), ids.join(", ")))
                .hint("write more of the id"))
        }
    }
}

fn paths(home: &Path) -> Result<Vec<PathBuf>, Failure> {
    let directory = directory(home);
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Failure::new(
                &RECORD,
                format!("the directory of records {} cannot be read: {error}", directory.display()),
            )
            .hint("check its owner and mode, or set MESHBOOK_HOME"));
        }
    };
    Ok(entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect())
}

fn id(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn created(path: &Path) -> Option<SystemTime> {
    let about = fs::metadata(path).ok()?;
    about.created().or_else(|_| about.modified()).ok()
}

/// Reads the first line of a record, and the last: those between hold whole config dumps.
fn summary(path: &Path) -> Result<Summary, Failure> {
    let unreadable = |why: &dyn std::fmt::Display| {
        Failure::new(&RECORD, format!("the record {} cannot be read: {why}", path.display()))
    };
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut reader = BufReader::new(file);
    let mut text = String::new();
    reader.read_line(&mut text).map_err(|error| unreadable(&error))?;
    let first: Line = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
    let Event::Started(started) = first.event else {
        return Err(unreadable(&"it does not begin with the start of a run"));
    };
    let last = last_line(reader.into_inner()).map_err(|error| unreadable(&error))?;
    let ended = match serde_json::from_slice(&last) {
        Ok(Line { event: Event::Ended(ended), .. }) => Some(*ended),
        _ => None,
    };
    Ok(Summary { id: id(path), path: path.to_owned(), at: first.at, started: *started, ended })
}

/// The last whole line of a file, or what fits of it.
fn last_line(mut file: File) -> std::io::Result<Vec<u8>> {
    const LONGEST: u64 = 1 << 20;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let start = tail[..whole].iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
    Ok(tail[start..whole].to_vec())
}
