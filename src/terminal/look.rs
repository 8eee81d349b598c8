//! What a stream can show: colours, symbols, its width.

use std::fmt::Display;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use anstyle::{AnsiColor, Style};

/// What a stream can show. Everything is readable without colour and without symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether a person looks at it: then what is waited for may be redrawn.
    pub live: bool,
    /// Whether it may be coloured.
    pub colour: bool,
    /// Whether marks such as ✓ may stand for words.
    pub symbols: bool,
    /// Its width in columns; `None` if lines may be of any length.
    pub width: Option<usize>,
}

impl Look {
    /// Plain lines of any length, as in a file or a pipe.
    pub const PLAIN: Look = Look { live: false, colour: false, symbols: false, width: None };

    /// What standard output can show.
    pub fn of_stdout(no_colour: bool) -> Look {
        let stream = std::io::stdout();
        Look::of(stream.is_terminal(), terminal_size::terminal_size_of(&stream), no_colour)
    }

    /// What standard error can show.
    pub fn of_stderr(no_colour: bool) -> Look {
        let stream = std::io::stderr();
        Look::of(stream.is_terminal(), terminal_size::terminal_size_of(&stream), no_colour)
    }

    fn of(terminal: bool, size: Option<(terminal_size::Width, terminal_size::Height)>, no_colour: bool) -> Look {
        if !terminal {
            return Look::PLAIN;
        }
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        // The first that is set decides, as POSIX has it for the category LC_CTYPE.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
        let utf8 = locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.ends_with("utf-8") || locale.ends_with("utf8")
        });
        Look {
            live: !dumb,
            // https://no-color.org: any value that is not empty.
            colour: !dumb && !no_colour && !set("NO_COLOR"),
            symbols: !dumb && utf8,
            width: Some(width(size)),
        }
    }

    /// The same, as wide as a stream's terminal is now.
    #[must_use]
    pub fn resized(self, stream: impl AsFd) -> Look {
        Look { width: self.width.map(|_| width(terminal_size::terminal_size_of(stream))), ..self }
    }

    /// A line as several that fit the width, those after the first further to the right.
    pub fn fitted(self, line: &str) -> Vec<String> {
        let Some(width) = self.width.filter(|width| textwrap::core::display_width(line) > *width) else {
            return vec![line.to_owned()];
        };
        let indent = line.len() - line.trim_start_matches(' ').len();
        let indent = " ".repeat((indent + 4).min(width / 2));
        let options = textwrap::Options::new(width)
            .subsequent_indent(&indent)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        textwrap::wrap(line, options).into_iter().map(|line| line.into_owned()).collect()
    }

    fn paint(self, style: Style, text: impl Display) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_string() }
    }

    /// A title.
    pub fn bold(self, text: impl Display) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// What may be passed over.
    pub fn dim(self, text: impl Display) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    /// What is well, or what is added.
    pub fn good(self, text: impl Display) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }

    /// What failed, or what goes.
    pub fn bad(self, text: impl Display) -> String {
        self.paint(AnsiColor::Red.on_default(), text)
    }

    /// What should be noticed.
    pub fn notice(self, text: impl Display) -> String {
        self.paint(AnsiColor::Yellow.on_default(), text)
    }

    /// A name that can be typed, or looked up.
    pub fn name(self, text: impl Display) -> String {
        self.paint(AnsiColor::Cyan.on_default(), text)
    }

    /// The mark of what went well.
    pub fn ok(self) -> String {
        self.good(if self.symbols { "✓" } else { "ok" })
    }

    /// The mark of what failed.
    pub fn failed(self) -> String {
        self.bad(if self.symbols { "✗" } else { "FAILED" })
    }

    /// The mark of what could not be said.
    pub fn open(self) -> String {
        self.notice(if self.symbols { "?" } else { "UNKNOWN" })
    }

    /// Between the parts of a line.
    pub fn dot(self) -> &'static str {
        if self.symbols { "·" } else { "-" }
    }
}

/// The columns of a terminal. A pseudo-terminal that nobody has sized says 0.
fn width(size: Option<(terminal_size::Width, terminal_size::Height)>) -> usize {
    match size.map_or(0, |(width, _)| usize::from(width.0)) {
        0 => 80,
        width => width.max(40),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_broken_between_words_and_goes_on_further_right() {
        let look = Look { width: Some(20), colour: true, ..Look::PLAIN };
        assert_eq!(look.fitted("  one two three four five"), ["  one two three four", "      five"]);
        assert_eq!(look.fitted(&look.good("twenty columns wide.")).len(), 1, "colours have no width");
        assert_eq!(Look::PLAIN.fitted(&"x ".repeat(200)).len(), 1);
    }
}
