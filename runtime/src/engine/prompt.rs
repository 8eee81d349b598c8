//! A script that is typed: inputs that are evaluated one after another in one scope, in one run.
//!
//! Variables, functions, closures and imports of an input are there for the later ones. Each input is a source of its own,
//! so that an error points into the input that it comes from, however long ago that was typed.

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rhai::{AST, Dynamic, Engine, EvalAltResult, Expr, LexError, ParseErrorType, Position, Scope, Stmt};
use tokio_util::sync::CancellationToken;

use super::params::{self, ParamValue};
use super::raise::{self, error_of};
use super::script::{Purpose, Script};
use super::session::{Session, Tag};
use super::source::Sources;
use super::stepping::{Here, Stepper, Stepping};
use super::{Diagnostic, diagnose, fault, resolver, script, volatile};
use crate::failure::{Failure, UNKNOWN_NAME, nearest};
use crate::noun::NounType;
use crate::primitive::Library;
use crate::run::{Done, Ending, Run};
use crate::value::List;

/// The variable of the last result.
pub const LAST: &str = "_";
/// The variable of the last failure.
pub const LAST_ERROR: &str = "_error";

/// What came of an input.
pub enum Came {
    /// Its value.
    Value(Dynamic),
    /// It said an ending, as a runbook does. The session goes on.
    Ended(Ending),
    /// It failed: what it changed and did not prove is taken back. The session goes on.
    Failed(Box<Diagnostic>),
}

/// An input that was carried out.
pub struct Answer {
    /// Its number, from 1.
    pub number: u64,
    /// What came of it.
    pub came: Came,
    /// What it has done to the outside world.
    pub done: Done,
}

/// One session at a prompt. It is used on a thread with a stack of [`super::limits::STACK`].
pub struct Prompt {
    run: Arc<Run>,
    library: Library,
    /// The tree that imports stay in.
    root: PathBuf,
    engine: Engine,
    scope: Scope<'static>,
    sources: Sources,
    assigned: HashSet<String>,
    may_change: HashSet<String>,
    /// Who is asked about the steps of the runbook that runs.
    stepper: Option<Arc<dyn Stepper>>,
    /// The texts of the inputs that had a value, by their numbers.
    results: BTreeMap<u64, String>,
}

impl Prompt {
    /// A session in a run.
    ///
    /// # Errors
    /// Never but by a fault of the engine's own.
    pub fn new(run: Arc<Run>, library: Library, root: &Path) -> Result<Prompt, Box<Diagnostic>> {
        let nothing = Script::from_input("<start>", "", None, &library, &HashSet::new())?;
        let session = Arc::new(Session::new(run.clone(), library, &nothing, BTreeMap::new(), None));
        let engine = catch_unwind(AssertUnwindSafe(|| super::engine(&nothing, &session)))
            .map_err(|_| Diagnostic::without_place(raise::plain_failure(&fault("the engine cannot be built"))))?;
        Ok(Prompt {
            run,
            library,
            root: root.to_owned(),
            engine,
            scope: Scope::new(),
            stepper: None,
            results: BTreeMap::new(),
            sources: Sources::default(),
            assigned: HashSet::new(),
            may_change: HashSet::new(),
        })
    }

    /// A prompt in the middle of a script: its variables, functions and imports are there.
    ///
    /// # Errors
    /// Never but by a fault of the engine's own.
    pub fn inside(run: Arc<Run>, library: Library, root: &Path, here: &Here) -> Result<Prompt, Box<Diagnostic>> {
        let mut prompt = Prompt::new(run, library, root)?;
        let script = &here.script;
        prompt.sources.extend(&script.sources);
        prompt.assigned.extend(script.assigned.iter().cloned());
        prompt.engine.set_module_resolver(resolver::Resolver::new(script.modules.clone()));
        prompt.define(script, true);
        for (name, value) in &here.variables {
            prompt.scope.push_dynamic(name.as_str(), value.clone());
        }
        Ok(prompt)
    }

    /// The value of a variable.
    pub fn value(&self, name: &str) -> Option<Dynamic> {
        self.scope.get(name).cloned()
    }

