//! What can go wrong, in the words of the person at 3 a.m., and how a run ends because of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a run ends. The exit code describes the mesh, not the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// 0: fixed and proved, or healthy.
    Healthy,
    /// 1: a problem that is not fixed.
    Found,
    /// 2: the script, its parameters or the command line are wrong; nothing was tried.
    Script,
    /// 3: refused by policy, permission, scope, approval or lock.
    Refused,
    /// 4: the cluster, a proxy or a data source is unreachable.
    Unreachable,
    /// 5: a check failed, and what was not proved was taken back.
    TakenBack,
    /// 6: the plan is stale; nothing changed.
    Stale,
    /// 7: changes stay behind that were not verified or could not be taken back.
    Dirty,
    /// 8: the evidence is missing; nothing changed.
    CannotTell,
    /// 124: the deadline passed.
    Deadline,
    /// 130: interrupted.
    Interrupted,
}

impl Exit {
    /// The process exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Healthy => 0,
            Exit::Found => 1,
            Exit::Script => 2,
            Exit::Refused => 3,
            Exit::Unreachable => 4,
            Exit::TakenBack => 5,
            Exit::Stale => 6,
            Exit::Dirty => 7,
            Exit::CannotTell => 8,
            Exit::Deadline => 124,
            Exit::Interrupted => 130,
        }
    }
}

/// A kind of failure: its stable name, how a run ends if nobody handles it, and what to do about it at length.
#[derive(Debug)]
pub struct Code {
    /// For example `meshbook::cluster::forbidden`.
    pub name: &'static str,
    /// How the run ends if the script does not handle it and nothing was changed.
    pub exit: Exit,
    /// Whether a script may catch it. A policy stop, a deadline and an interrupt cannot be caught.
    pub catchable: bool,
    /// What it means and what to do, for `meshbook explain`.
    pub explain: &'static str,
}

/// One failure.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which kind.
    pub code: &'static Code,
    /// What failed, on which object, in one sentence without a full stop.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// What was *not* changed, where that is not plain from the message.
    pub unchanged: Option<String>,
}

