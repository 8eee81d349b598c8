//! What a diagnosis of memory comes to, for whoever asks about several causes at once.

use std::time::Duration;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Span;

use super::gather::gather;
use super::{SidecarMemory, growth};
use crate::finding::{Diagnosis, Finding};
use crate::text::{bytes, percent};

/// The runbook that deals with all of them.
pub const RUNBOOK: &str = "troubleshooting/sidecar-memory.rhai";
/// How far back is looked.
const BACK: Span = Span(Duration::from_secs(30 * 60));

/// What a diagnosis of memory says, and what else it explains.
pub struct Diagnosed {
    /// What is wrong.
    pub diagnosis: Diagnosis,
    /// Whether the sidecar of every pod was killed for memory: while they wait to be started again, nothing answers.
    pub takes_down: bool,
}

/// Looks at the memory of a workload's sidecars, and says what is wrong with it.
///
/// # Errors
/// What every read of the API server can end in.
pub fn diagnose(run: &Run, work: &ObjectRef) -> Result<Diagnosed, Failure> {
    let memory = gather(run, work, BACK)?;
    let takes_down = memory.outcome().is_ok_and(|seen| seen.sidecars.iter().all(|one| one.was_killed(seen.now, BACK)));
    Ok(Diagnosed { diagnosis: findings(&memory), takes_down })
}

fn findings(memory: &SidecarMemory) -> Diagnosis {
    let seen = memory.outcome()?;
    let Some(verdict) = memory.verdict()? else { return Ok(Vec::new()) };
    let mut evidence = Vec::new();
    for one in seen.sidecars.iter().take(3) {
        let limit = one.container.resources.memory_limit.as_deref().unwrap_or("none");
        if let Ok(working_set) = one.working_set {
            evidence.push(format!(
                "{}: working set {}, limit {limit} (Prometheus: container_memory_working_set_bytes)",
                one.pod,
                bytes(working_set)
            ));
        }
        if let Some(slope) = one.slope.as_ref().ok().filter(|slope| slope.grows()) {
            evidence.push(format!("{}: grows by {}, {} samples", one.pod, growth(slope), slope.samples));
        }
    }
    evidence.push(seen.told());
    Ok(vec![Finding {
        cause: verdict.cause,
        what: verdict.what,
        evidence,
        harm: verdict.harm.clamp(0.0, 1.0),
        harms: format!("{} of its sidecars", percent(verdict.harm)),
        runbook: RUNBOOK,
        arguments: vec![format!("workload={}", memory.work().name)],
    }])
}
