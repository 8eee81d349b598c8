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
    look: Look,
    error_look: Look,
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

    /// What the stream of the report can show. A terminal may have been resized since it was last asked.
    pub fn look(&self) -> Look {
        let look = self.look;
        if self.report_on_stdout { look.resized(std::io::stdout()) } else { look.resized(std::io::stderr()) }
    }

    /// What standard error can show.
    pub fn error_look(&self) -> Look {
        self.error_look.resized(std::io::stderr())
    }

    /// How many lines the terminal of the report has; `None` where there is none, or it cannot be redrawn.
    pub fn height(&self) -> Option<usize> {
        let size = if self.report_on_stdout {
            terminal_size::terminal_size_of(std::io::stdout())
        } else {
            terminal_size::terminal_size_of(std::io::stderr())
        };
        // A pseudo-terminal that nobody has sized says 0.
        size.filter(|_| self.look.live).map(|(_, height)| usize::from(height.0)).filter(|height| *height > 0)
    }

    /// A line of the report.
    pub fn print(&self, line: &str) {
        self.write(&(self.look().fitted(line).join("\n") + "\n"));
    }

    /// Text of the report as it is, control sequences included.
    pub fn write(&self, text: &str) {
        self.quietly(|| {
            if self.report_on_stdout {
                write(std::io::stdout().lock(), text);
            } else {
                write(std::io::stderr().lock(), text);
            }
        });
    }

    /// A line beside the report.
    pub fn say(&self, line: &str) {
        let text = self.error_look().fitted(line).join("\n");
        self.quietly(|| write_line(std::io::stderr().lock(), &text));
    }

    /// Text beside the report that has been fitted already.
    pub fn say_as_is(&self, text: &str) {
        self.quietly(|| write_line(std::io::stderr().lock(), text));
    }

    /// Text on standard error without a line break: a question.
    pub fn ask(&self, text: &str) {
        // Whoever cannot read the question answers by the end of the input, which is a stop.
        self.quietly(|| write(std::io::stderr().lock(), text));
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
fn write(mut stream: impl Write, text: &str) {
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

fn write_line(stream: impl Write, line: &str) {
    write(stream, &format!("{line}\n"));
}
