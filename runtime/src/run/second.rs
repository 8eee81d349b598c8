//! A second cluster that a run reads beside its own.
//!
//! It is named by a parameter of type `context`, pinned when the run starts, and written into the record. What is read
//! there is read by a view of the run with a transport, a budget and a memory of its own; record, clock, latch and deadline
//! are the run's. Nothing that would change something is sent there: the gate of the view is read-only, and the transport
//! below it passes on nothing but reads.

use std::fmt;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, join, ready};

use super::{Run, Settings};
use crate::effect::{Call, Class, Reply};
use crate::failure::{DENIED, Failure, PARAM};
use crate::gate::Gate;
use crate::run::held::Held;
use crate::transport::Transport;

/// A second cluster, as a run is started with it.
#[derive(Clone)]
pub struct Second {
    /// The way there.
    pub transport: Arc<dyn Transport>,
    /// The namespace in which names are looked up there.
    pub namespace: String,
}

impl fmt::Debug for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Second")
            .field("place", &self.transport.place())
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// Makes sure that the second cluster is another one.
///
/// # Errors
/// [`PARAM`] when both names lead to the same context or API server.
pub(super) fn differs(own: &dyn Transport, second: &dyn Transport) -> Result<(), Failure> {
    let ((context, server), (other, there)) = (own.place(), second.place());
    let what = if context == other {
        format!("the run's own context and the second one are the same: {context}")
    } else if server == there {
        format!("the contexts {context} and {other} lead to the same cluster, {server}")
    } else {
        return Ok(());
    };
    Err(Failure::new(&PARAM, what)
        .unchanged("the run was not started, and nothing was changed")
        .hint("name the one cluster by `--context` (on the lab by `--lab`), and the other one by the parameter"))
}

/// The run's own transport: while it lets time pass, time passes in the other cluster too.
pub(super) fn beside(own: Arc<dyn Transport>, second: &Second) -> Arc<dyn Transport> {
    Arc::new(Own { own, second: Arc::clone(&second.transport) })
}

struct Own {
    own: Arc<dyn Transport>,
    second: Arc<dyn Transport>,
}

impl Transport for Own {
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, Failure>> {
        match call {
            // Two clocks on the wall go together; those of two labs have to be moved together.
            Call::Sleep { .. } => join(self.own.call(call), self.second.call(call)).map(|(own, _)| own).boxed(),
            call => self.own.call(call),
        }
    }

    fn place(&self) -> (String, String) {
        self.own.place()
    }

    fn has_files(&self) -> bool {
        self.own.has_files()
    }

    fn beneath(&self) -> Option<&dyn Transport> {
        Some(&*self.own)
    }
}

/// The way to the second cluster: reads only.
struct OnlyReads {
    own: Arc<dyn Transport>,
    second: Arc<dyn Transport>,
}

impl Transport for OnlyReads {
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, Failure>> {
        match call {
            // What belongs to no cluster is the run's own.
            Call::Now | Call::Sleep { .. } | Call::Notify(_) | Call::Lookup { .. } | Call::Render(_) => {
                self.own.call(call)
            }
            Call::Get { object } if object.is_file() => self.refuse(),
            Call::Pod(request) if request.method != "GET" => self.refuse(),
            Call::Version
            | Call::ResolveKind { .. }
            | Call::ServedKinds { .. }
            | Call::Get { .. }
            | Call::List { .. }
            | Call::Logs { .. }
            | Call::Pod(_)
            | Call::LogLevels(_)
            | Call::Query { .. }
            | Call::QueryRange { .. }
            | Call::PrometheusPage { .. }
            | Call::JaegerPage { .. }
            | Call::DashboardPage { .. } => self.second.call(call),
            // Whatever is not known to be a read.
            _ => self.refuse(),
        }
    }

    fn place(&self) -> (String, String) {
        self.second.place()
    }

    fn has_files(&self) -> bool {
        false
    }
}

impl OnlyReads {
    fn refuse(&self) -> BoxFuture<'_, Result<Reply, Failure>> {
        ready(Err(only_read("it", &self.second.place().0))).boxed()
    }
}

fn only_read(what: &str, context: &str) -> Failure {
    Failure::new(&DENIED, format!("{what} was not touched: the second context {context} is only read"))
        .unchanged(format!("nothing was changed in {context}"))
        .hint(format!("what has to be changed there takes a run of its own: `--context {context}`"))
}

/// The view of a run by which its second cluster is read.
pub(super) fn view(run: &Run, second: &Second) -> Run {
    let settings = Settings {
        namespace: second.namespace.clone(),
        namespaces: Vec::new(),
        approvals: Vec::new(),
        read_only: true,
        allow_exec: false,
        second: None,
        ..run.settings.clone()
    };
    let transport =
        Arc::new(OnlyReads { own: Arc::clone(&run.caller.transport), second: Arc::clone(&second.transport) });
    let (context, server) = second.transport.place();
    let caller = super::Caller::new(transport, run.caller.handle.clone(), Arc::clone(&run.caller.latch));
    Run {
        gate: Gate::new(&settings, format!("{context} {server}"), &run.id),
        id: run.id.clone(),
        started: run.started,
        caller,
        journal: Arc::clone(&run.journal),
        ledger: Held::default(),
        approver: None,
        kept: Held::default(),
        ordinal: Arc::clone(&run.ordinal),
        rehearsing: std::sync::atomic::AtomicU64::new(0),
        guards: Held::default(),
        settings,
        second: None,
        beside: Some(context.into()),
    }
}

impl Run {
    /// The view by which the second cluster is read.
    ///
    /// # Errors
    /// [`PARAM`] when the run was started without one.
    pub fn second(&self) -> Result<&Arc<Run>, Failure> {
        self.second.as_ref().ok_or_else(|| {
            Failure::new(&PARAM, "this run has no second cluster: it was not started from its runbook's parameter")
                .hint("run the runbook itself, by `meshbook run` or `meshbook plan`")
        })
    }

    /// Refuses in the second cluster what is more than a read, in its own words: the run itself may change its own.
    pub(super) fn only_reads(&self, what: &dyn fmt::Display, class: Class) -> Result<(), Failure> {
        match &self.beside {
            Some(context) if class > Class::Read => Err(only_read(&what.to_string(), context)),
            _ => Ok(()),
        }
    }

    /// The name of the context, if this is the view of a second cluster.
    pub fn beside(&self) -> Option<&str> {
        self.beside.as_deref()
    }
}
