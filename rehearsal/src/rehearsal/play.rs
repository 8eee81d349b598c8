//! Runs a runbook in a test's world.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, PoisonError};

use meshbook_runtime::engine::{self, Script};
use meshbook_runtime::failure::{Failure, INTERNAL, PARAM};
use meshbook_runtime::gate::Approval;
use meshbook_runtime::record::event::Line;
use meshbook_runtime::run::{Mode, Reporter, Run, Settings};
use rhai::{Array, Dynamic, Map};
use tokio_util::sync::CancellationToken;

use super::Rehearsal;
use crate::stage::Stage;
use crate::world::World;

/// What is to be run, and how.
pub struct Part {
    /// Path below the tree of runbooks.
    pub runbook: String,
    /// Parameters.
    pub params: Map,
    /// `*`, or approvals with commas between them.
    pub approve: String,
    /// Unattended, or a plan.
    pub mode: Mode,
    /// As `--allow-exec`.
    pub allow_exec: bool,
}

/// Runs a runbook to its end.
///
/// # Errors
/// When it cannot begin: no such runbook, a parameter that does not fit, a test in another world.
pub fn play(test: &Run, world: &World, part: &Part) -> Result<Rehearsal, Failure> {
    let stage = test.kept::<Stage>();
    let script = load(stage.root()?, &part.runbook)?;
    let given = part.params.iter().map(|(name, value)| Ok((name.to_string(), text_of(name, value)?)));
    let given: BTreeMap<String, String> = given.collect::<Result<_, Failure>>()?;
    let values = engine::params::values(&script.params, &given)?;
    let mesh = stage.enter(world.id(), world.lab())?;
    let home = tempfile::tempdir().map_err(|error| {
        Failure::new(&INTERNAL, format!("there is no temporary folder for the run's record: {error}"))
    })?;
    let settings = Settings {
        approvals: approvals(&part.approve)?,
        allow_exec: part.allow_exec,
        params: values.iter().map(|(name, value)| (name.clone(), value.to_json())).collect(),
        second: stage.handle()?.block_on(crate::mesh::second(&values))?,
        ..Settings::of(&script, part.mode, mesh.namespace(), home.path())
    };
    let kept = Arc::new(Kept::default());
    let run = Run::start(settings, mesh, kept.clone(), None, stage.handle()?.clone(), CancellationToken::new())?;
    let outcome = engine::execute(&script, &run, values, &meshbook_stdlib::LIBRARY);
    let rehearsal = Rehearsal::new(outcome.ended, kept.take());
    stage.ran(rehearsal.clone());
    Ok(rehearsal)
}

fn load(root: &Path, runbook: &str) -> Result<Script, Failure> {
    let relative = Path::new(runbook);
    if runbook.is_empty() || relative.components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(Failure::new(&PARAM, format!("`{runbook}` is not a path below the tree of runbooks"))
            .hint("write it from the root of the tree, without `..`: troubleshooting/503-circuit-breaker.rhai"));
    }
    let path = root.join(relative);
    if !path.is_file() {
        return Err(Failure::new(&PARAM, format!("there is no runbook {runbook} below {}", root.display())).hint(
            "the tree is the nearest folder above the test that is named `runbooks`, else the test's own folder",
        ));
    }
    Script::load(&path, Some(root), &meshbook_stdlib::LIBRARY).map_err(|diagnostic| diagnostic.failure)
}

/// A parameter as the command line would write it: the declaration decides its type.
fn text_of(name: &str, value: &Dynamic) -> Result<String, Failure> {
    if let Some(items) = value.read_lock::<Array>() {
        return Ok(items.iter().map(|item| text_of(name, item)).collect::<Result<Vec<_>, _>>()?.join(","));
    }
    if value.is_unit() || value.is_map() || value.is_fnptr() {
        return Err(Failure::new(
            &PARAM,
            format!("parameter `{name}` is {value}: it takes a single value, or an array of them"),
        ));
    }
    Ok(value.to_string())
}

fn approvals(text: &str) -> Result<Vec<Approval>, Failure> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| match part {
            "*" => Ok(Approval { kind: "*".into(), name: None, count: None }),
            part => part.parse().map_err(|why: String| Failure::new(&PARAM, why)),
        })
        .collect()
}

/// Keeps what a run reports.
#[derive(Default)]
pub struct Kept(Mutex<Vec<Line>>);

impl Kept {
    /// What was reported so far; it is kept no longer.
    pub fn take(&self) -> Vec<Line> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Reporter for Kept {
    fn line(&self, line: &Line) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
    }

    fn progress(&self, _: Option<&str>) {}
}
