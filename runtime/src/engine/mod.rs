//! Rhai as runbooks use it.
//!
//! - [`script`]: reads a script and its modules; nothing is run.
//! - [`words`]: `param`, `step`, `temporarily`, `wait`, `hold`.
//! - [`check`], [`describe`]: what can be said about a script without running it.
//! - [`prompt`]: a script that is typed, one input after another. [`stepping`]: a script that asks about its steps.
//! - [`diagnostic`]: what a person sees when something is wrong.
//! - [`compare`], [`limits`], `library`, `resolver`, `volatile`: how the engine is held.
//!
//! The verdict of a run is its latch, never Rhai's result: callbacks of Rhai's own array methods make every error
//! catchable, a policy stop included.

mod arrays;
pub(crate) mod beside;
pub mod check;
pub mod compare;
pub mod describe;
pub mod diagnostic;
mod library;
pub mod limits;
pub mod params;
pub mod prompt;
pub mod raise;
mod resolver;
pub mod results;
pub mod script;
pub(crate) mod session;
pub mod source;
pub mod stepping;
mod volatile;
mod walk;
pub mod words;

use std::any::TypeId;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rhai::packages::{Package, StandardPackage};
use rhai::{Dynamic, Engine, EvalAltResult, Position, Scope};

pub use self::diagnostic::Diagnostic;
use self::diagnostic::Place;
pub use self::params::{ParamDeclaration, ParamValue};
pub use self::raise::failure_of;
pub use self::script::Script;
use self::session::{Session, Tag};
pub use self::stepping::Stepper;
use self::stepping::Stepping;
pub use self::words::test::TestDeclaration;
use crate::failure::{ENDING, Failure, INTERNAL, SCRIPT, nearest};
use crate::noun::NounType;
use crate::primitive::{Invocation, Library};
use crate::record::event::Ended;
use crate::run::{Ending, Mode, Run, Stop};
use crate::value::{Context, List, Quantity, Span, Table};

/// What came of running a script.
pub struct Outcome {
    /// How it ended: exit, message, what was changed.
    pub ended: Ended,
    /// What went wrong, with its place in the script, if something did.
    pub diagnostic: Option<Box<Diagnostic>>,
    /// The value of the script's last expression.
    pub value: Dynamic,
}

/// Runs a script to its end, on a thread of its own, and closes the run.
pub fn execute(script: &Script, run: &Arc<Run>, values: BTreeMap<String, ParamValue>, library: &Library) -> Outcome {
    on_script_thread(script, run, values, library, Wanted::Ending, None)
}

/// The same, and `stepper` is asked about its steps.
pub fn execute_stepwise(
    script: &Script,
    run: &Arc<Run>,
    values: BTreeMap<String, ParamValue>,
    library: &Library,
    stepper: Arc<dyn Stepper>,
) -> Outcome {
    on_script_thread(script, run, values, library, Wanted::Ending, Some(stepper))
}

/// Runs a text that needs no ending, as an example in the reference does. The run is closed as if it had ended by
/// `not_this`: unsettled changes are taken back.
pub fn evaluate(script: &Script, run: &Arc<Run>, values: BTreeMap<String, ParamValue>, library: &Library) -> Outcome {
    on_script_thread(script, run, values, library, Wanted::Value, None)
}

/// What the run of a text says that needs no ending and came to its end.
pub const TEXT_ENDED: &str = "the text ended";

/// Runs one test of a file of tests: the text outside tests, and the block of this one. It needs no ending.
pub fn test(script: &Script, run: &Arc<Run>, test: &TestDeclaration, library: &Library) -> Outcome {
    on_script_thread(script, run, BTreeMap::new(), library, Wanted::Test(test.position), None)
}

/// What an execution is for.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    /// The run must say how it ends.
    Ending,
    /// Only the value counts.
    Value,
    /// Only the test whose title stands here.
    Test(Position),
}

