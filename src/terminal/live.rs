//! A value that is looked at again and again: drawn in the same place of a terminal, and anew when that is resized.

use std::collections::BTreeSet;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use meshbook_repl::{Seen, Watching};

use super::screen::Screen;
use super::{escape, table};

/// How often the terminal's size is looked at.
const TICK: Duration = Duration::from_millis(100);

/// To the other screen of the terminal, which has no lines above, and without its cursor.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
/// Back to where one was.
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";

/// Whole blocks one after the other, where nothing can be drawn over.
pub struct Blocks(pub Arc<Screen>);

impl Watching for Blocks {
    fn see(&mut self, seen: Seen) {
        if seen.is_unchanged() {
            return self.0.print(&self.0.look().dim(escape::line(&seen.caption)));
        }
        block(&self.0, &seen).iter().for_each(|line| self.0.print(line));
    }
}

/// Drawn in one place. When it is dropped, what was seen last stays on the screen where one was before.
pub struct Live {
    inner: Arc<Inner>,
    /// Dropping it ends the thread.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Inner {
    screen: Arc<Screen>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: Option<Seen>,
    /// The size for which it was drawn.
    size: (Option<usize>, Option<usize>),
}

impl Live {
    /// Takes the terminal over.
    pub fn start(screen: Arc<Screen>) -> Live {
        screen.write(ENTER);
        let inner = Arc::new(Inner { screen, state: Mutex::default() });
        let (end, ended) = channel::<()>();
        let watched = Arc::clone(&inner);
        let thread = std::thread::Builder::new().name("resize".into()).spawn(move || {
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                let mut state = watched.state();
                if state.seen.is_some() && state.size != watched.size() {
                    watched.draw(&mut state);
                }
            }
        });
        // Without the thread it is drawn anew at the next look.
        Live { inner, end: Some(end), thread: thread.ok() }
    }
}

impl Watching for Live {
    fn see(&mut self, seen: Seen) {
        let mut state = self.inner.state();
        state.seen = Some(seen);
        self.inner.draw(&mut state);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.end = None;
        // It holds nothing but the screen, and cannot fail but by a fault of its own.
        let _ = self.thread.take().map(JoinHandle::join);
        let screen = &self.inner.screen;
        screen.write(LEAVE);
        if let Some(seen) = &self.inner.state().seen {
            screen.print(&screen.look().dim(escape::line(&seen.caption)));
            block(screen, seen).iter().for_each(|line| screen.print(line));
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn size(&self) -> (Option<usize>, Option<usize>) {
        (self.screen.look().width, self.screen.height())
    }

    /// Over what is there: nothing is cleared before its successor is written, so that nothing flickers.
    fn draw(&self, state: &mut State) {
        state.size = self.size();
        let Some(seen) = &state.seen else { return };
        let look = self.screen.look();
        let mut lines: Vec<String> = look.fitted(&look.bold(escape::line(&seen.caption)));
        lines.push(look.dim("Ctrl-C ends it"));
        lines.extend(block(&self.screen, seen).iter().flat_map(|line| look.fitted(line)));
        let room = state.size.1.unwrap_or(24).saturating_sub(1).max(4);
        if lines.len() > room {
            let more = lines.len() + 1 - room;
            let below = lines.split_off(room - 1);
            // Only what has changed is marked beside what the value itself says.
            let unmarked = Seen { cells: BTreeSet::new(), gone: Vec::new(), title_changed: false, ..seen.clone() };
            let plain: Vec<_> = block(&self.screen, &unmarked).iter().flat_map(|line| look.fitted(line)).collect();
            let plain = &plain[plain.len().min(room - 3)..];
            let changed = if below.as_slice() == plain { "" } else { ", some of them changed *" };
            lines.push(look.notice(format!("… {more} more lines{changed}")));
        }
        let body: Vec<String> = lines.into_iter().map(|line| format!("{line}\u{1b}[K\n")).collect();
        self.screen.write(&format!("\u{1b}[H{}\u{1b}[J", body.concat()));
    }
}

fn block(screen: &Screen, seen: &Seen) -> Vec<String> {
    let mut shown = seen.table.clone();
    if seen.title_changed {
        shown.title.push_str(" *");
    }
    shown.notes.extend(seen.gone.iter().map(|name| format!("gone: {name}")));
    table::marked(&shown, screen.look(), 0, table::AT_PROMPT, &|row, column| seen.cells.contains(&(row, column)))
}
