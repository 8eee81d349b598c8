//! May this happen, now, here? Every effect passes, whoever asks: a script, a module, the prompt, a job.
//!
//! Reads pass `Gate::admit`; changes pass `Gate::admit_change`, then `access`, `gitops` and [`approval`] on
//! their way (see [`crate::change`]).

use std::sync::atomic::{AtomicBool, Ordering};

use crate::change::Change;
use crate::effect::{Call, Class, Effect};
use crate::failure::{DENIED, Failure, INTERNAL, PLAN_ENDS};
use crate::run::{Mode, Settings};
use crate::shell;

pub(crate) mod access;
pub mod approval;
pub mod budget;
pub(crate) mod gitops;
pub(crate) mod lock;
pub(crate) mod overlay;
mod selector;

pub use approval::Approval;
pub use budget::Budget;

/// The guard of one run.
pub(crate) struct Gate {
    read_only: AtomicBool,
    allow_exec: bool,
    plans: bool,
    namespaces: Vec<String>,
    pub(crate) meter: budget::Meter,
    pub(crate) access: access::Access,
    pub(crate) approvals: approval::Approvals,
    pub(crate) locks: lock::Locks,
    pub(crate) overlay: overlay::Overlay,
}

impl Gate {
    /// The guard of the run `id` on a cluster.
    pub(crate) fn new(settings: &Settings, cluster: String, id: &str) -> Self {
        Gate {
            read_only: AtomicBool::new(settings.read_only),
            allow_exec: settings.allow_exec,
            plans: settings.mode == Mode::Plan,
            namespaces: settings.namespaces.clone(),
            meter: budget::Meter::new(settings.budget),
            access: access::Access::default(),
            approvals: approval::Approvals::new(&settings.approvals),
            locks: lock::Locks::new(&settings.home, cluster, format!("run {id}")),
            overlay: overlay::Overlay::default(),
        }
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::Relaxed)
    }

    /// From now on changes may be made; each is still asked for.
    pub(crate) fn allow_changes(&self) {
        self.read_only.store(false, Ordering::Relaxed);
    }

    /// May this be looked at?
    pub(crate) fn admit(&self, effect: &Effect) -> Result<(), Failure> {
        let changes = match &effect.call {
            Call::Patch { .. }
            | Call::Apply { .. }
            | Call::Create { .. }
            | Call::Delete { .. }
            | Call::SetLogLevels { .. } => true,
            Call::Pod(request) => effect.class == Class::Read && request.method != "GET",
            _ => false,
        };
        if changes || effect.class > Class::Probe {
            return Err(Failure::new(
                &INTERNAL,
                format!(
                    "\"{}\" on {} changes something, but was asked for as a {}",
                    effect.summary, effect.target, effect.class
                ),
            )
            .unchanged(format!("{} was not changed", effect.target)));
        }
        let tells = matches!(effect.call, Call::Notify(_));
        if tells && self.plans {
            return Err(Failure::new(&INTERNAL, format!("{} was to be told by a plan", effect.target)));
        }
        // Nothing of the cluster is touched by telling people about it.
        if self.is_read_only() && effect.class == Class::Probe && !tells {
            return Err(Failure::new(
                &DENIED,
                format!("\"{}\" on {} is a probe, and the run is read-only", effect.summary, effect.target),
            )
            .hint("start the run without `--read-only` if the probe may be made"));
        }
        if let Call::Exec { container, command, .. } = &effect.call {
            self.admit_exec(effect, container, command)?;
        }
        self.overlay.admit(effect)?;
        if !matches!(effect.call, Call::Now | Call::Sleep { .. }) {
            self.meter.spend(&effect.target)?;
        }
        Ok(())
    }

    /// May a command be executed? It is somebody's running process, and nobody sees beforehand what it comes to.
    fn admit_exec(&self, effect: &Effect, container: &str, command: &[String]) -> Result<(), Failure> {
        let program = command.first().map_or("a command", String::as_str);
        if !self.allow_exec {
            return Err(Failure::new(
                &DENIED,
                format!("{}: `{program}` was not executed in its container {container}: this run may not execute commands in pods", effect.target),
            )
            .unchanged(format!("nothing was done in {}", effect.target))
            .hint(format!("start the run with `--allow-exec`: it would run `{}` there", shell::line(command))));
        }
        if effect.class < Class::Probe {
            return Err(Failure::new(&INTERNAL, format!("a command in {} was asked for as a read", effect.target)));
        }
        if self.plans {
            return Err(Failure::new(
                &PLAN_ENDS,
                format!(
                    "the plan ends before `{program}` in container {container} of {}: a plan executes nothing",
                    effect.target
                ),
            )
            .hint("what follows is decided when the runbook runs"));
        }
        Ok(())
    }

    /// May this object be changed at all in this run?
    pub(crate) fn admit_change(&self, change: &Change) -> Result<(), Failure> {
        let object = &change.object;
        if change.class < Class::Change {
            return Err(Failure::new(
                &INTERNAL,
                format!("\"{}\" on {object} was asked for as a {}, but it is a change", change.summary, change.class),
            ));
        }
        if self.is_read_only() {
            return Err(Failure::new(&DENIED, format!("{object} may not be changed: the run is read-only"))
                .hint(format!("start the run without `--read-only` if it may {}", change.summary)));
        }
        let allowed = |namespace: &str| self.namespaces.iter().any(|allowed| allowed == "*" || allowed == namespace);
        match &object.namespace {
            _ if change.designated => Ok(()),
            Some(namespace) if allowed(namespace) => Ok(()),
            None if allowed("*") => Ok(()),
            Some(namespace) => Err(Failure::new(&DENIED, format!("{object} may not be changed: the run may change something only in {}", self.scope()))
                .hint(format!("start the run with `-n {namespace}` if that is where it should act"))),
            None => Err(Failure::new(&DENIED, format!("{object} may not be changed: it belongs to the whole cluster, and the run may change something only in {}", self.scope()))
                .hint("change it by hand after a review: it concerns every namespace")),
        }
    }

    fn scope(&self) -> String {
        match self.namespaces.as_slice() {
            [] => "no namespace".into(),
            [one] => format!("namespace {one}"),
            many => format!("namespaces {}", many.join(", ")),
        }
    }
}
