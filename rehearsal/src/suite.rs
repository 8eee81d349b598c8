//! Users' own tests of runbooks: files `*.test.rhai`, each with some `test "title" { }`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use meshbook_runtime::engine::{self, Diagnostic, Outcome, Script, TestDeclaration, check};
use meshbook_runtime::failure::{Failure, INTERNAL, SYNTAX};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::record::event::Line;
use meshbook_runtime::run::{Mode, Reporter, Run, Settings, Stopwatch};
use meshbook_runtime::side_by_side::{processors, side_by_side};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::LIBRARY;
use crate::expectation::EXPECTATION;
use crate::stage::{Curtain, Stage};

/// How the names of files with tests end.
pub const ENDING: &str = ".test.rhai";

/// Whether a file holds tests, by its name.
pub fn is_tests(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ENDING))
}

/// A file of tests that has been read.
pub struct TestFile {
    /// Its path.
    pub path: PathBuf,
    /// Its tests.
    pub script: Script,
}

impl TestFile {
    /// Reads a file and checks it, without running anything.
    ///
    /// # Errors
    /// What is wrong with it, with its place in the text; that it has no tests.
    pub fn load(path: &Path) -> Result<TestFile, Vec<Diagnostic>> {
        let script = Script::load_tests(path, None, &LIBRARY).map_err(|diagnostic| vec![*diagnostic])?;
        let wrong: Vec<_> = check::check(&script, &LIBRARY).into_iter().filter(|found| !found.warning).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        if script.tests.is_empty() {
            let failure = Failure::new(&SYNTAX, format!("{} has no tests", path.display()))
                .hint("write `test \"what it shows\" { … }`");
            return Err(vec![*Diagnostic::without_place(failure)]);
        }
        Ok(TestFile { path: path.to_owned(), script })
    }
}

/// What came of one test.
pub struct Verdict {
    /// Its file.
    pub file: PathBuf,
    /// Its title.
    pub title: String,
    /// The line on which it stands, from 1.
    pub line: usize,
    /// Why it failed; `None` if it passed.
    pub failure: Option<Box<Diagnostic>>,
    /// How its latest run ended, if it ran one.
    pub last_run: Option<String>,
    /// How long it took, by the wall clock.
    pub took: Duration,
}

/// Runs those tests whose title contains `only`, as many at once as the machine has processors. `report` hears of each
/// as it ends; the answer has them in the order of the files.
pub fn run(files: &[TestFile], only: &str, handle: &Handle, report: &(dyn Fn(&Verdict) + Sync)) -> Vec<Verdict> {
    let tests: Vec<(&TestFile, &TestDeclaration)> = files
        .iter()
        .flat_map(|file| file.script.tests.iter().map(move |test| (file, test)))
        .filter(|(_, test)| test.title.contains(only))
        .collect();
    side_by_side(processors(), &tests, |(file, test)| {
        let verdict = one(file, test, handle);
        report(&verdict);
        verdict
    })
}

fn one(file: &TestFile, test: &TestDeclaration, handle: &Handle) -> Verdict {
    let watch = Stopwatch::start();
    let (failure, last_run) = match played(file, test, handle) {
        Ok((outcome, stage)) => {
            let last_run = stage.last().map(|rehearsal| rehearsal.text());
            (outcome.diagnostic.or_else(|| empty(&outcome.ended.message, &stage)), last_run)
        }
        Err(failure) => (Some(Diagnostic::without_place(failure)), None),
    };
    Verdict {
        file: file.path.clone(),
        title: test.title.clone(),
        line: test.line(),
        failure,
        last_run,
        took: watch.took(),
    }
}

/// A test that cannot fail is none.
fn empty(ended: &str, stage: &Stage) -> Option<Box<Diagnostic>> {
    let failure = if ended != engine::TEXT_ENDED {
        Failure::new(&EXPECTATION, format!("the test ended by a word of runbooks: {ended}"))
            .hint("`fixed`, `found`, `not_this` and `cannot_tell` end runbooks; a test runs to its last line")
    } else if stage.expectations() == 0 {
        Failure::new(&EXPECTATION, "the test expects nothing, so it cannot fail")
            .hint("write for example `expect(run.ending()).to_be(\"fixed\");`")
    } else {
        return None;
    };
    Some(Diagnostic::without_place(failure))
}

fn played(file: &TestFile, test: &TestDeclaration, handle: &Handle) -> Result<(Outcome, Arc<Stage>), Failure> {
    let home = tempfile::tempdir().map_err(|error| {
        Failure::new(&INTERNAL, format!("there is no temporary folder for the test's record: {error}"))
    })?;
    let script = &file.script;
    // The test itself only looks: what changes its world are the runs that it starts.
    let settings = Settings { namespaces: Vec::new(), ..Settings::of(script, Mode::Unattended, "", home.path()) };
    let curtain = Arc::new(Curtain::default());
    let run = Run::start(settings, curtain.clone(), Arc::new(Silent), None, handle.clone(), CancellationToken::new())?;
    Stage::set(&run, handle.clone(), engine::script::tree_of(&file.path), curtain);
    let outcome = engine::test(script, &run, test, &LIBRARY);
    Ok((outcome, run.kept::<Stage>()))
}

/// What a test shows is for nobody: its verdict says all.
struct Silent;

impl Reporter for Silent {
    fn line(&self, _: &Line) {}

    fn progress(&self, _: Option<&str>) {}
}