    /// The texts of the inputs that had a value, by their numbers. `_` is the value of the last one.
    pub fn results(&self) -> &BTreeMap<u64, String> {
        &self.results
    }

    /// The run.
    pub fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// What can be said.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// The session's variables with the names of their types, newest first, each once.
    pub fn variables(&self) -> Vec<(String, String)> {
        let mut seen = HashSet::new();
        let all: Vec<_> = self.scope.iter_raw().map(|(name, _, value)| (name, value)).collect();
        let newest = all.into_iter().rev().filter(|(name, _)| seen.insert((*name).to_owned()));
        newest.map(|(name, value)| (name.to_owned(), self.type_of(value))).collect()
    }

    fn type_of(&self, value: &Dynamic) -> String {
        if let Some(list) = value.clone().try_cast::<List>()
            && let Some(first) = list.items().first()
        {
            return format!("List<{}>", self.type_of(first));
        }
        let name = match super::type_name(value, &self.library) {
            "value" => match value.type_name() {
                "i64" => "int",
                "f64" => "float",
                "bool" => "bool",
                "map" => "map",
                "array" => "array",
                "Fn" => "closure",
                _ if value.is_string() => "string",
                _ => "value",
            },
            name => name,
        };
        name.to_owned()
    }

    /// Evaluates an input in the session's scope. `cancel` interrupts this one and no later one.
    pub fn evaluate(&mut self, text: &str, cancel: CancellationToken) -> Answer {
        self.in_scope(text, text, cancel, &mut once)
    }

    /// Evaluates a text again and again as one input, with a pause between, until `each` has seen enough, a round fails, or
    /// `cancel` interrupts it. Its value is the last one.
    pub fn repeat(
        &mut self,
        typed: &str,
        text: &str,
        pause: Duration,
        cancel: CancellationToken,
        each: &mut dyn FnMut(&Dynamic) -> bool,
    ) -> Answer {
        self.in_scope(typed, text, cancel, &mut |run, value| {
            if each(value) { run.sleep(pause).map(|()| true) } else { Ok(false) }
        })
    }

    fn in_scope(
        &mut self,
        typed: &str,
        text: &str,
        cancel: CancellationToken,
        goes_on: &mut dyn FnMut(&Run, &Dynamic) -> Result<bool, Failure>,
    ) -> Answer {
        let mut scope = std::mem::take(&mut self.scope);
        let read = |prompt: &Self, name: &str| {
            let script = Script::from_input(name, text, Some(&prompt.root), &prompt.library, &prompt.may_change)?;
            let values = params::values(&script.params, &BTreeMap::new()).map_err(Diagnostic::without_place)?;
            Ok((script, values))
        };
        let answer = self.input(typed, cancel, &mut scope, read, goes_on);
        self.scope = scope;
        self.keep(text, &answer);
        answer
    }

    /// The first name in a text whose call may change something.
    ///
    /// # Errors
    /// When the text cannot be read.
    pub fn may_change(&self, text: &str) -> Result<Option<String>, Box<Diagnostic>> {
        let script = Script::from_input("<text>", text, Some(&self.root), &self.library, &self.may_change)?;
        let calls = script::calls(&script.ast);
        Ok(calls.into_iter().find(|name| script.may_change.contains(name)))
    }

    /// Runs a runbook as one input: in a scope of its own, in the session's run. `text` is what was typed; `stepper` is
    /// asked about its steps.
    pub fn run_runbook(
        &mut self,
        text: &str,
        path: &Path,
        given: &BTreeMap<String, String>,
        stepper: Option<Arc<dyn Stepper>>,
        cancel: CancellationToken,
    ) -> Answer {
        self.stepper = stepper;
        let answer = self.input(
            text,
            cancel,
            &mut Scope::new(),
            |prompt, _| {
                let script = Script::load(path, None, &prompt.library)?;
                let values = params::values(&script.params, given).map_err(Diagnostic::without_place)?;
                Ok((script, values))
            },
            &mut once,
        );
        self.stepper = None;
        self.keep(text, &answer);
        answer
    }

