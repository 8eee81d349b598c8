//! The inputs that everything begins with: `seeds/NAME.txt`, one a line with escapes; files that the repository holds
//! for its own tests; and `found/NAME/*`, inputs that once showed a defect.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Target;

/// The longest seed, in bytes. What is longer teaches nothing more and takes longer.
const LONGEST: usize = 16 << 10;

/// Files that are seeds.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    /// A folder of the repository; those inside it count too.
    pub folder: &'static str,
    /// How the names of the files end.
    pub ends: &'static str,
    /// What part of a file is a seed.
    pub part: Part,
}

/// What part of a file is a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it. JSON that is too long keeps its form with fewer items, a text is cut.
    Whole,
    /// Each of its lines.
    Lines,
    /// The lines behind `> `: the request of a recorded exchange.
    Request,
    /// Its last line: the body of a recorded answer.
    Body,
}

impl Target {
    /// Its seeds, in a fixed order.
    ///
    /// # Panics
    /// If a file that it names is not there.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        let list = here().join("seeds").join(format!("{}.txt", self.name));
        if let Ok(list) = fs::read_to_string(&list) {
            seeds.extend(list.lines().map(unescaped));
        }
        for recorded in self.recorded {
            let before = seeds.len();
            for file in files(&here().join("..").join(recorded.folder), recorded.ends) {
                seeds.extend(parts(&fs::read(&file).expect("it was listed"), recorded.part));
            }
            assert!(seeds.len() > before, "no file for {recorded:?}");
        }
        seeds
    }

    /// Inputs that once showed a defect.
    ///
    /// # Panics
    /// If a file cannot be read.
    pub fn found(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = files(&here().join("found").join(self.name), "");
        files.into_iter().map(|file| (file.clone(), fs::read(&file).expect("it was listed"))).collect()
    }
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// In the order of their paths.
fn files(folder: &Path, ends: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, ends));
        } else if path.to_string_lossy().ends_with(ends) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn parts(bytes: &[u8], part: Part) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(bytes);
    match part {
        Part::Whole => vec![shortened(bytes)],
        Part::Lines => text.lines().filter(|line| !line.is_empty()).map(|line| line.as_bytes().to_vec()).collect(),
        Part::Request => {
            let lines: Vec<&str> =
                text.lines().filter_map(|line| line.strip_prefix('>')).map(str::trim_start).collect();
            vec![cut(lines.join("\n").as_bytes())]
        }
        Part::Body => text.lines().last().map(|line| shortened(line.as_bytes())).into_iter().collect(),
    }
}

fn cut(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.as_bytes()[..end].to_vec()
}

fn shortened(bytes: &[u8]) -> Vec<u8> {
    if bytes.len() <= LONGEST {
        return bytes.to_vec();
    }
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return cut(bytes) };
    let mut most = 64;
    loop {
        let mut fewer = document.clone();
        thin(&mut fewer, most);
        let text = fewer.to_string();
        if text.len() <= LONGEST || most == 1 {
            return cut(text.as_bytes());
        }
        most /= 2;
    }
}

/// Leaves `most` items of every list, from all over it.
fn thin(value: &mut Value, most: usize) {
    match value {
        Value::Array(items) => {
            let step = items.len().div_ceil(most).max(1);
            *items = std::mem::take(items).into_iter().step_by(step).collect();
            items.iter_mut().for_each(|item| thin(item, most));
        }
        Value::Object(fields) => fields.values_mut().for_each(|field| thin(field, most)),
        _ => {}
    }
}

/// `\n`, `\t`, `\\` and `\xHH` are what they stand for; any other backslash stays.
fn unescaped(line: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.as_bytes();
    while let [first, behind @ ..] = rest {
        let (byte, next) = match (first, behind) {
            (b'\\', [b'n', next @ ..]) => (b'\n', next),
            (b'\\', [b't', next @ ..]) => (b'\t', next),
            (b'\\', [b'\\', next @ ..]) => (b'\\', next),
            (b'\\', [b'x', high, low, next @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, next),
                _ => (b'\\', behind),
            },
            _ => (*first, behind),
        };
        bytes.push(byte);
        rest = next;
    }
    bytes
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A folder for the files of a target that reads files, for this process alone.
///
/// # Panics
/// If it cannot be made.
pub fn scratch(target: &str) -> PathBuf {
    let folder = here().join("../target/fuzz/scratch").join(format!("{target}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("there is a place beside what is compiled");
    folder
}
