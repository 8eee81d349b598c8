//! Record files: torn, foreign and hostile ones.
//!
//! Beyond "no panic": what can be read can be written, and is then read as the same events; opening a record to append
//! cuts off a torn last line and nothing else; the list of runs shows or names every file.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use meshbook_runtime::record::event::Line;
use meshbook_runtime::record::file::{RecordFile, directory, read};
use meshbook_runtime::record::list;

use serde_json::Value;

use crate::seeds::scratch;

/// A home with nothing in it but the record, for this process alone.
static HOME: LazyLock<PathBuf> = LazyLock::new(|| {
    let home = scratch("runtime_record");
    fs::create_dir_all(directory(&home)).expect("there is a place for temporary files");
    home
});

/// See the module.
pub fn run(bytes: &[u8]) {
    let path = directory(&HOME).join("01M85BQ0JJ9Y4YSH23NM08MSSD.jsonl");
    fs::write(&path, bytes).expect("there is room for temporary files");
    let listed = list::list(&HOME).expect("the directory is there");
    assert_eq!(listed.0.len() + listed.1.len(), 1);
    let lines = read(&path);
    match RecordFile::reopen(&path) {
        Ok((file, reopened)) => {
            assert_eq!(lines.as_ref().ok(), Some(&reopened));
            drop(file);
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
            assert_eq!(fs::read(&path).expect("it was there"), bytes[..whole]);
        }
        Err(_) => assert!(lines.is_err()),
    }
    for line in lines.iter().flatten() {
        let text = serde_json::to_vec(line).expect("an event can be written");
        let read: Line = serde_json::from_slice(&text).expect("what was written can be read");
        assert_eq!((read.number, read.at), (line.number, line.at));
        let value = |line: &Line| serde_json::to_value(line).expect("an event can be written");
        assert!(same(&value(&read), &value(line)), "{read:?} {line:?}");
    }
}

/// Equality, but for the last digit of a fraction or of a number that is no integer of 64 bits: serde_json reads those
/// to within that.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) if one.is_f64() && other.is_f64() => {
            let (one, other) = (one.as_f64().unwrap_or_default(), other.as_f64().unwrap_or_default());
            (one - other).abs() <= 4.0 * f64::EPSILON * one.abs()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| same(one, other)))
        }
        _ => one == other,
    }
}
