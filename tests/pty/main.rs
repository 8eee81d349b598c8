//! What a person at a terminal sees and answers, by a pseudo-terminal.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod book;
mod crowd;
#[path = "../cli/lab.rs"]
mod lab;
mod prompt;
mod replay;
mod run;
mod screen;
mod tab;

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};
use tempfile::TempDir;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The terminal's height: nothing that a test looks for scrolls away.
const ROWS: NonZeroU16 = NonZeroU16::new(250).unwrap();

/// The terminal's width.
const COLUMNS: NonZeroU16 = NonZeroU16::new(100).unwrap();

/// What is asked before each change.
const QUESTION: &str = "Make this change?";

fn size(rows: NonZeroU16, columns: NonZeroU16) -> PtySize {
    PtySize { rows: rows.get(), cols: columns.get(), pixel_width: 0, pixel_height: 0 }
}

struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn portable_pty::MasterPty + Send>,
    folder: TempDir,
}

impl Terminal {
    /// A script on a healthy lab.
    fn run(script: &str, args: &[&str], environment: &[(&str, &str)]) -> Terminal {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("script.rhai");
        std::fs::write(&path, script).unwrap();
        let args = [&["run", path.to_str().unwrap(), "--lab", "healthy"], args].concat();
        Terminal::start(folder, &args, environment)
    }

    /// A command, at a home of its own.
    fn start(folder: TempDir, args: &[&str], environment: &[(&str, &str)]) -> Terminal {
        Terminal::sized(folder, args, environment, ROWS, COLUMNS)
    }

    /// The same on a terminal of another size.
    fn sized(
        folder: TempDir,
        args: &[&str],
        environment: &[(&str, &str)],
        rows: NonZeroU16,
        columns: NonZeroU16,
    ) -> Terminal {
        let pair = native_pty_system().openpty(size(rows, columns)).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_meshbook"));
        command.args(args);
        command.cwd(folder.path());
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
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 1000)));
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
        Terminal { screen, raw, writer: pair.master.take_writer().unwrap(), child, master: pair.master, folder }
    }

    /// Makes the terminal wider or narrower.
    fn resizes(&mut self, rows: NonZeroU16, columns: NonZeroU16) {
        self.screen.lock().unwrap().set_size(rows, columns);
        self.master.resize(size(rows, columns)).unwrap();
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

    /// The home of the command's records.
    fn home(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// A file of this terminal's folder.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}
