//! Runs a runbook of `runbooks/` in a world of the lab. Every kind of change is approved, so that what it would do wrongly
//! is done, and can be seen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use meshbook_rehearsal::mesh::{self, InProcess};
use meshbook_rehearsal::rehearsal::play::Kept;
use meshbook_runtime::engine::{self, Script};
use meshbook_runtime::failure::Failure;
use meshbook_runtime::gate::Approval;
use meshbook_runtime::record::event::{Ended, Line};
use meshbook_runtime::run::{Mode, Run, Settings};
use meshbook_runtime::transport::Transport;
use meshbook_stdlib::LIBRARY;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// The tree of runbooks.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks")
}

/// Loads one by its path below the tree.
pub fn load(path: &str) -> Script {
    Script::load(&root().join(path), Some(&root()), &LIBRARY)
        .unwrap_or_else(|diagnostic| panic!("{path} loads, not: {}", diagnostic.failure))
}

/// Plays it to its end.
///
/// # Errors
/// A parameter that does not fit its declaration.
pub fn play(
    runtime: &Runtime,
    mesh: &Arc<InProcess>,
    script: &Script,
    params: &BTreeMap<String, String>,
    approved: &[String],
) -> Result<(Ended, Vec<Line>), Failure> {
    let values = engine::params::values(&script.params, params)?;
    let home = tempfile::tempdir().unwrap();
    let everything = Approval { kind: "*".into(), name: None, count: None };
    let named = approved.iter().map(|text| text.parse().expect("the approvals of a job are well formed"));
    let approvals = std::iter::once(everything).chain(named).collect();
    let second = runtime.block_on(mesh::second(&values))?;
    let settings =
        Settings { approvals, second, ..Settings::of(script, Mode::Unattended, mesh.namespace(), home.path()) };
    let kept = Arc::new(Kept::default());
    let transport: Arc<dyn Transport> = mesh.clone();
    let run = Run::start(settings, transport, kept.clone(), None, runtime.handle().clone(), CancellationToken::new())?;
    let outcome = engine::execute(script, &run, values, &LIBRARY);
    Ok((outcome.ended, kept.take()))
}
