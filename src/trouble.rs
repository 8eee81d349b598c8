//! What goes wrong before a run begins or beside it, and how a person and a program see it.

use std::fmt;

use meshbook_runtime::engine::Diagnostic;
use meshbook_runtime::failure::Failure;
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, Severity, SourceCode};
use serde_json::{Value, json};

use crate::terminal::escape;
use crate::terminal::look::Look;

/// Why a command ends otherwise than it was asked to.
#[derive(Debug)]
pub struct Trouble(pub Box<Diagnostic>);

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble(Diagnostic::without_place(failure))
    }
}

impl From<Box<Diagnostic>> for Trouble {
    fn from(diagnostic: Box<Diagnostic>) -> Self {
        Trouble(diagnostic)
    }
}

impl Trouble {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        self.0.failure.code.exit.code()
    }

    /// The document of `-o json`.
    pub fn document(&self) -> Value {
        json!({ "exit_code": self.exit_code(), "ending": "failed", "error": self.0.json() })
    }
}

/// A diagnostic as standard error can show it: drawn around the script's lines on a terminal, told in plain lines
/// elsewhere.
pub fn render(diagnostic: &Diagnostic, look: Look) -> String {
    let mut text = String::new();
    let rendered = match look.width {
        Some(width) => {
            let theme = match (look.symbols, look.colour) {
                (true, true) => GraphicalTheme::unicode(),
                (true, false) => GraphicalTheme::unicode_nocolor(),
                (false, true) => {
                    GraphicalTheme { characters: miette::ThemeCharacters::ascii(), styles: miette::ThemeStyles::ansi() }
                }
                (false, false) => GraphicalTheme::none(),
            };
            GraphicalReportHandler::new_themed(theme)
                .with_links(false)
                .with_width(width)
                .with_context_lines(1)
                .render_report(&mut text, &Safe(diagnostic))
        }
        None => plain(diagnostic, &mut text),
    };
    rendered.expect("writing to a string cannot fail");
    text.trim_end().to_owned()
}

/// As lines that a log, `grep` and a screen reader can do something with.
fn plain(diagnostic: &Diagnostic, text: &mut String) -> fmt::Result {
    use fmt::Write as _;
    let failure = &diagnostic.failure;
    writeln!(text, "{}: {}", if diagnostic.warning { "warning" } else { "error" }, escape::line(&failure.message))?;
    if let Some(place) = &diagnostic.place {
        let line = place.text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
        writeln!(text, "  at {}:{}:{}: {}", place.source, place.line, place.column, escape::joined(line))?;
    }
    for frame in &diagnostic.chain {
        writeln!(
            text,
            "  called by {}:{}:{} ({})",
            frame.place.source,
            frame.place.line,
            frame.place.column,
            escape::line(&frame.what)
        )?;
    }
    for (label, said) in [("unchanged", &failure.unchanged), ("help", &failure.hint)] {
        for (index, line) in said.iter().flat_map(|said| escape::lines(said)).enumerate() {
            // A hint of several lines may hold YAML that is to be copied.
            let start = if index == 0 { format!("{label}: ") } else { "    ".to_owned() };
            writeln!(text, "{}", format!("  {start}{line}").trim_end())?;
        }
    }
    writeln!(text, "  code: {}", failure.code.name)
}

/// A diagnostic whose words came through a cluster or a script, made safe for a terminal.
#[derive(Debug)]
struct Safe<'a>(&'a Diagnostic);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape::line(&self.0.to_string()))
    }
}

impl std::error::Error for Safe<'_> {}

impl miette::Diagnostic for Safe<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.code()
    }

    fn severity(&self) -> Option<Severity> {
        self.0.severity()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.0.help()?.to_string();
        Some(Box::new(escape::lines(&help).collect::<Vec<_>>().join("\n")))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.0.labels()
    }
}