impl Failure {
    /// A failure of a kind.
    pub fn new(code: &'static Code, message: impl Into<String>) -> Self {
        Failure { code, message: message.into(), hint: None, unchanged: None }
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what was not changed.
    pub fn unchanged(mut self, unchanged: impl Into<String>) -> Self {
        self.unchanged = Some(unchanged.into());
        self
    }

    /// Whether it is of this kind.
    pub fn is(&self, code: &'static Code) -> bool {
        std::ptr::eq(self.code, code)
    }

    /// Whether this says that the data which a comparison or a proof needs are missing.
    pub fn is_no_data(&self) -> bool {
        self.is(&NO_DATA)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The name among `candidates` that a person most likely meant, if any is near.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1.max(candidate.chars().count().min(name.chars().count()) / 3))
        .min()
        .map(|(_, candidate)| candidate)
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $id:ident = $name:literal, $exit:ident, $catch:literal, $explain:literal;)*) => {
        $($(#[doc = $doc])+ pub static $id: Code = Code { name: $name, exit: Exit::$exit, catchable: $catch, explain: $explain };)*
        /// Every code of the runtime.
        pub static CODES: &[&Code] = &[$(&$id),*];
    };
}

codes! {
    /// The data that a comparison needs are missing.
    NO_DATA = "meshbook::data::missing", CannotTell, true, "A value that was compared has no data: the metric is not exported, has no series, is stale, is NaN, or its source did not answer. Missing is neither zero nor a pass. Ask `is_missing()` and `why()` first, and switch the evidence on (`reference/enable-evidence.rhai`).";
    /// People could not be told.
    NOT_TOLD = "meshbook::notify::not_told", Unreachable, true, "A message to people was not sent: no account is configured for this context, the service refused it, or it did not answer. Nothing in the mesh depends on it, so a runbook may catch this and go on. A message whose answer was lost is sent again, so it may arrive twice; PagerDuty counts events with the same key as one.";
    /// A replay was asked what its run did not ask.
    NOT_RECORDED = "meshbook::replay::not_recorded", CannotTell, true, "A replay answers from the record of a run. It knows what that run has asked for, in that order, and nothing else: the first question that the run did not ask, or not so often, fails. Where the same runbook is replayed, that is the first difference between the runbook now and the one that ran.";
    /// A value cannot be used in this way.
    TYPE = "meshbook::script::type", Script, true, "A primitive was given a value of another type than its declaration says, or two values were compared that have no common order. The message shows the declaration.";
    /// The script does not compile.
    SYNTAX = "meshbook::script::syntax", Script, false, "The script could not be read. Nothing was run.";
    /// A name is not known.
    UNKNOWN_NAME = "meshbook::script::unknown_name", Script, true, "A variable, function, method or module of this name does not exist. The hint names the nearest one that does.";
    /// The script itself failed.
    SCRIPT = "meshbook::script::error", Script, true, "The script threw an error, or an operation of the language failed.";
    /// A limit of the engine was exceeded.
    LIMIT = "meshbook::script::limit", Script, false, "The script exceeded a limit on operations, call depth, or the size of a string, array or map. These limits keep a faulty script from running for ever.";
    /// A module cannot be imported.
    IMPORT = "meshbook::script::import", Script, false, "A module could not be imported: it does not exist in the runbook tree, it imports itself, it leads out of the tree, or its top level acts on the cluster.";
    /// A parameter is missing or wrong.
    PARAM = "meshbook::param", Script, false, "A parameter is missing, unknown, or its value does not fit the declared type. `meshbook describe FILE` lists the parameters.";
    /// A path of the script ends without an ending, or with one that is not allowed there.
    ENDING = "meshbook::ending", Script, false, "A run has to end by `fixed`, `found`, `not_this` or `cannot_tell`. `fixed` is allowed only after a proof (`wait`, `hold` or `check`) that followed the last change.";
    /// A proof failed.
    PROOF = "meshbook::proof::failed", TakenBack, true, "A `check`, `wait` or `hold` failed. What was changed and not yet proved is taken back, newest first.";
    /// The object or resource does not exist.
    NOT_FOUND = "meshbook::cluster::not_found", Script, true, "The API server has no such object, or serves no such kind.";
    /// The API server forbids it.
    FORBIDDEN = "meshbook::cluster::forbidden", Refused, true, "The user of this kubeconfig context may not do this. The message names verb, resource and namespace; `meshbook describe FILE` lists the permissions that the runbook needs.";
    /// The credentials are not accepted.
    UNAUTHORIZED = "meshbook::cluster::unauthorized", Refused, true, "The API server did not accept the credentials of this context.";
    /// The object was changed by somebody else since it was read.
    CONFLICT = "meshbook::cluster::conflict", Refused, true, "Somebody else changed the object between our read and our write. Nothing was written. Run again: it will read the object anew.";
    /// The API server or one of its webhooks refused the object.
    REJECTED = "meshbook::cluster::rejected", Refused, true, "The API server's validation or an admission webhook refused the change. Nothing was written. The message is the server's own.";
    /// No answer from the cluster, a proxy or a data source.
    UNREACHABLE = "meshbook::transport::unreachable", Unreachable, true, "There was no usable answer after retries: connection refused, timed out, or the server said that it is unavailable.";
    /// An answer that cannot be read.
    BAD_ANSWER = "meshbook::transport::bad_answer", Unreachable, true, "The answer was not of the form that the protocol prescribes.";
    /// The kubeconfig, the context or the configuration file is wrong.
    CONFIG = "meshbook::config", Script, false, "The kubeconfig, the named context or meshbook's configuration file could not be used.";
    /// The gate denied the effect.
    DENIED = "meshbook::gate::denied", Refused, false, "This run may not do this: it is read-only, the object is outside its namespaces, the approval does not cover it, or somebody answered no.";
    /// GitOps owns the object.
    GITOPS = "meshbook::gate::gitops", Refused, false, "A GitOps controller owns the object and would revert the change. Make it in git; the patch is printed. To change it all the same, name the object: `--approve KIND/NAME`.";
    /// Another run holds the object.
    LOCKED = "meshbook::gate::locked", Refused, false, "Another run of meshbook on this machine is changing the same object. Wait for it, or look at `meshbook runs`.";
    /// The budget of reads is spent.
    BUDGET = "meshbook::gate::budget", Refused, false, "The run asked for more reads than its budget allows. This protects the cluster; raise the budget if it can bear it.";
    /// A file in the folder of backups cannot be used.
    FILE = "meshbook::file", Refused, true, "A file in the folder of backups (`backups` in the folder of meshbook's records, `$MESHBOOK_HOME` or `~/.local/state/meshbook`) could not be written or read: its name is no plain name, there is one of this name already, or the disk does not take it. A runbook names a file by letters, digits, `.`, `-` and `_`, and reaches no other folder. What is there is never overwritten: choose another name, or move the old file away.";
    /// A program that renders objects cannot be used.
    TOOL = "meshbook::tool", Script, true, "A program of this machine that renders objects is not there, is of another version than the runbook asks for, refused its values, or did not end in time. It only renders, without access to the cluster; meshbook applies. `[tools]` in the configuration file says where it is, `$PATH` is searched otherwise.";
    /// The record cannot be written.
    RECORD = "meshbook::record", Refused, false, "The run's record could not be written and flushed to disk. Without a record nothing may be changed.";
    /// A change cannot be taken back, because somebody else has changed the field since.
    UNDO_CONFLICT = "meshbook::undo::conflict", Dirty, false, "A field that the run had changed was changed again by somebody else. It was left alone, with the older changes that depend on it.";
    /// There is nothing to take back.
    UNDO_NOTHING = "meshbook::undo::nothing", Refused, false, "The run changed nothing, or everything that it changed was taken back already: by itself, or by an earlier undo. `meshbook runs RUN` shows which.";
    /// Newer runs build on what would be taken back.
    UNDO_NEWER = "meshbook::undo::newer", Refused, false, "Newer runs, whose changes stand, may depend on what this run has changed: a workload that was moved to an installation. Take those back first, or say `--out-of-order`.";
    /// The plan ends here.
    PLAN_ENDS = "meshbook::plan::ends", Healthy, false, "What follows depends on what only the mesh itself can answer after the planned changes. A plan does not guess.";
    /// The deadline passed.
    DEADLINE = "meshbook::stop::deadline", Deadline, false, "The run's deadline passed. What was not proved was taken back.";
    /// Somebody interrupted the run.
    INTERRUPTED = "meshbook::stop::interrupted", Interrupted, false, "The run was interrupted. What was not proved was taken back.";
    /// A fault of meshbook.
    INTERNAL = "meshbook::internal", Script, false, "A fault of meshbook itself, not of the mesh. Please report it with the run's record.";
}