fn on_script_thread(
    script: &Script,
    run: &Arc<Run>,
    values: BTreeMap<String, ParamValue>,
    library: &Library,
    wanted: Wanted,
    stepper: Option<Arc<dyn Stepper>>,
) -> Outcome {
    let test = if let Wanted::Test(position) = wanted { Some(position) } else { None };
    if wanted == Wanted::Ending {
        foresee(script, run, library);
    }
    let mut session = Session::new(run.clone(), *library, script, values, test);
    session.stepping = stepper.map(|stepper| Stepping::new(stepper, script));
    let session = Arc::new(session);
    // It is made here, not on the script's thread: glibc gives that one a heap of its own, which grows page by page, one
    // system call each, and an engine takes some hundred pages.
    let engine = catch_unwind(AssertUnwindSafe(|| engine(script, &session)));
    // A script may nest deeper than a default thread's stack allows, and an overflow would abort with changes open.
    let result = std::thread::scope(|scope| {
        let script_thread = std::thread::Builder::new().name("script".into()).stack_size(limits::STACK);
        match script_thread.spawn_scoped(scope, || run_script(script, engine)) {
            Ok(thread) => thread.join().unwrap_or_else(|_| Err(fault("the engine failed by a fault of its own"))),
            Err(error) => Err(fault(&format!("no thread for the script: {error}"))),
        }
    });
    let (failure, diagnostic, value) = match result {
        Ok(value) => (None, None, value),
        Err(error) => {
            let diagnostic = diagnose(&session, &error);
            (Some(diagnostic.failure.clone()), Some(diagnostic), Dynamic::UNIT)
        }
    };
    if wanted != Wanted::Ending && failure.is_none() && run.verdict().is_none() {
        run.end(Ending::NotThis { why: TEXT_ENDED.into(), next: None });
    }
    let ended_by_word = matches!(run.verdict(), Some(Stop::Ended(_)));
    let result = match failure {
        Some(failure) if !ended_by_word => Err(failure),
        None if run.verdict().is_none() => Err(Failure::new(&ENDING, "the script ended without saying how").hint(
            "end every path by `fixed`, `found`, `not_this` or `cannot_tell`; `meshbook check` finds paths that do not",
        )),
        _ => Ok(()),
    };
    let diagnostic = diagnostic.filter(|_| result.is_err() && !ended_by_word);
    let ended = run.finish(result);
    // Where a plan ends, because only the mesh knows how it goes on, nothing went wrong.
    let diagnostic = diagnostic.filter(|_| ended.code.is_some());
    Outcome { ended, diagnostic, value }
}

/// Who approves some changes of an unattended run learns before the first of them which others it may come to: it would stop
/// there, in the middle.
fn foresee(script: &Script, run: &Run, library: &Library) {
    let approvals = run.approvals();
    if run.mode() != Mode::Unattended || approvals.is_empty() {
        return;
    }
    let description = describe::describe(script, library);
    let missing = description.not_approved(approvals);
    if !missing.is_empty() {
        let kinds = missing.into_iter().collect::<Vec<_>>().join(", ");
        run.warn(format!("not approved: {kinds}; where the runbook comes to change one of these, it stops"));
    }
}

/// What went wrong in a script, with its place and the calls that led there.
fn diagnose(session: &Session, error: &EvalAltResult) -> Box<Diagnostic> {
    let failure = hinted(failure_of(&session.run, error), error, &session.library);
    let (place, chain) = diagnostic::locate(error, &session.main, &session.sources);
    let (place, chain) = where_stopped(session, error).map_or((place, chain), |stopped| (Some(stopped), Vec::new()));
    Diagnostic::new(failure, place, chain)
}

/// Where a primitive stopped the run, if Rhai's error no longer says so: a callback may have swallowed the stop, and the
/// evaluation ended at a later operation.
fn where_stopped(session: &Session, error: &EvalAltResult) -> Option<Place> {
    let (source, position) = session.stopped_at()?;
    let kept = error.unwrap_inner().position() == position || !matches!(session.run.verdict(), Some(Stop::Failed(_)));
    if kept { None } else { Place::of(&session.sources, source.as_deref().unwrap_or(&session.main), position) }
}

fn run_script(script: &Script, engine: std::thread::Result<Engine>) -> Result<Dynamic, Box<EvalAltResult>> {
    let engine = engine.map_err(|_| fault("the engine failed by a fault of its own"))?;
    let mut scope = Scope::new();
    catch_unwind(AssertUnwindSafe(|| engine.eval_ast_with_scope::<Dynamic>(&mut scope, &script.ast)))
        .unwrap_or_else(|_| Err(fault("the engine failed by a fault of its own")))
}

fn fault(what: &str) -> Box<EvalAltResult> {
    EvalAltResult::ErrorTerminated(Dynamic::from(Failure::new(&INTERNAL, what)), Position::NONE).into()
}

/// The engine of one run.
fn engine(script: &Script, session: &Tag) -> Engine {
    let (mut engine, _) = script::parser(script.purpose);
    StandardPackage::new().register_into_engine(&mut engine);
    engine.set_default_tag(Dynamic::from(session.clone()));
    engine.set_fail_on_invalid_map_property(true);
    engine.set_module_resolver(resolver::Resolver::new(script.modules.clone()));
    compare::register(&mut engine, session.library.nouns.iter().chain(VALUES));
    arrays::register(&mut engine);
    register_values(&mut engine);
    library::register(&mut engine, &session.library);
    let nouns = session
        .library
        .nouns
        .iter()
        .map(|noun| (noun.type_id)())
        .chain(VALUES.iter().map(|noun| (noun.type_id)()))
        .collect();
    volatile::capture_nouns_by_value(&mut engine, nouns, script.assigned.clone());
    let run = session.run.clone();
    engine.on_progress(move |_| run.stopped().then_some(Dynamic::UNIT));
    let run = session.run.clone();
    engine.on_print(move |text| run.show(Table::line(text), text.into()));
    let run = session.run.clone();
    engine.on_debug(move |text, _, _| run.show(Table::line(text), text.into()));
    refuse_ambient_authority(&mut engine);
    engine
}