    fn input(
        &mut self,
        text: &str,
        cancel: CancellationToken,
        scope: &mut Scope<'static>,
        read: impl FnOnce(&Self, &str) -> Result<(Script, BTreeMap<String, ParamValue>), Box<Diagnostic>>,
        goes_on: &mut dyn FnMut(&Run, &Dynamic) -> Result<bool, Failure>,
    ) -> Answer {
        let mark = self.run.input_started(text, cancel);
        let number = mark.number();
        let name = format!("<input {number}>");
        let outcome = read(self, &name).and_then(|(script, values)| {
            let session = self.prepare(&script, values);
            let evaluated = loop {
                let evaluated =
                    catch_unwind(AssertUnwindSafe(|| self.engine.eval_ast_with_scope::<Dynamic>(scope, &script.ast)));
                let evaluated = evaluated.unwrap_or_else(|_| Err(fault("the engine failed by a fault of its own")));
                match evaluated.map(|value| (goes_on(&self.run, &value), value)) {
                    Ok((Ok(true), _)) => {}
                    Ok((Ok(false), value)) => break Ok(value),
                    Ok((Err(failure), _)) => break Err(error_of(failure, Position::NONE)),
                    Err(error) => break Err(error),
                }
            };
            self.remember(&script, evaluated.is_ok());
            evaluated.map_err(|error| self.diagnosed(&session, &error, scope))
        });
        let result = outcome.as_ref().map(drop).map_err(|diagnostic| diagnostic.failure.clone());
        let (done, ended) = self.run.input_ended(mark, result);
        let came = match (ended, outcome) {
            (Ok(Some(ending)), _) => Came::Ended(ending),
            (Ok(None), Ok(value)) => Came::Value(value),
            // It failed in the text, and the failure has its place there; or only its ending was not granted.
            (Err(failure), Err(diagnostic)) if diagnostic.failure.code.name == failure.code.name => {
                Came::Failed(diagnostic)
            }
            (Err(failure), _) => Came::Failed(Diagnostic::without_place(failure)),
            (Ok(None), Err(diagnostic)) => Came::Failed(diagnostic),
        };
        Answer { number, came, done }
    }

    /// Makes the engine ready for a text.
    fn prepare(&mut self, script: &Script, values: BTreeMap<String, ParamValue>) -> Tag {
        self.sources.extend(&script.sources);
        self.assigned.extend(script.assigned.iter().cloned());
        let mut session = Session::new(self.run.clone(), self.library, script, values, None);
        // A function of an earlier input may fail now.
        session.sources = Arc::new(self.sources.clone());
        session.stepping = self.stepper.clone().map(|stepper| Stepping::new(stepper, script));
        let session: Tag = Arc::new(session);
        let engine = &mut self.engine;
        engine.set_default_tag(Dynamic::from(session.clone()));
        engine.set_module_resolver(resolver::Resolver::new(script.modules.clone()));
        let nouns = self.library.nouns.iter().chain(super::VALUES).map(|noun: &NounType| (noun.type_id)()).collect();
        volatile::capture_nouns_by_value(engine, nouns, self.assigned.clone());
        session
    }

    /// Keeps what a text has defined for the inputs that follow.
    fn remember(&mut self, script: &Script, passed: bool) {
        if script.purpose != Purpose::Input {
            // A runbook's functions are its own; but its closures may live on in a result.
            return;
        }
        self.define(script, passed);
    }

    /// Makes the functions of a text known, and its imports if they are at hand.
    fn define(&mut self, script: &Script, imported: bool) {
        self.may_change.extend(script.may_change.iter().cloned());
        if script.ast.has_functions() {
            self.engine.register_global_module(script.ast.shared_lib().clone());
        }
        if imported {
            for (alias, path) in imports(&script.ast) {
                // It was resolved a moment ago, so it is at hand.
                if let Ok(module) = self.engine.module_resolver().resolve(&self.engine, None, path, Position::NONE) {
                    self.engine.register_static_module(alias, module);
                }
            }
        }
    }

