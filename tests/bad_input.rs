//! Bad input for every parameter of every runbook, made from its declarations: each must end in a clear error or in an
//! ending of the runbook, with the exit code that belongs to it, and must change nothing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "matrix/play.rs"]
mod play;
#[path = "matrix/snapshot.rs"]
mod snapshot;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use meshbook_lab::World;
use meshbook_rehearsal::mesh::InProcess;
use meshbook_runtime::engine::params::ParamKind;
use meshbook_runtime::failure::{Exit, INTERNAL, PARAM};
use meshbook_runtime::record::event::{Event, Line};
use serde_json::Value;
use tokio::runtime::Runtime;

/// What no declaration of text can rule out: empty, unknown, everything, and what would leave its place in PromQL, JSON
/// pointers, regular expressions, URLs, shells, records and terminals if it were not quoted.
const HOSTILE: &[&str] = &[
    "",
    " ",
    "no-such-object",
    "*",
    ".*",
    "a\"b",
    "a'b",
    "a\nb",
    "a\u{1b}[2Jb\u{7}",
    "a\0b",
    "x\"} or vector(1) or {a=\"",
    "~1..~0/metadata/name",
    "../../../etc/passwd",
    "a/b/c",
    "a?watch=true&limit=1#x",
    "$(reboot);`reboot`",
    "${jndi}",
    "(a+)+$",
    "\u{fc}n\u{ef}\u{202e}code",
    "-",
    "--help",
    "graph-core.summit.svc.cluster.local.",
    "GRAPH-CORE",
];

/// What is no number, span, or quantity, and what is one beyond all bounds.
const NO_FIGURE: &[&str] = &[
    "",
    " ",
    "many",
    "1e999",
    "NaN",
    "-1",
    "0",
    "1000000000",
    "9223372036854775808",
    "5 parsecs",
    "\"1\"",
    "-9223372036854775808",
];

/// What is as good as any other value after all: nothing said, and the name that a revision may have. What the runbook then
/// does is what it is for.
const AS_GOOD_AS_ANY: &[(&str, &str, &str)] = &[
    ("installation/install.rhai", "revision", "no-such-object"),
    ("installation/install.rhai", "values", ""),
    ("installation/install.rhai", "values", " "),
    ("installation/install.rhai", "file", ""),
    ("upgrade/canary-install.rhai", "revision", "no-such-object"),
    ("upgrade/canary-install.rhai", "values", ""),
    ("upgrade/canary-install.rhai", "values", " "),
];

struct Case {
    runbook: String,
    param: String,
    value: Option<String>,
}

/// Every runbook with the parameter that gets a bad value.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for runbook in runbooks(&play::root(), "") {
        for param in &play::load(&runbook).params {
            let case = |value: Option<&str>| Case {
                runbook: runbook.clone(),
                param: param.name.clone(),
                value: value.map(str::to_owned),
            };
            // One that has a default may be left out.
            if param.default.is_none() {
                cases.push(case(None));
            }
            let values = if matches!(param.kind, ParamKind::String | ParamKind::Context) { HOSTILE } else { NO_FIGURE };
            cases.extend(values.iter().map(|value| case(Some(value))));
            cases.push(case(Some(&"a".repeat(5_000))));
            cases.retain(|case| {
                let is = |(runbook, param, value): &(&str, &str, &str)| {
                    case.runbook == *runbook && case.param == *param && case.value.as_deref() == Some(*value)
                };
                !AS_GOOD_AS_ANY.iter().any(is)
            });
        }
    }
    assert!(cases.len() > 100, "only {} cases", cases.len());
    cases
}

fn runbooks(folder: &Path, below: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}{}", entry.file_name().into_string().unwrap());
        if entry.path().is_dir() {
            // Modules have no parameters of their own.
            if name != "lib" {
                found.extend(runbooks(&entry.path(), &format!("{name}/")));
            }
        } else if name.ends_with(".rhai") && !name.ends_with(".test.rhai") {
            found.push(name);
        }
    }
    found.sort();
    found
}

