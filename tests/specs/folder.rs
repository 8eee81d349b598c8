//! A folder below `tests/specs`: command lines, and what must come of them.
//!
//! A folder holds `spec.toml`, the scripts and worlds that it names, and for each call `N.stdout` and `N.stderr` (an
//! absent file stands for no output). In these, `[..]` stands for anything within a line, and a line `...` for any
//! number of lines. Ids of runs are written `[RUN]`, the home of records `[HOME]`, ports `[PORT]`, who ran it `[USER]` on
//! `[MACHINE]`, how many reads there were `[READS]`; the spec's folder is the working directory. Lines about progress,
//! `still waiting after …`, are left out. `MESHBOOK_SPECS=update cargo test --test specs` writes the files anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

/// `spec.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What is shown by it.
    about: String,
    /// Calls in order, with one home of records.
    pub call: Vec<Call>,
}

/// One call of meshbook.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Its arguments; `[RUN]` stands for the id of the newest run, `[WORLD]` for the file of `world`.
    pub args: Vec<String>,
    /// A world that is made for this call.
    world: Option<WorldWith>,
    /// Environment beside the fixed one.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Its exit code.
    exit: i32,
    /// What the newest record says afterwards; absent: nothing is asked of it.
    record: Option<RecordSummary>,
}

/// A world file of the spec's folder, and what stands at its end for one call.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorldWith {
    /// Its name.
    file: String,
    /// TOML.
    end: String,
}

/// What a record must come to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordSummary {
    /// The ending of its last line.
    ending: String,
    /// Objects and fields that were sent to be changed: `DestinationRule graph-core: spec.a.b`; none by default.
    #[serde(default)]
    changes: Vec<String>,
    /// Numbers of changes that were proved, taken back, left behind.
    #[serde(default)]
    kept: usize,
    #[serde(default)]
    taken_back: usize,
    #[serde(default)]
    left_behind: usize,
}

/// Whether its calls come to what it says.
pub fn holds(folder: &Path) -> Result<(), String> {
    let text = fs::read_to_string(folder.join("spec.toml")).unwrap();
    let spec: Spec = toml::from_str(&text).map_err(|error| format!("spec.toml: {error}"))?;
    assert!(!spec.about.is_empty());
    let home = tempfile::tempdir().unwrap();
    for (index, call) in spec.call.iter().enumerate() {
        let number = index + 1;
        let run = newest(home.path()).map(|path| path.file_stem().unwrap().to_string_lossy().into_owned());
        let world = home.path().join("world.toml");
        if let Some(WorldWith { file, end }) = &call.world {
            let text = fs::read_to_string(folder.join(file)).unwrap();
            fs::write(&world, format!("{text}\n{end}")).unwrap();
        }
        let args = call.args.iter().map(|arg| {
            arg.replace("[RUN]", run.as_deref().unwrap_or("[RUN]")).replace("[WORLD]", &world.to_string_lossy())
        });
        let output = Command::new(env!("CARGO_BIN_EXE_meshbook"))
            .args(args)
            .current_dir(folder)
            .env_clear()
            .env("MESHBOOK_HOME", home.path())
            .env("TZ", "UTC")
            .envs(&call.env)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let normal = |bytes: &[u8]| normalised(&String::from_utf8_lossy(bytes), home.path());
        let (stdout, stderr) = (normal(&output.stdout), normal(&output.stderr));
        let told = format!("call {number}, {:?}\n--- stdout\n{stdout}--- stderr\n{stderr}---", call.args.join(" "));
        if output.status.code() != Some(call.exit) {
            return Err(format!("exit {:?} instead of {}: {told}", output.status.code(), call.exit));
        }
        for (name, actual) in [("stdout", &stdout), ("stderr", &stderr)] {
            let path = folder.join(format!("{number}.{name}"));
            let expected = fs::read_to_string(&path).unwrap_or_default();
            if fits(&expected, actual) {
                continue;
            }
            if std::env::var("MESHBOOK_SPECS").is_ok_and(|value| value == "update") {
                if actual.is_empty() { fs::remove_file(&path).unwrap() } else { fs::write(&path, actual).unwrap() }
            } else {
                let misfit = first_misfit(&expected, actual);
                return Err(format!("{name} is not as {number}.{name} has it, see {misfit}: {told}"));
            }
        }
        if let Some(expected) = &call.record {
            let path = newest(home.path()).ok_or("there is no record")?;
            agrees(&path, expected).map_err(|why| format!("{why}: {told}"))?;
            if call.args[0] == "run" {
                are_described(folder, &call.args[1], &expected.changes).map_err(|why| format!("{why}: {told}"))?;
            }
        }
    }
    Ok(())
}

