//! Records: who ran it, and a disk that is full or cannot be written. What cannot be recorded is not changed.

use std::process::Command;

use super::served::{SET, limit};
use super::{Called, Desk, ServedLab, mounts};

/// A disk of its own under the home of records, with `free` bytes on it.
fn disk(free: usize) -> String {
    format!(
        "mkdir -p \"$MESHBOOK_HOME\"\nmount -t tmpfs -o size=256k none \"$MESHBOOK_HOME\"\n\
         mkdir \"$MESHBOOK_HOME/runs\"\ndd if=/dev/zero of=\"$MESHBOOK_HOME/others\" bs=4096 2>/dev/null || true\n\
         truncate -s -{free} \"$MESHBOOK_HOME/others\""
    )
}

fn run(command: Option<Command>) -> Option<Called> {
    command.map(|mut command| Called::of(&command.output().unwrap()))
}

#[test]
fn on_a_full_disk_nothing_is_changed_but_reading_goes_on() {
    let lab = ServedLab::start("healthy");
    let desk = Desk::at(&lab);
    let before = limit(&desk);
    let script = desk.file("set.rhai", SET);
    let args = ["run", &script, "limit=300", "--approve", "destinationrule"];
    let Some(called) = run(mounts::call(&desk, &disk(0), &args, "")) else { return };
    let called = called.exits(3).says("No space left on device").says("meshbook::record").says("changed  nothing");
    let called = called.says("nothing will be changed").says("free space");
    assert!(!called.stdout.contains("made") && !called.stdout.contains("undo "), "{called}");
    assert_eq!(limit(&desk), before);

    let read_only = format!("{}\nmount -o remount,ro \"$MESHBOOK_HOME\"", disk(0));
    run(mounts::call(&desk, &read_only, &args, ""))
        .unwrap()
        .exits(3)
        .says("Read-only file system")
        .says("nothing was changed");
    assert_eq!(limit(&desk), before);

    let look = desk.file(
        "look.rhai",
        "//! Looks.\nstep \"Look\" { show(k8s::get(\"destinationrule\", \"catalog\")); }\nnot_this(\"only looked\");\n",
    );
    let called = run(mounts::call(&desk, &disk(0), &["run", &look], "")).unwrap();
    called.exits(0).says("No space left on device").says("Not this: only looked");
}

/// However much space there is: what is changed is recorded so that it can be taken back; what cannot be recorded is
/// not changed, or is taken back at once.
#[test]
fn wherever_the_disk_ends_no_change_is_without_its_record() {
    let lab = ServedLab::start("healthy");
    let desk = Desk::at(&lab);
    let before = limit(&desk);
    let script = desk.file("set.rhai", SET);
    let args = ["run", &script, "limit=300", "--approve", "destinationrule"];
    let mut codes = Vec::new();
    for pages in 1..=8 {
        let kept = desk.path().join(format!("kept-{pages}"));
        let keep = format!("cp -r \"$MESHBOOK_HOME/runs\" '{}'", kept.display());
        // The names of two files and of a directory of locks want no page, their content does.
        let Some(called) = run(mounts::call(&desk, &disk(pages * 4096), &args, &keep)) else { return };
        codes.push(called.code);
        let record = std::fs::read_dir(&kept).unwrap().next().unwrap().unwrap().path();
        let text = std::fs::read_to_string(record).unwrap();
        let sent = text.contains("\"event\":\"changing\"");
        assert!(text.is_empty() || text.ends_with('\n'), "a line is written whole or not at all: {text:?}");
        match called.code {
            0 => assert!(sent && text.contains("\"event\":\"change_answered\"") && limit(&desk) == 300, "{called}"),
            3 => assert!(!sent && limit(&desk) == before && called.stdout.contains("changed  nothing"), "{called}"),
            5 => assert!(sent && limit(&desk) == before && called.stdout.contains("taken back"), "{called}"),
            _ => panic!("with {pages} pages free: {called}"),
        }
        if limit(&desk) != before {
            let home = desk.path().join(format!("home-{pages}"));
            std::fs::create_dir(&home).unwrap();
            std::fs::rename(&kept, home.join("runs")).unwrap();
            let undone = desk.command(&["undo", "last"]).env("MESHBOOK_HOME", &home).output().unwrap();
            Called::of(&undone).exits(0).says("Undone");
            assert_eq!(limit(&desk), before);
        }
    }
    assert!(codes.contains(&3) && codes.contains(&0), "the disks of this test end too early or too late: {codes:?}");
}

#[test]
fn an_undo_that_cannot_be_recorded_is_not_begun() {
    let lab = ServedLab::start("healthy");
    let desk = Desk::at(&lab);
    let before = limit(&desk);
    let script = desk.file("set.rhai", SET);
    let ran = desk.call(&["run", &script, "limit=300", "--approve", "destinationrule", "-o", "json"]).exits(0).json();
    let id = ran["run"].as_str().unwrap();
    let copy = "cp -r \"$MESHBOOK_HOME\" copy\nmount -t tmpfs -o size=256k none \"$MESHBOOK_HOME\"\n\
                cp -r copy/. \"$MESHBOOK_HOME\"\nrm -r copy";
    // The record's last page is filled up by blanks, which JSON allows, and the rest of the disk by others.
    let full = format!(
        "{copy}\nrecord=\"$MESHBOOK_HOME/runs/{id}.jsonl\"\ntruncate -s -1 \"$record\"\n\
         printf '%*s\\n' $(((8191 - $(wc -c <\"$record\") % 4096) % 4096)) '' >>\"$record\"\n\
         dd if=/dev/zero of=\"$MESHBOOK_HOME/others\" bs=4096 2>/dev/null || true"
    );
    let Some(called) = run(mounts::call(&desk, &full, &["undo", id], "")) else { return };
    called.exits(3).says("nothing was taken back").says("No space left on device").says("meshbook::record");
    assert_eq!(limit(&desk), 300);
    let read_only = format!("{copy}\nmount -o remount,ro \"$MESHBOOK_HOME\"");
    let called = run(mounts::call(&desk, &read_only, &["undo", id], "")).unwrap();
    called.exits(3).says("nothing was taken back").says("Read-only file system").says("meshbook::record");
    assert_eq!(limit(&desk), 300);
    desk.call(&["undo", id]).exits(0).says("Undone");
    assert_eq!(limit(&desk), before);
}

#[test]
fn who_ran_it_is_known_where_the_environment_does_not_say() {
    let desk = Desk::new();
    let script = desk.file("look.rhai", "//! Looks.\nnot_this(\"nothing to see\");\n");
    desk.call(&["run", &script, "--lab", "healthy"]).exits(0);
    let me = Command::new("id").arg("-un").output().unwrap();
    let me = String::from_utf8(me.stdout).unwrap();
    desk.call(&["runs", "last"]).exits(0).says(&format!("by {} on ", me.trim()));
    let mut named = desk.command(&["run", &script, "--lab", "healthy"]);
    Called::of(&named.env("USER", "oncall").output().unwrap()).exits(0);
    desk.call(&["runs", "last"]).exits(0).says("by oncall on ");
}