    /// As in a run, and with the nearest variable for one that does not exist.
    fn diagnosed(&self, session: &Session, error: &EvalAltResult, scope: &Scope) -> Box<Diagnostic> {
        let mut diagnostic = diagnose(session, error);
        if let (EvalAltResult::ErrorVariableNotFound(name, _), true, None) =
            (error.unwrap_inner(), diagnostic.failure.is(&UNKNOWN_NAME), &diagnostic.failure.hint)
        {
            let names: Vec<String> = scope.iter_raw().map(|(name, ..)| name.to_owned()).collect();
            diagnostic.failure.hint = nearest(name, names.iter().map(String::as_str))
                .map(|near| format!("did you mean `{near}`?"))
                .or_else(|| super::library_hint(name, &self.library));
        }
        diagnostic
    }

    /// Keeps a result under its names.
    fn keep(&mut self, text: &str, answer: &Answer) {
        match &answer.came {
            Came::Value(value) if !value.is_unit() => {
                self.results.insert(answer.number, text.to_owned());
                self.scope.set_or_push(LAST, value.clone());
                self.scope.set_or_push(format!("_{}", answer.number), value.clone());
            }
            Came::Value(_) | Came::Ended(_) => {}
            Came::Failed(diagnostic) => {
                self.scope.set_or_push(LAST_ERROR, diagnostic.failure.clone());
            }
        }
    }

    /// The last result, if there is one.
    pub fn last(&self) -> Option<Dynamic> {
        self.scope.get(LAST).map(Dynamic::flatten_clone)
    }

    /// The last failure, if an input has failed.
    pub fn last_error(&self) -> Option<Failure> {
        self.scope.get_value(LAST_ERROR)
    }
}

/// An input is evaluated once.
fn once(_: &Run, _: &Dynamic) -> Result<bool, Failure> {
    Ok(false)
}

/// The modules that a text imports at its top, with the names that it gives them.
fn imports(ast: &AST) -> impl Iterator<Item = (&str, &str)> {
    ast.statements().iter().filter_map(|statement| match statement {
        Stmt::Import(import, _) => match &**import {
            (Expr::StringConstant(path, _), alias) if !alias.name.is_empty() => {
                Some((alias.name.as_str(), path.as_str()))
            }
            _ => None,
        },
        _ => None,
    })
}

/// Tells whether an input is complete, by the parser that reads it.
pub struct Completeness(Engine, volatile::Reading);

impl Default for Completeness {
    fn default() -> Self {
        let (engine, reading) = script::parser(Purpose::Input);
        Completeness(engine, reading)
    }
}

impl Completeness {
    /// Whether a text can be read as it stands.
    pub fn is_complete(&self, text: &str) -> bool {
        self.compile(text).is_ok()
    }

    fn compile(&self, text: &str) -> Result<AST, rhai::ParseError> {
        self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone_from(&text.into());
        self.0.compile(text)
    }

    /// Whether more lines could make it a text that can be read: its only error is that it ends.
    pub fn wants_more(&self, text: &str) -> bool {
        let Err(error) = self.compile(text) else { return ends_in_comment(text) };
        match &*error.0 {
            ParseErrorType::UnexpectedEOF => true,
            // A string in quotes ends with its line, and no further line mends it.
            ParseErrorType::BadInput(LexError::UnterminatedString) => is_back_tick(text, error.1),
            ParseErrorType::BadInput(_) => false,
            _ => is_end(text, error.1),
        }
    }
}

fn is_end(text: &str, position: Position) -> bool {
    let text = text.trim_end();
    let last = text.lines().last().unwrap_or_default();
    let end = (text.lines().count().max(1), last.chars().count());
    match (position.line(), position.position()) {
        (Some(line), column) => (line, column.unwrap_or(0)) > end,
        _ => false,
    }
}

fn is_back_tick(text: &str, position: Position) -> bool {
    super::source::span(text, position).is_some_and(|(start, _)| text[start..].starts_with('`'))
}

/// Whether a text ends inside `/* … */`, which Rhai takes for the end of the text.
fn ends_in_comment(text: &str) -> bool {
    let opened = text.rfind("/*");
    opened.is_some_and(|at| !text[at..].contains("*/") && !text[..at].rsplit('\n').next().unwrap_or("").contains("//"))
}
