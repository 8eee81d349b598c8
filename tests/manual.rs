//! The manual, line by line: each has a runbook and a step that does it, or is named as open; and where such a step is
//! emptied, a spec fails. `docs/manual.md` is written from that.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "specs/folder.rs"]
mod folder;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use folder::Spec;
use meshbook_runtime::side_by_side::{processors, side_by_side};
use serde::Deserialize;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What can begin a command in the manual's blocks.
const PROGRAMS: [&str; 7] = ["kubectl ", "istioctl ", "curl ", "cd ", "export ", "cat ", "./"];

/// One line of `docs/manual.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    manual: String,
    runbook: Option<String>,
    step: Option<String>,
    #[serde(default)]
    instead: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Map {
    line: Vec<Entry>,
}

/// A line of the manual that asks for something, and the section that it stands in.
struct Line {
    section: String,
    text: String,
}

fn read(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines of the manual that ask for something: commands, symptoms, addresses, metrics, dashboards, alerts; and what a
/// block of commands only describes.
fn lines(manual: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let (mut section, mut fence, mut symptoms) = (String::new(), None, false);
    let mut block = String::new();
    for line in manual.lines() {
        if let Some(language) = line.strip_prefix("```") {
            if fence.take().is_none() {
                fence = Some(language.to_owned());
            } else {
                lines.extend(commands(&section, &std::mem::take(&mut block)));
            }
            continue;
        }
        let mut add = |text: String| lines.push(Line { section: section.clone(), text });
        match fence.as_deref() {
            Some("bash") => {
                block.push_str(line);
                block.push('\n');
                continue;
            }
            Some(_) => {
                if let Some(alert) = line.trim().strip_prefix("- alert: ") {
                    add(format!("- alert: {alert}"));
                }
                continue;
            }
            None => {}
        }
        if line.starts_with('#') {
            section = line.trim_start_matches('#').trim().to_owned();
            symptoms = false;
        } else if line.starts_with("**") {
            symptoms = line.starts_with("**Symptoms");
        } else if symptoms && line.starts_with("- ") {
            add(line.to_owned());
        } else if let Some((first, _)) = line.strip_prefix("| ").and_then(|row| row.split_once(" |")) {
            let listed = ["Important URLs", "Key Metrics to Watch"].contains(&section.as_str());
            if listed && !["Service", "Metric"].contains(&first) {
                add(format!("| {first}"));
            }
        } else if let Some((_, name)) = line.split_once(". **").filter(|_| line.ends_with("**")) {
            add(format!("* {}", name.trim_end_matches("**")));
        }
    }
    lines
}

/// The commands of a block; a paragraph without any is its first line.
fn commands(section: &str, block: &str) -> Vec<Line> {
    let whole = block.replace("\\\n", " ");
    let mut lines = Vec::new();
    for paragraph in whole.split("\n\n") {
        let is_command = |line: &&str| PROGRAMS.iter().any(|program| line.starts_with(program));
        let mut texts: Vec<&str> = paragraph.lines().filter(is_command).collect();
        if texts.is_empty() {
            texts.extend(paragraph.lines().find(|line| line.starts_with('#')));
        }
        lines.extend(texts.iter().map(|text| Line {
            section: section.to_owned(),
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
        }));
    }
    lines
}

#[test]
fn each_line_of_the_manual_has_a_step_that_does_it_or_is_named_as_open() {
    let lines = lines(&read("docs/operations-runbook.md"));
    let map: Map = toml::from_str(&read("docs/manual.toml")).unwrap();
    for (place, line) in lines.iter().enumerate() {
        let entry = map.line.get(place).map(|entry| entry.manual.as_str());
        assert_eq!(entry, Some(line.text.as_str()), "line {place} of the manual, in section {}", line.section);
    }
    assert_eq!(map.line.len(), lines.len(), "more lines than the manual has");
    for Entry { manual, runbook, step, instead } in &map.line {
        let Some(runbook) = runbook else {
            assert!(step.is_none() && !instead.is_empty(), "{manual}: an open line says what is true instead of it");
            continue;
        };
        let script = read(&format!("runbooks/{runbook}.rhai"));
        let step = step.as_ref().unwrap_or_else(|| panic!("{manual}: which step of {runbook}?"));
        let has = ['"', '`'].iter().any(|quote| script.contains(&format!("step {quote}{step}{quote}")));
        assert!(has, "{manual}: {runbook} has no step {step:?}");
    }
}

#[test]
fn the_table_of_contents_names_every_runbook_once() {
    let contents: toml::Table = read("runbooks/contents.toml").parse().unwrap();
    let mut named = Vec::new();
    for chapter in contents["chapter"].as_array().unwrap() {
        for name in chapter["runbooks"].as_array().unwrap() {
            named.push(format!("{}/{}", chapter["folder"].as_str().unwrap(), name.as_str().unwrap()));
        }
    }
    let mut there = Vec::new();
    for folder in fs::read_dir(format!("{ROOT}/runbooks")).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let folder = folder.file_name().unwrap().to_string_lossy().into_owned();
        for file in entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
            let name = file.strip_suffix(".rhai").filter(|name| !name.ends_with(".test"));
            there.extend(name.filter(|_| folder != "lib").map(|name| format!("{folder}/{name}")));
        }
    }
    named.sort();
    there.sort();
    assert_eq!(named, there);
}

