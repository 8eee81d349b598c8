//! The manual, line by line: each has a runbook and a step that does it, or is named as open. `docs/manual.md` is written
//! from that.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fmt::Write as _;
use std::fs;

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
fn the_table_of_the_manual_is_written_from_its_lines() {
    let lines = lines(&read("docs/operations-runbook.md"));
    let map: Map = toml::from_str(&read("docs/manual.toml")).unwrap();
    let done = map.line.iter().filter(|entry| entry.runbook.is_some()).count();
    let mut written = format!(
        "# The manual, line by line\n\nWhat each line of [the original manual](operations-runbook.md) has become: {done} of {} lines have a runbook, the others are open. Written by `tests/manual.rs` from `manual.toml`, which hold it against the manual and the runbooks.\n",
        map.line.len()
    );
    let mut section = "";
    for (line, entry) in lines.iter().zip(&map.line) {
        if line.section != section {
            section = &line.section;
            write!(written, "\n## {section}\n\n| line | runbook, step | what is true instead |\n|---|---|---|\n")
                .unwrap();
        }
        let does = match (&entry.runbook, &entry.step) {
            (Some(runbook), Some(step)) => format!("[{runbook}](../runbooks/{runbook}.rhai): {step}"),
            _ => "open".to_owned(),
        };
        let code = line.text.trim_start_matches(['|', '*', '-', '#', ' ']).replace('`', "");
        let cell = |text: &str| text.replace('|', "\\|");
        writeln!(written, "| `{}` | {} | {} |", cell(&code), cell(&does), cell(&entry.instead)).unwrap();
    }
    let path = format!("{ROOT}/docs/manual.md");
    if std::env::var_os("MESHBOOK_UPDATE").is_some() {
        fs::write(&path, &written).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap_or_default() == written, "MESHBOOK_UPDATE=1 writes docs/manual.md anew");
}
