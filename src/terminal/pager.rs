//! What is longer than the terminal is high goes through a pager: the user's own, else `less`, where it can be searched.

use std::env;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use super::screen::Screen;

/// Lines of the screen that stay free for the prompt and what it says.
const FREE: usize = 2;

/// Puts lines on the screen, through a pager if they would scroll away. Whatever becomes of the pager, the lines are
/// not lost. Without a pager the first of them are shown, and `rest` says how to see the others.
pub fn show(screen: &Screen, lines: &[String], rest: &str) {
    let look = screen.look();
    let fitted: Vec<String> = lines.iter().flat_map(|line| look.fitted(line)).collect();
    let whole = || screen.write(&joined(&fitted));
    let Some(room) = screen.height().map(|height| height.saturating_sub(FREE).max(1)) else { return whole() };
    if fitted.len() <= room {
        return whole();
    }
    match chosen() {
        Pager::Off => whole(),
        Pager::None => {
            let shown = room.saturating_sub(1).max(1);
            screen.write(&joined(&fitted[..shown]));
            screen.print(&look.notice(format!("… {} more lines: {rest}", fitted.len() - shown)));
        }
        Pager::Shell(command) => {
            screen.wait(None);
            if let Err(why) = through(&command, &joined(&fitted)) {
                whole();
                screen.say(&format!("{} the pager `{}` {why}", look.notice("warning:"), super::escape::line(&command)));
            }
        }
    }
}

/// What pages.
enum Pager {
    /// A command line of the shell.
    Shell(String),
    /// The user wants none.
    Off,
    /// There is none.
    None,
}

/// As other programs choose: the variable of this one, the one for all, `less`.
fn chosen() -> Pager {
    let own = ["MESHBOOK_PAGER", "PAGER"].into_iter().find_map(|name| env::var(name).ok());
    match own {
        Some(command) if ["", "cat"].contains(&command.trim()) => Pager::Off,
        Some(command) => Pager::Shell(command),
        // Ends by itself if all fits, keeps colours, leaves what was read on the screen.
        None if is_there("less") => Pager::Shell("less -FRX".into()),
        None => Pager::None,
    }
}

fn is_there(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| is_file(&folder.join(program))))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file())
}

/// Gives a text to a pager and waits until it ends.
///
/// # Errors
/// Why nobody can have read it, as the end of a sentence.
fn through(command: &str, text: &str) -> Result<(), String> {
    let before = tcgetattr(std::io::stdin()).ok();
    let mut pager = Command::new("/bin/sh");
    pager.arg("-c").arg(command).stdin(Stdio::piped());
    if env::var_os("LESS").is_none() {
        // As git does: a plain `less` would spell colours out.
        pager.env("LESS", "FRX");
    }
    let mut pager = pager.spawn().map_err(|error| format!("does not start: {error}"))?;
    if let Some(mut stream) = pager.stdin.take() {
        // Whoever leaves before the end closes it, which is no failure.
        let _ = stream.write_all(text.as_bytes());
    }
    let status = pager.wait();
    if let Some(before) = before {
        // One that was killed may have left the terminal in a mode of its own.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &before);
    }
    match status {
        Ok(status) if was_read(status) => Ok(()),
        Ok(status) => Err(format!("failed ({status})")),
        Err(error) => Err(format!("was lost: {error}")),
    }
}

/// Ctrl-C ends a pager by its signal, or by the shell's code for it; that is how a person leaves.
fn was_read(status: ExitStatus) -> bool {
    const SIGINT: i32 = 2;
    status.success() || status.signal() == Some(SIGINT) || status.code() == Some(128 + SIGINT)
}

fn joined(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pager_that_is_left_has_done_its_work_and_one_that_fails_has_not() {
        let long = "line\n".repeat(100_000);
        assert_eq!(through("head -n 1 > /dev/null", &long), Ok(()), "left before the end");
        assert_eq!(through("kill -INT $$", "a\n"), Ok(()));
        assert!(through("exit 3", "a\n").is_err_and(|why| why.contains('3')));
        assert!(through("/nonexistent/pager 2> /dev/null", "a\n").is_err_and(|why| why.contains("127")));
    }
}