/// A runbook and a step of it.
type Step = (String, String);

/// The script with nothing left in a step.
fn emptied(script: &str, step: &str) -> String {
    let opens = |line: &str| ['"', '`'].iter().any(|quote| line.trim() == format!("step {quote}{step}{quote} {{"));
    let mut emptied = String::new();
    let mut closing = None;
    for line in script.lines() {
        if closing.as_deref() == Some(line) {
            closing = None;
        }
        if closing.is_none() {
            emptied.push_str(line);
            emptied.push('\n');
        }
        if opens(line) {
            closing = Some(format!("{}}}", &line[..line.len() - line.trim_start().len()]));
        }
    }
    assert!(
        closing.is_none() && emptied.len() < script.len(),
        "step {step:?} has no line of its own that opens and closes it"
    );
    emptied
}

#[test]
fn an_emptied_step_keeps_its_frame() {
    let script = "step \"a\" {\n    if x {\n    }\n}\nif y {\n    step `b ${c}` {\n        d();\n    }\n}\n";
    assert_eq!(emptied(script, "a"), script.replace("    if x {\n    }\n", ""));
    assert_eq!(emptied(script, "b ${c}"), script.replace("        d();\n", ""));
}

/// The specs that call a runbook, with what they expect: first those in whose output the step stands, and short ones.
fn specs(runbook: &str, step: &str) -> Vec<String> {
    let mut specs = Vec::new();
    for entry in fs::read_dir(format!("{ROOT}/tests/specs")).unwrap().map(Result::unwrap) {
        let Ok(text) = fs::read_to_string(entry.path().join("spec.toml")) else { continue };
        let spec: Spec = toml::from_str(&text).unwrap();
        let of_it = |arg: &String| arg.ends_with(&format!("runbooks/{runbook}.rhai"));
        if !spec.call.iter().any(|call| call.args.iter().any(of_it)) {
            continue;
        }
        let files = fs::read_dir(entry.path()).unwrap().map(|file| file.unwrap().path());
        let outputs = files.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap());
        let title = step.split("${").next().unwrap();
        let shown: Vec<_> = outputs.filter(|output| output.contains(&format!("  {title}"))).collect();
        // One that comes to a verdict sees what the step is for; one without evidence only sees that it asks.
        let verdicts = ["\nFixed: ", "\nFound: "];
        let is_told = shown.iter().any(|output| verdicts.iter().any(|verdict| output.contains(verdict)));
        specs.push((
            Reverse(is_told),
            Reverse(!shown.is_empty()),
            spec.call.len(),
            entry.file_name().into_string().unwrap(),
        ));
    }
    specs.sort();
    specs.into_iter().map(|(.., name)| name).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Why a spec fails with a runbook as it is written here, if it does.
