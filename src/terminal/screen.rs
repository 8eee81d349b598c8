//! Where the lines of a report go: one stream for the report, standard error for what is transient.

use std::io::Write;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::escape;
use super::look::Look;

/// Without a terminal nothing spins; a line says every so often that something is still waited for.
const STILL_WAITING: Duration = Duration::from_secs(30);

/// The streams of a command. Whoever prints, asks or waits while a run is going does it here, so that a spinner, a
/// question and a report never write into each other.
pub struct Screen {
    /// What the stream of the report can show.
    pub look: Look,
    /// What standard error can show.
    pub error_look: Look,
    report_on_stdout: bool,
    transient: Mutex<Transient>,
}

#[derive(Default)]
struct Transient {
    spinner: Option<ProgressBar>,
    since: Option<(Instant, Instant)>,
}

impl Screen {
    /// A screen whose report goes to standard output, or to standard error where standard output is for a document.
    ///
    /// With `traced`, lines of a trace go to standard error too, and nothing spins between them.
    pub fn new(report_on_stdout: bool, no_colour: bool, traced: bool) -> Screen {
        let mut error_look = Look::of_stderr(no_colour);
        let look = if report_on_stdout { Look::of_stdout(no_colour) } else { error_look };
        error_look.live &= !traced;
        Screen { look, error_look, report_on_stdout, transient: Mutex::default() }
    }

    /// A line of the report.
    pub fn print(&self, line: &str) {
        let text = self.look.fitted(line).join("\n");
        self.quietly(|| {
            if self.report_on_stdout {
                write_line(std::io::stdout().lock(), &text);
            } else {
                write_line(std::io::stderr().lock(), &text);
            }
        });
    }

    /// A line beside the report.
    pub fn say(&self, line: &str) {
        let text = self.error_look.fitted(line).join("\n");
        self.quietly(|| write_line(std::io::stderr().lock(), &text));
    }

    /// Text beside the report that has been fitted already.
    pub fn say_as_is(&self, text: &str) {
        self.quietly(|| write_line(std::io::stderr().lock(), text));
    }

    /// Text on standard error without a line break: a question.
    pub fn ask(&self, text: &str) {
        self.quietly(|| {
            let mut stream = std::io::stderr().lock();
            // Whoever cannot read the question answers by the end of the input, which is a stop.
            let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
        });
    }

    /// What is being waited for; `None` clears it.
    pub fn wait(&self, what: Option<&str>) {
        let mut transient = self.transient();
        let Some(what) = what else {
            if let Some(spinner) = transient.spinner.take() {
                spinner.finish_and_clear();
            }
            transient.since = None;
            return;
        };
        let now = Instant::now();
        if !self.error_look.live {
            let (since, said) = *transient.since.get_or_insert((now, now));
            if now.duration_since(said) >= STILL_WAITING {
                transient.since = Some((since, now));
                let seconds = now.duration_since(since).as_secs();
                write_line(
                    std::io::stderr().lock(),
                    &format!("  still waiting after {seconds}s: {}", escape::joined(what)),
                );
            }
            return;
        }
        let spinner = transient.spinner.get_or_insert_with(|| {
            let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            spinner.set_style(self.spinner_style());
            spinner.enable_steady_tick(Duration::from_millis(120));
            spinner
        });
        spinner.set_message(escape::joined(what));
    }

    /// Writes while no spinner is on the screen.
    fn quietly(&self, write: impl FnOnce()) {
        match &self.transient().spinner {
            Some(spinner) => spinner.suspend(write),
            None => write(),
        }
    }

    fn spinner_style(&self) -> ProgressStyle {
        let template = if self.error_look.colour {
            "  {spinner:.cyan} {elapsed} {wide_msg:.dim}"
        } else {
            "  {spinner} {elapsed} {wide_msg}"
        };
        let style = ProgressStyle::with_template(template).expect("the template is a constant");
        if self.error_look.symbols { style } else { style.tick_chars("-\\|/ ") }
    }

    fn transient(&self) -> MutexGuard<'_, Transient> {
        self.transient.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A reader who has gone away must not end a run that is changing something: its changes still have to be proved or
/// taken back, and the record has it all.
fn write_line(mut stream: impl Write, line: &str) {
    let _ = writeln!(stream, "{line}").and_then(|()| stream.flush());
}
