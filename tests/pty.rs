//! What a person at a terminal sees and answers, by a pseudo-terminal.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};
use tempfile::TempDir;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The terminal's height.
const ROWS: NonZeroU16 = NonZeroU16::new(60).unwrap();

/// The terminal's width.
const COLUMNS: NonZeroU16 = NonZeroU16::new(100).unwrap();

/// Two changes in one step, one in the next; the second step proves.
const CHANGES: &str = r#"//! Changes limits.
let pool = |limits| #{ spec: #{ trafficPolicy: #{ connectionPool: limits } } };
step "Two limits" {
    k8s::patch("destinationrule", "catalog", pool.call(#{ tcp: #{ maxConnections: 300 } }));
    k8s::patch("destinationrule", "catalog", pool.call(#{ http: #{ http1MaxPendingRequests: 300 } }));
    check("they are set", true);
}
step "And an annotation" {
    k8s::annotate("destinationrule", "catalog", #{ note: "a\u001b[31mred\u202e" });
    check("it is set", true);
}
fixed("all is set");
"#;

struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
    _folder: TempDir,
}

impl Terminal {
    fn run(script: &str, args: &[&str], environment: &[(&str, &str)]) -> Terminal {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("script.rhai");
        std::fs::write(&path, script).unwrap();
        let size = PtySize { rows: ROWS.get(), cols: COLUMNS.get(), pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_meshbook"));
        command.args([&["run", path.to_str().unwrap(), "--lab", "healthy"], args].concat());
        command.env_clear();
        command.env("MESHBOOK_HOME", folder.path().join("state"));
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        // Otherwise the end of the child would not be the end of what can be read.
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 1000)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let (feed, keep) = (Arc::clone(&screen), Arc::clone(&raw));
        let mut reader = pair.master.try_clone_reader().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                feed.lock().unwrap().process(&bytes[..length]);
                keep.lock().unwrap().extend_from_slice(&bytes[..length]);
            }
        });
        Terminal {
            screen,
            raw,
            writer: pair.master.take_writer().unwrap(),
            child,
            _master: pair.master,
            _folder: folder,
        }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until the screen shows something so many times.
    #[track_caller]
    fn shows(&self, what: &str, times: usize) {
        let start = Instant::now();
        while self.text().matches(what).count() < times {
            assert!(start.elapsed() < PATIENCE, "{what:?} is not shown {times} times:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn types(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Waits for the end, and answers the exit code.
    #[track_caller]
    fn ends(&mut self) -> u32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.shows("exit ", 1);
                return status.exit_code();
            }
            assert!(start.elapsed() < PATIENCE, "it does not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

const QUESTION: &str = "Make this change?";

#[test]
fn each_change_is_shown_before_it_is_made_and_help_says_what_the_keys_do() {
    let mut terminal = Terminal::run(CHANGES, &[], &[]);
    terminal.shows(QUESTION, 1);
    for part in [
        "LAB healthy",
        "DestinationRule summit/catalog",
        "- spec.trafficPolicy.connectionPool.tcp.maxConnections: ",
        "maxConnections: 300",
    ] {
        terminal.shows(part, 1);
    }
    assert!(!terminal.text().contains("made"), "nothing is made before the answer:\n{}", terminal.text());
    terminal.types("?\r");
    terminal.shows("take back everything", 1);
    terminal.types("maybe\r");
    terminal.shows("is not one of", 1);
    terminal.types("\r");
    terminal.shows(QUESTION, 4);
    terminal.types("y\r");
    terminal.shows(QUESTION, 5);
    terminal.types("y\r");
    terminal.shows(QUESTION, 6);
    terminal.types("yes\r");
    assert_eq!(terminal.ends(), 0, "{}", terminal.text());
    terminal.shows("✓ Fixed: all is set", 1);
    assert_eq!(
        terminal.text().matches("+ spec.trafficPolicy.connectionPool.tcp.maxConnections: 300").count(),
        1,
        "a difference is shown once"
    );
}

#[test]
fn all_of_this_step_asks_again_in_the_next() {
    let mut terminal = Terminal::run(CHANGES, &[], &[]);
    terminal.shows(QUESTION, 1);
    terminal.types("a\r");
    terminal.shows(QUESTION, 2);
    terminal.shows("+ spec.trafficPolicy.connectionPool.http.http1MaxPendingRequests: 300", 1);
    terminal.types("n\r");
    assert_eq!(terminal.ends(), 3, "{}", terminal.text());
    assert_eq!(terminal.text().matches(QUESTION).count(), 2, "{}", terminal.text());
    terminal.shows("proved, stays", 2);
}

#[test]
fn undo_so_far_takes_back_what_was_proved_too() {
    let mut terminal = Terminal::run(CHANGES, &[], &[]);
    terminal.shows(QUESTION, 1);
    terminal.types("a\r");
    terminal.shows(QUESTION, 2);
    terminal.types("u\r");
    terminal.ends();
    terminal.shows("as before, the owners of its fields too", 2);
    assert!(!terminal.text().contains("stays"), "{}", terminal.text());
}

#[test]
fn the_end_of_the_input_and_control_c_change_nothing() {
    for (keys, code) in [("\u{4}", 3), ("s\r", 3), ("n\r", 3), ("\u{3}", 130)] {
        let mut terminal = Terminal::run(CHANGES, &[], &[]);
        terminal.shows(QUESTION, 1);
        terminal.types(keys);
        assert_eq!(terminal.ends(), code, "{keys:?}:\n{}", terminal.text());
        terminal.shows("changed  nothing", 1);
    }
}

#[test]
fn control_characters_of_an_object_do_not_reach_the_terminal() {
    let mut terminal = Terminal::run(CHANGES, &[], &[("NO_COLOR", "1")]);
    terminal.shows(QUESTION, 1);
    terminal.types("a\r");
    terminal.shows(QUESTION, 2);
    terminal.shows("\\u001b[31mred\\u{202e}", 1);
    terminal.types("y\r");
    assert_eq!(terminal.ends(), 0, "{}", terminal.text());
    let raw = terminal.raw.lock().unwrap().clone();
    let raw = String::from_utf8_lossy(&raw);
    assert!(!raw.contains("\u{1b}[31m") && !raw.contains('\u{202e}'), "{raw:?}");
}

#[test]
fn an_approval_beforehand_asks_nothing_and_no_color_is_obeyed() {
    for (args, environment) in [(&["--no-color"][..], &[][..]), (&[][..], &[("NO_COLOR", "1")][..])] {
        let mut terminal = Terminal::run(CHANGES, &[&["--approve", "destinationrule"][..], args].concat(), environment);
        terminal.ends();
        assert!(!terminal.text().contains(QUESTION), "{}", terminal.text());
        let raw = terminal.raw.lock().unwrap().clone();
        // Moving the cursor for a spinner is no colour; `m` ends the sequences that are.
        let colours = String::from_utf8_lossy(&raw)
            .split("\u{1b}[")
            .skip(1)
            .filter(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'))
            .count();
        assert_eq!(colours, 0, "{}", String::from_utf8_lossy(&raw));
    }
}