fn fails(spec: &str, runbook: &str, script: &str) -> Option<String> {
    let tree = tempfile::tempdir().unwrap();
    let (root, of_spec) = (Path::new(ROOT), format!("tests/specs/{spec}"));
    copy(&root.join("runbooks"), &tree.path().join("runbooks"));
    copy(&root.join(&of_spec), &tree.path().join(&of_spec));
    fs::write(tree.path().join(format!("runbooks/{runbook}.rhai")), script).unwrap();
    folder::holds(&tree.path().join(&of_spec)).err()
}

/// The spec that fails where a step is emptied, for every step that a line of the manual names.
fn held_by(map: &Map) -> BTreeMap<Step, String> {
    let mut steps: Vec<Step> =
        map.line.iter().filter_map(|entry| Some((entry.runbook.clone()?, entry.step.clone()?))).collect();
    steps.sort();
    steps.dedup();
    let held = side_by_side(processors(), &steps, |(runbook, step)| {
        let script = emptied(&read(&format!("runbooks/{runbook}.rhai")), step);
        specs(runbook, step).into_iter().find(|spec| fails(spec, runbook, &script).is_some()).unwrap_or_default()
    });
    steps.into_iter().zip(held).collect()
}

#[test]
fn each_step_is_held_by_a_spec_that_fails_without_it() {
    let whole = read("runbooks/reference/analyze.rhai");
    assert_eq!(fails("analyze", "reference/analyze", &whole), None, "the copied tree is as good as the first");
    let lines = lines(&read("docs/operations-runbook.md"));
    let map: Map = toml::from_str(&read("docs/manual.toml")).unwrap();
    let held = held_by(&map);
    let free: Vec<&Step> = held.iter().filter(|(_, spec)| spec.is_empty()).map(|(step, _)| step).collect();
    assert!(free.is_empty(), "no spec fails where these steps are emptied: {free:#?}");
    let done = map.line.iter().filter(|entry| entry.runbook.is_some()).count();
    let mut written = format!(
        "# The manual, line by line\n\nWhat each line of [the original manual](operations-runbook.md) has become: {done} of {} lines have a runbook. Written by `tests/manual.rs` from `manual.toml`, which hold it against the manual and the runbooks. Each step was emptied once, and the spec that is named beside it failed.\n",
        map.line.len()
    );
    let mut section = "";
    for (line, entry) in lines.iter().zip(&map.line) {
        if line.section != section {
            section = &line.section;
            write!(
                written,
                "\n## {section}\n\n| line | runbook, step | held by | what is true instead |\n|---|---|---|---|\n"
            )
            .unwrap();
        }
        let (does, held) = match (&entry.runbook, &entry.step) {
            (Some(runbook), Some(step)) => {
                let spec = &held[&(runbook.clone(), step.clone())];
                let does = format!("[{runbook}](../runbooks/{runbook}.rhai): {step}");
                (does, format!("[{spec}](../tests/specs/{spec}/spec.toml)"))
            }
            _ => ("open".to_owned(), String::new()),
        };
        let code = line.text.trim_start_matches(['|', '*', '-', '#', ' ']).replace('`', "");
        let cell = |text: &str| text.replace('|', "\\|");
        writeln!(written, "| `{}` | {} | {held} | {} |", cell(&code), cell(&does), cell(&entry.instead)).unwrap();
    }
    let path = format!("{ROOT}/docs/manual.md");
    if std::env::var_os("MESHBOOK_UPDATE").is_some() {
        fs::write(&path, &written).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap_or_default() == written, "MESHBOOK_UPDATE=1 writes docs/manual.md anew");
}
