//! Runs every folder below `tests/specs`, see `specs/folder.rs`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "specs/folder.rs"]
#[allow(dead_code, reason = "what the test of the manual needs of it")]
mod folder;

use std::fs;
use std::path::{Path, PathBuf};

use folder::{fits, holds};
use meshbook_runtime::side_by_side::{processors, side_by_side};

#[test]
fn every_spec_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/specs");
    let only = std::env::var("MESHBOOK_SPEC").ok();
    let mut folders: Vec<PathBuf> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("spec.toml").exists())
        .collect();
    folders.sort();
    folders.retain(|folder| only.as_ref().is_none_or(|only| folder.ends_with(only)));
    assert!(!folders.is_empty(), "no spec was found below {}", root.display());
    let outcomes = side_by_side(processors(), &folders, |folder| {
        let held = std::panic::catch_unwind(|| holds(folder));
        held.unwrap_or_else(|_| Err("the test itself panicked, see above".into()))
    });
    let failed = |(folder, outcome): (&PathBuf, Result<(), String>)| {
        Some(format!("=== {}: {}", folder.file_name().unwrap().to_string_lossy(), outcome.err()?))
    };
    let failures: Vec<String> = folders.iter().zip(outcomes).filter_map(failed).collect();
    assert!(failures.is_empty(), "{} of {} specs do not hold\n{}", failures.len(), folders.len(), failures.join("\n"));
}

#[test]
fn the_wildcards_stand_for_what_they_say() {
    assert!(fits("a\n...\nz [..] z\n", "a\nb\nc\nz 1 z\n"));
    assert!(fits("a\n...\n", "a\n"));
    assert!(!fits("a\n[..]\n", "a\nb\nc\n"));
    assert!(!fits("a\n", "a\nb\n"));
    assert!(!fits("a.c\n", "abc\n"));
    assert!(fits("", ""));
}