/// What a person who knows the lab would give for a parameter that must be given.
fn sound(name: &str, kind: ParamKind) -> &'static str {
    match kind {
        ParamKind::String if name == "version" => "1.31.0",
        ParamKind::String => "graph-core",
        ParamKind::Int => "1",
        ParamKind::Float => "0.5",
        ParamKind::Bool => "false",
        ParamKind::Duration => "1s",
        ParamKind::Quantity => "1Gi",
        ParamKind::Context => "failover-secondary",
    }
}

/// A mesh for many cases, as long as none of them changes it.
fn healthy(runtime: &Runtime) -> (Arc<InProcess>, BTreeMap<String, Value>) {
    let mesh = Arc::new(runtime.block_on(InProcess::open(World::named("healthy").unwrap(), None)).unwrap());
    let before = snapshot::take(mesh.store());
    (mesh, before)
}

fn wrong(runtime: &Runtime, mesh: &Arc<InProcess>, before: &BTreeMap<String, Value>, case: &Case) -> Option<String> {
    let script = play::load(&case.runbook);
    let mut params: BTreeMap<String, String> = script
        .params
        .iter()
        .filter(|param| param.default.is_none() && param.name != case.param)
        .map(|param| (param.name.clone(), sound(&param.name, param.kind).to_owned()))
        .collect();
    if let Some(value) = &case.value {
        params.insert(case.param.clone(), value.clone());
    }
    let (ended, lines) = match play::play(runtime, mesh, &script, &params, &[]) {
        Err(failure) if failure.is(&PARAM) && !failure.message.is_empty() => return None,
        Err(failure) => return Some(format!("it does not start: {failure}")),
        Ok(played) => played,
    };
    // A new file in meshbook's own folder, under a name that is one, is what a backup is for; a pod that is thrown away does
    // not stay.
    let changes = |line: &Line| match &line.event {
        Event::Changing(changing) => !changing.object.is_file() && !changing.fleeting,
        _ => false,
    };
    if lines.iter().any(changes) {
        return Some(format!("it changed something: {}", ended.message));
    }
    let differences = snapshot::differences(before, &snapshot::take(mesh.store()));
    if !differences.is_empty() {
        return Some(format!("{differences:?} differ"));
    }
    let kept_a_file = ended.ending == "fixed" && !ended.kept.is_empty();
    let known = kept_a_file || matches!(ended.ending.as_str(), "not_this" | "cannot_tell" | "found" | "failed");
    if !known || ended.message.trim().is_empty() || ended.code.as_deref() == Some(INTERNAL.name) {
        return Some(format!("it ended {} ({:?}): {:?}", ended.ending, ended.code, ended.message));
    }
    let fits = match ended.ending.as_str() {
        "not_this" | "fixed" => ended.exit == Exit::Healthy,
        "found" => ended.exit == Exit::Found,
        "cannot_tell" => ended.exit == Exit::CannotTell,
        _ => !matches!(ended.exit, Exit::Healthy | Exit::Found | Exit::Dirty),
    };
    if !fits {
        return Some(format!("it ended {} with exit code {}: {:?}", ended.ending, ended.exit.code(), ended.message));
    }
    // A failure tells what to do; and what a name could carry reaches no terminal.
    if ended.ending == "failed" && ended.hint.is_none() {
        return Some(format!("it failed without saying what to do: {:?}", ended.message));
    }
    let controls = |text: &str| text.chars().any(|c| c.is_control() && c != '\n');
    controls(&ended.message).then(|| format!("its message carries control characters: {:?}", ended.message))
}

#[test]
fn no_parameter_breaks_a_runbook() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let cases = cases();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                let mut fresh = healthy(&runtime);
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(why) = wrong(&runtime, &fresh.0, &fresh.1, case) {
                        fresh = healthy(&runtime);
                        let what = case.value.as_ref().map_or("absent".into(), |value| format!("{:.60?}", value));
                        found.lock().unwrap().push(format!("{} {}={what}: {why}", case.runbook, case.param));
                    }
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    assert!(found.is_empty(), "{} of {} cases:\n{}", found.len(), cases.len(), found.join("\n"));
}
