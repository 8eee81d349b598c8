//! Runs a runbook of `runbooks/` and interrupts it after so many events.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use meshbook_rehearsal::mesh::InProcess;
use meshbook_rehearsal::rehearsal::play::Kept;
use meshbook_runtime::engine;
use meshbook_runtime::gate::Approval;
use meshbook_runtime::record::event::{Ended, Event, Line};
use meshbook_runtime::run::{Mode, Reporter, Run, Settings};
use meshbook_stdlib::LIBRARY;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::play;
use crate::snapshot;

/// A runbook, the world in which it is played, and how it is called.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub runbook: &'a str,
    pub world: &'a str,
    /// Instead of the world's.
    pub namespace: Option<&'a str>,
    pub params: &'a [(&'a str, &'a str)],
    /// Beside every kind: what has to be named.
    pub approved: &'a [&'a str],
}

/// Interrupts the run after so many events of a kind.
struct Interrupts {
    kept: Kept,
    cancel: CancellationToken,
    at: fn(&Event) -> bool,
    left: AtomicUsize,
}

impl Reporter for Interrupts {
    fn line(&self, line: &Line) {
        self.kept.line(line);
        if (self.at)(&line.event) && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.cancel.cancel();
            // The watch for the interrupt has time to raise the latch before the script goes on.
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn progress(&self, _: Option<&str>) {}
}

pub fn is_end_of_step(event: &Event) -> bool {
    matches!(event, Event::StepEnded { .. })
}

pub fn is_change(event: &Event) -> bool {
    matches!(event, Event::ChangeAnswered { .. })
}

/// Plays it, and interrupts it after so many events; nobody does if there are not that many.
pub fn interrupted(
    runtime: &Runtime,
    mesh: &Arc<InProcess>,
    home: &Path,
    job: Job,
    at: fn(&Event) -> bool,
    count: usize,
) -> (Ended, Vec<Line>) {
    let script = play::load(job.runbook);
    let given: BTreeMap<String, String> =
        job.params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let values = engine::params::values(&script.params, &given).unwrap();
    let everything = Approval { kind: "*".into(), name: None, count: None };
    let named = job.approved.iter().map(|text| text.parse().unwrap());
    let approvals = std::iter::once(everything).chain(named).collect();
    let namespace = job.namespace.unwrap_or_else(|| mesh.namespace());
    let settings = Settings { approvals, ..Settings::of(&script, Mode::Unattended, namespace, home) };
    let cancel = CancellationToken::new();
    let interrupts =
        Arc::new(Interrupts { kept: Kept::default(), cancel: cancel.clone(), at, left: AtomicUsize::new(count) });
    let run = Run::start(settings, mesh.clone(), interrupts.clone(), None, runtime.handle().clone(), cancel).unwrap();
    let outcome = engine::execute(&script, &run, values, &LIBRARY);
    (outcome.ended, interrupts.kept.take())
}

/// The objects that a run has changed and not taken back.
pub fn kept(ended: &Ended, lines: &[Line]) -> Vec<String> {
    let changes = lines.iter().filter(|line| ended.kept.contains(&line.number));
    changes
        .filter_map(|line| match &line.event {
            Event::Changing(changing) => Some(changing.object.to_string()),
            _ => None,
        })
        .collect()
}

/// The cluster without the moments of restarts, and without the addresses that the server has chosen.
pub fn state(mesh: &InProcess) -> BTreeMap<String, Value> {
    let mut all = snapshot::take(mesh.store());
    for object in all.values_mut() {
        if let Some(at) = object.pointer_mut("/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt") {
            *at = "some time".into();
        }
        for pointer in ["/spec/clusterIP", "/spec/clusterIPs"] {
            if let Some(address) = object.pointer_mut(pointer).filter(|address| **address != "None") {
                *address = "an address".into();
            }
        }
    }
    all
}