/// The runtime's own value types, as nouns.
pub static VALUES: &[NounType] = &[
    NounType::of::<Span>(),
    NounType::of::<Quantity>(),
    NounType::of::<List>(),
    NounType::of::<Failure>(),
    NounType::of::<Context>(),
];

fn register_values(engine: &mut Engine) {
    for value in VALUES {
        (value.register)(engine);
    }
    engine.register_iterator::<List>();
    engine.register_indexer_get(|list: &mut List, index: i64| -> Result<Dynamic, Box<EvalAltResult>> {
        let item = usize::try_from(index).ok().and_then(|index| list.items().get(index));
        item.cloned().ok_or_else(|| EvalAltResult::ErrorArrayBounds(list.items().len(), index, Position::NONE).into())
    });
    engine.register_get("code", |failure: &mut Failure| failure.code.name.to_owned());
    engine.register_get("message", |failure: &mut Failure| failure.message.clone());
    engine.register_get("hint", |failure: &mut Failure| failure.hint.clone().unwrap_or_default());
}

/// What Rhai's own library would let a script do beside the road: read the clock, sleep, end the process.
fn refuse_ambient_authority(engine: &mut Engine) {
    fn refuse(what: &'static str, instead: &'static str) -> Result<(), Box<EvalAltResult>> {
        Err(raise::error_of(
            Failure::new(&SCRIPT, format!("`{what}` is not available to runbooks")).hint(instead),
            Position::NONE,
        ))
    }
    // By it a value is known to be of the second cluster.
    engine.register_set("tag", |_: &mut Dynamic, _: i64| {
        refuse("tag", "what a value belongs to is not for scripts to say")
    });
    engine.register_fn("set_tag", |_: &mut Dynamic, _: i64| {
        refuse("set_tag", "what a value belongs to is not for scripts to say")
    });
    engine.register_fn("timestamp", || refuse("timestamp", "time is an effect: `now()` asks the run's clock"));
    engine
        .register_fn("sleep", |_: i64| refuse("sleep", "write `wait 30s until { … }`: a wait says what it waits for"));
    engine
        .register_fn("sleep", |_: f64| refuse("sleep", "write `wait 30s until { … }`: a wait says what it waits for"));
    engine.register_fn("exit", || refuse("exit", "end the run by `fixed`, `found`, `not_this` or `cannot_tell`"));
    engine.register_fn("exit", |_: Dynamic| {
        refuse("exit", "end the run by `fixed`, `found`, `not_this` or `cannot_tell`")
    });
}

/// Notes what a condition has just seen: `wait` and `hold` show it while they run and when they fail.
pub fn saw(invocation: &Invocation<'_>, what: impl Into<String>) {
    if let Some(tag) = invocation.context.tag() {
        Session::of(tag).saw(what.into());
    }
}

/// Adds the nearest name that exists to a failure about a name that does not.
fn hinted(failure: Failure, error: &EvalAltResult, library: &Library) -> Failure {
    if failure.hint.is_some() {
        return failure;
    }
    let near = match error.unwrap_inner() {
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let name = signature.split_once(" (").map_or(signature.as_str(), |(name, _)| name);
            library_hint(name, library)
        }
        EvalAltResult::ErrorModuleNotFound(name, _) => {
            let spaces = library.primitives.iter().filter_map(|p| p.name.split_once("::")).map(|(space, _)| space);
            nearest(name, spaces).map(|near| format!("did you mean `{near}`?"))
        }
        _ => None,
    };
    match near {
        Some(near) => failure.hint(near),
        None => failure,
    }
}

/// What the library has under this name or one near to it.
pub(crate) fn library_hint(name: &str, library: &Library) -> Option<String> {
    let exact: Vec<_> = library
        .primitives
        .iter()
        .filter(|p| p.name == name || script::last_part(p.name) == name)
        .map(|p| format!("`{}`", p.signature()))
        .collect();
    if !exact.is_empty() {
        return Some(format!("there is {}", exact.join(", ")));
    }
    let names = library.primitives.iter().flat_map(|p| [p.name, script::last_part(p.name)]).chain(words::WORDS);
    let near = nearest(name, names)?;
    let signature = library
        .primitives
        .iter()
        .find(|p| p.name == near || script::last_part(p.name) == near)
        .map_or(near.to_owned(), |p| p.signature());
    Some(format!("did you mean `{signature}`?"))
}

/// The type of a value as scripts name it.
pub fn type_name(value: &Dynamic, library: &Library) -> &'static str {
    let id: TypeId = value.type_id();
    let all = library.nouns.iter().chain(VALUES);
    all.into_iter().find(|noun| (noun.type_id)() == id).map_or("value", |noun| noun.name)
}
