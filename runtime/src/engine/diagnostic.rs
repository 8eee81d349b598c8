//! What a person sees when something is wrong: code, message, place in the script, call chain, hint.

use std::fmt;
use std::sync::Arc;

use miette::{LabeledSpan, NamedSource, Severity, SourceCode};
use rhai::{EvalAltResult, Position};
use serde_json::{Value, json};

use super::source::Sources;
use crate::failure::Failure;

/// A place in a text.
#[derive(Clone, Debug)]
pub struct Place {
    /// Name of the text: the script's path, or a module's.
    pub source: String,
    /// The text.
    pub text: Arc<str>,
    /// First byte.
    pub start: usize,
    /// Number of bytes.
    pub length: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// One link of a call chain, innermost first.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What was called: a function, a closure, a module that was imported.
    pub what: String,
    /// From where.
    pub place: Place,
}

/// A failure with its place.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// What failed.
    pub failure: Failure,
    /// Whether it only warns.
    pub warning: bool,
    /// Where.
    pub place: Option<Place>,
    /// Through which calls.
    pub chain: Vec<Frame>,
    shown: Option<NamedSource<Arc<str>>>,
}

impl Diagnostic {
    /// A failure that has no place in a script.
    pub fn without_place(failure: Failure) -> Box<Self> {
        Box::new(Diagnostic { failure, warning: false, place: None, chain: Vec::new(), shown: None })
    }

    /// A failure at a position of a text.
    pub(super) fn at(failure: Failure, sources: &Arc<Sources>, name: &str, position: Position) -> Box<Self> {
        Diagnostic::new(failure, Place::of(sources, name, position), Vec::new())
    }

    pub(super) fn new(failure: Failure, place: Option<Place>, chain: Vec<Frame>) -> Box<Self> {
        let shown =
            place.as_ref().map(|place| NamedSource::new(&place.source, place.text.clone()).with_language("Rust"));
        Box::new(Diagnostic { failure, warning: false, place, chain, shown })
    }

    /// The same, as a warning.
    pub(super) fn warning(mut self: Box<Self>) -> Box<Self> {
        self.warning = true;
        self
    }

    /// For `-o json`, editors and CI.
    pub fn json(&self) -> Value {
        json!({
            "code": self.failure.code.name,
            "severity": if self.warning { "warning" } else { "error" },
            "message": self.failure.message,
            "hint": self.failure.hint,
            "unchanged": self.failure.unchanged,
            "file": self.place.as_ref().map(|p| p.source.clone()),
            "line": self.place.as_ref().map(|p| p.line),
            "column": self.place.as_ref().map(|p| p.column),
            "chain": self.chain.iter().map(|f| json!({ "call": f.what, "file": f.place.source, "line": f.place.line, "column": f.place.column })).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.failure.code.name))
    }

    fn severity(&self) -> Option<Severity> {
        self.warning.then_some(Severity::Warning)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let chain = self.chain.iter().map(|frame| {
            format!("called by {}:{}:{} ({})", frame.place.source, frame.place.line, frame.place.column, frame.what)
        });
        let parts: Vec<String> =
            self.failure.unchanged.iter().cloned().chain(self.failure.hint.iter().cloned()).chain(chain).collect();
        (!parts.is_empty()).then(|| Box::new(parts.join("\n")) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.shown.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.place.as_ref()?;
        let here = LabeledSpan::new_primary_with_span(Some("here".into()), (place.start, place.length));
        let calls =
            self.chain.iter().filter(|frame| frame.place.source == place.source).map(|frame| {
                LabeledSpan::new_with_span(Some(frame.what.clone()), (frame.place.start, frame.place.length))
            });
        Some(Box::new(std::iter::once(here).chain(calls)))
    }
}

/// The innermost place of a Rhai error, and the calls that led there.
///
/// In `ErrorInFunctionCall(name, source, inner, position)` the source is the callee's and the position the caller's, so each
/// position belongs to the source of the level outside it. A closure belongs where it was written, whoever calls it.
pub(super) fn locate(error: &EvalAltResult, main: &str, sources: &Arc<Sources>) -> (Option<Place>, Vec<Frame>) {
    let mut frames = Vec::new();
    let mut source = main.to_owned();
    let mut error = error;
    loop {
        match error {
            EvalAltResult::ErrorInFunctionCall(name, callee, inner, position) => {
                let closure = sources.of_closure(name);
                let what =
                    if name.starts_with("anon$") { "calls a closure".to_owned() } else { format!("calls `{name}`") };
                if let Some(place) = Place::of(sources, &source, *position) {
                    frames.push(Frame { what, place });
                }
                if let Some(next) = closure.or_else(|| (!callee.is_empty()).then_some(callee.as_str())) {
                    source = next.to_owned();
                }
                error = inner;
            }
            EvalAltResult::ErrorInModule(path, inner, position) => {
                if let Some(place) = Place::of(sources, &source, *position) {
                    frames.push(Frame { what: format!("imports `{path}`"), place });
                }
                source.clone_from(path);
                error = inner;
            }
            error => {
                frames.reverse();
                let place = Place::of(sources, &source, error.position());
                return (place.or_else(|| frames.first().map(|frame| frame.place.clone())), frames);
            }
        }
    }
}