/// Whether the `--approve` line of `meshbook describe` has the kind of everything that was changed.
fn are_described(folder: &Path, file: &str, changes: &[String]) -> Result<(), String> {
    if changes.is_empty() {
        return Ok(());
    }
    let describe = ["describe", file, "-o", "json"];
    let output = Command::new(env!("CARGO_BIN_EXE_meshbook")).args(describe).current_dir(folder).output().unwrap();
    let described: Value = serde_json::from_slice(&output.stdout).map_err(|why| format!("`describe`: {why}"))?;
    let line = described["approve"].as_str().unwrap();
    let named: Vec<&str> = line.split_whitespace().map(|word| word.trim_end_matches("/NAME")).collect();
    let missing = changes.iter().find(|change| {
        let kind = change.split(' ').next().unwrap().to_lowercase();
        !named.contains(&kind.as_str()) && !named.contains(&"KIND")
    });
    missing.map_or(Ok(()), |change| Err(format!("`describe` says {line:?}, and it changes {change}")))
}

/// The record that was written last.
fn newest(home: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(home.join("runs")).ok()?;
    entries.map(|entry| entry.unwrap().path()).max_by_key(|path| path.metadata().unwrap().modified().unwrap())
}

fn agrees(path: &Path, expected: &RecordSummary) -> Result<(), String> {
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ended = lines.last().filter(|line| line["event"] == "ended").ok_or("the record does not end by `ended`")?;
    if ended["ending"] != expected.ending.as_str() {
        return Err(format!("the record ends by {}", ended["ending"]));
    }
    let length = |name: &str| ended[name].as_array().map_or(0, Vec::len);
    for (name, wanted) in
        [("kept", expected.kept), ("taken_back", expected.taken_back), ("left_behind", expected.left_behind)]
    {
        if length(name) != wanted {
            return Err(format!("the record's `{name}` is {}", ended[name]));
        }
    }
    let changes: Vec<String> = lines
        .iter()
        .filter(|line| line["event"] == "changing")
        .flat_map(|line| {
            let object = format!(
                "{} {}",
                line["object"]["kind"]["kind"].as_str().unwrap(),
                line["object"]["name"].as_str().unwrap()
            );
            line["fields"]
                .as_array()
                .unwrap()
                .iter()
                .map(move |field| format!("{object}: {}", path_of(&field["path"])))
                .collect::<Vec<_>>()
        })
        .collect();
    if changes != expected.changes { Err(format!("the record's changes are {changes:#?}")) } else { Ok(()) }
}

/// A field's path, its steps joined by dots; items of lists by their identity.
fn path_of(path: &Value) -> String {
    let steps = path.as_array().unwrap().iter().map(|step| match step {
        Value::String(key) => key.clone(),
        Value::Object(item) => item["is"].as_str().map_or_else(|| item["is"].to_string(), str::to_owned),
        other => other.to_string(),
    });
    steps.collect::<Vec<_>>().join(".")
}

/// What differs from one run to the next gets a name of its own.
fn normalised(text: &str, home: &Path) -> String {
    // Progress follows the clock on the wall: a busy machine has more of it.
    let text: String = text.split_inclusive('\n').filter(|line| !line.starts_with("  still waiting after ")).collect();
    let text = text.replace(&*home.to_string_lossy(), "[HOME]");
    let run = Regex::new(r"\b01[0-9A-HJKMNP-TV-Z]{24}\b").unwrap();
    let who = Regex::new(r"\bby \S+ on \S+, ").unwrap();
    // How many there are depends on which of parallel answers comes first.
    let reads = Regex::new(r#"\b\d+ reads?\b|"reads": \d+"#).unwrap();
    let port = Regex::new(r"127\.0\.0\.1:\d+").unwrap();
    let text = run.replace_all(&text, "[RUN]");
    let text = who.replace_all(&text, "by [USER] on [MACHINE], ");
    let text = reads.replace_all(&text, "[READS]");
    port.replace_all(&text, "127.0.0.1:[PORT]").into_owned()
}

/// Whether a text is as the expected one has it, see the wildcards above.
pub fn fits(expected: &str, actual: &str) -> bool {
    let lines: Vec<_> = expected.lines().collect();
    Regex::new(&format!("^{}$", pattern(&lines))).unwrap().is_match(actual)
}

/// The first expected line that the text has not.
fn first_misfit(expected: &str, actual: &str) -> String {
    let lines: Vec<_> = expected.lines().collect();
    let fitting = |count: usize| Regex::new(&format!("^{}", pattern(&lines[..count]))).unwrap().is_match(actual);
    let misfit = (1..=lines.len()).find(|count| !fitting(*count));
    misfit.map_or_else(|| "what follows its last line".into(), |count| format!("line {count}, {:?}", lines[count - 1]))
}

fn pattern(lines: &[&str]) -> String {
    let mut pattern = String::new();
    for line in lines {
        if *line == "..." {
            pattern.push_str(r"(?:.*\n)*?");
        } else {
            let parts: Vec<_> = line.split("[..]").map(regex::escape).collect();
            pattern.push_str(&parts.join(".*"));
            pattern.push_str(r"\n");
        }
    }
    pattern
}
