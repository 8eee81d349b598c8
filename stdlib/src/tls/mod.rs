//! Whether a caller and a server agree about mutual TLS: what is sent, what is accepted, which object set each.

pub mod cause;
pub mod diagnose;
pub mod gather;
pub mod judge;
pub mod plaintext;
pub mod traffic;

use std::sync::Arc;

pub use cause::Cause;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::envoy::transport::Transport;
use crate::host::Host;
use crate::peer_authentication::Effective;
use crate::proxy::Proxy;
use crate::rule::Rule;
use crate::text::{count, figure};
use judge::Demand;
use traffic::Failed;

/// A calling workload and a group of a host's pods that treat it alike.
#[derive(Clone, Debug)]
pub struct TlsPair(Arc<Pair>);

/// What is known of it.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The host.
    pub host: Host,
    /// Who calls.
    pub caller: Caller,
    /// The port, and the subset if it is one: `8080`, `8080 v1`.
    pub port: String,
    /// What it sends; `None` if its proxy could not be asked.
    pub sends: Option<Transport>,
    /// The rule that says so.
    pub rule: Option<(Rule, String)>,
    /// Who answers.
    pub server: Server,
    /// Whether some of the host's pods have no sidecar: they may speak a TLS of their own, for which the rule is meant.
    pub mixed: bool,
    /// Whether they come to terms: a cause why not, with what shows it; or why that cannot be told.
    pub verdict: Result<Option<(Cause, String)>, Missing>,
    /// What became of its requests in the last minute.
    pub failed: Result<Failed, Missing>,
}

/// Who calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// `front.summit`, or the address where no pod has it.
    pub name: String,
    /// Namespace and name of the workload; empty where no pod is known.
    pub workload: (String, String),
    /// Its pods with a proxy.
    pub proxies: Vec<Key>,
    /// Whether it has a sidecar.
    pub sidecar: bool,
}

/// What identifies a proxy here.
#[derive(Clone, Debug)]
pub struct Key(pub Proxy);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl Eq for Key {}

/// Who answers.
#[derive(Clone, Debug)]
pub struct Server {
    /// `graph-core.summit`.
    pub name: String,
    /// The number of its pods.
    pub pods: usize,
    /// What it takes.
    pub demand: Demand,
    /// Why.
    pub effective: Effective,
}

impl TlsPair {
    /// A pair.
    pub fn new(pair: Pair) -> Self {
        TlsPair(Arc::new(pair))
    }

    /// What is known of it.
    pub fn known(&self) -> &Pair {
        &self.0
    }

    /// Why it cannot be told whether they agree, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.verdict.as_ref().err()
    }

    /// Why they do not agree; `None` if they do.
    ///
    /// # Errors
    /// `NO_DATA` with the reason, if that cannot be told.
    pub fn cause(&self) -> Result<Option<Cause>, Failure> {
        let verdict = self.0.verdict.as_ref();
        let verdict =
            verdict.map_err(|missing| missing.failure(&format!("whether {} agree about TLS", self.names())))?;
        Ok(verdict.as_ref().map(|(cause, _)| *cause))
    }

    /// Whether removing the mode from its rule cures it, and harms nobody else.
    pub fn is_curable(&self) -> bool {
        let cause = self.0.verdict.as_ref().ok().and_then(|verdict| verdict.as_ref()).map(|(cause, _)| *cause);
        let rule = self.0.rule.as_ref();
        matches!(cause, Some(Cause::SwitchedOff | Cause::OtherKind))
            && rule.is_some_and(|(rule, mode)| {
                rule.is_for_one_host()
                    && crate::rule::tls::is_removable(mode)
                    && !(self.0.mixed && cause == Some(Cause::OtherKind))
            })
    }

    fn names(&self) -> String {
        format!("{} and {}", self.0.caller.name, self.0.server.name)
    }

    fn sends(&self) -> String {
        let pair = &*self.0;
        match pair.sends.map(|transport| pair.server.demand.gets(transport)) {
            _ if !pair.caller.sidecar => "plain text".into(),
            None => "not known".into(),
            Some(Transport::Plain) => "plain text".into(),
            Some(Transport::Mutual | Transport::Automatic) => "mutual TLS".into(),
            Some(Transport::Foreign) => "TLS without the mesh's certificate".into(),
        }
    }

    fn sent_by(&self) -> String {
        match (&self.0.rule, self.0.caller.sidecar) {
            (Some((rule, mode)), _) => format!("{} ({mode})", rule.text()),
            (None, false) => "no sidecar".into(),
            (None, true) => "automatic".into(),
        }
    }

    fn accepts(&self) -> String {
        let Demand { sidecar, mode, .. } = self.0.server.demand;
        if sidecar { mode.to_string() } else { "no sidecar".into() }
    }

    fn accepted_by(&self) -> String {
        if !self.0.server.demand.sidecar {
            return "-".into();
        }
        self.0.server.effective.set_by().map_or_else(|| "Istio's default".into(), str::to_owned)
    }

    fn outcome(&self) -> String {
        match &self.0.verdict {
            Err(missing) => format!("cannot be told: {missing}"),
            Ok(None) => "agree".into(),
            Ok(Some((cause, _))) => cause.to_string(),
        }
    }

    /// One sentence on what to do.
    pub fn advice(&self) -> String {
        let pair = &*self.0;
        let (caller, server) = (&pair.caller.name, &pair.server.name);
        let policy = pair.server.effective.set_by().unwrap_or("a PeerAuthentication");
        let rule =
            pair.rule.as_ref().map_or_else(|| "no rule".to_owned(), |(rule, mode)| format!("{} ({mode})", rule.text()));
        let (cause, shown) = match &pair.verdict {
            Err(missing) => return format!("{}: whether they agree cannot be told: {missing}", self.names()),
            Ok(None) => return format!("{} agree: nothing is to be done", self.names()),
            Ok(Some((cause, shown))) => (*cause, shown),
        };
        let what = match cause {
            Cause::SwitchedOff | Cause::OtherKind if self.is_curable() => {
                format!("{caller} sends {} because of {rule}: without its `tls`, sidecars send mutual TLS by themselves", self.sends())
            }
            Cause::SwitchedOff | Cause::OtherKind => format!(
                "{caller} sends {} because of {rule}, which is not removed from here: it holds for other hosts too, brings certificates of its own, or is meant for pods without a sidecar. Write a DestinationRule for {} alone, without `tls`",
                self.sends(),
                pair.host.fqdn()
            ),
            Cause::PlaintextCaller => format!(
                "{caller} has no sidecar and {server} takes mutual TLS only ({policy}): give {caller} a sidecar, or let {policy} take plain text on one port (portLevelMtls: PERMISSIVE)"
            ),
            Cause::PlainWithoutRule => format!(
                "{caller} sends plain text and no DestinationRule says so: see whether its proxy is in sync, whether the mesh has enableAutoMtls: false, and which EnvoyFilter applies"
            ),
            Cause::ServerWithoutSidecar => format!(
                "{rule} demands mutual TLS, and {} of {server} have no sidecar to answer it: give them one, or take the `tls` out of the rule if plain text may be sent to them",
                count(pair.server.pods, "pod", "pods")
            ),
            Cause::OffOnServer => format!("{rule} demands mutual TLS and {policy} switches it off for {server}: one of the two has to go"),
            Cause::Expired => "its agent has not renewed it: see whether the agent reaches istiod on port 15012, then its log; a restart of one pod fetches a new one".into(),
            Cause::TwoRoots => "let both roots be trusted until every proxy has a certificate of the present one (caCertificates of the mesh, or a combined cacerts), then renew those that are behind".into(),
        };
        if shown.is_empty() { what } else { format!("{shown}: {what}") }
    }
}

impl Noun for TlsPair {
    const NAME: &'static str = "TlsPair";
    const DOC: &'static str = "A calling workload and the pods of a host that treat it alike: what its proxies send, what theirs accept, which object set each, and whether the two agree. May be missing.";

    fn text(&self) -> String {
        let (pair, failed) = (&*self.0, &self.0.failed);
        let harm = match failed {
            Ok(failed) if failed.failed > 0.0 && !matches!(pair.verdict, Ok(None)) => {
                format!(", {} of {} requests failed in 1m", figure(failed.failed.round()), figure(failed.total.round()))
            }
            _ => String::new(),
        };
        format!(
            "{} sends {} ({}), {} accepts {} ({}): {}{harm}",
            pair.caller.name,
            self.sends(),
            self.sent_by(),
            pair.server.name,
            self.accepts(),
            self.accepted_by(),
            self.outcome()
        )
    }

    fn table(&self) -> Table {
        let columns = ["CALLER", "SENDS", "SET BY", "SERVER", "ACCEPTS", "SET BY", "FAILED IN 1m", "VERDICT"];
        let mut table = Table::new(self.text(), &columns);
        let failed = match &self.0.failed {
            Ok(failed) => format!("{} of {}", figure(failed.failed.round()), figure(failed.total.round())),
            Err(_) => "not known".into(),
        };
        let pods = |n| count(n, "pod", "pods");
        let caller = match self.0.caller.proxies.len() {
            0 => self.0.caller.name.clone(),
            n => format!("{}, {}", self.0.caller.name, pods(n)),
        };
        let server = format!("{}:{}, {}", self.0.server.name, self.0.port, pods(self.0.server.pods));
        table.row([
            caller,
            self.sends(),
            self.sent_by(),
            server,
            self.accepts(),
            self.accepted_by(),
            failed,
            self.outcome(),
        ]);
        if let Ok(Some((_, shown))) = &self.0.verdict
            && !shown.is_empty()
        {
            table.note(shown.clone());
        }
        table
    }

    fn json(&self) -> Value {
        let pair = &*self.0;
        let why: Vec<_> = pair
            .server
            .effective
            .why
            .iter()
            .map(|link| json!({ "level": link.level, "object": link.object, "says": link.says.map(|mode| mode.to_string()) }))
            .collect();
        json!({
            "host": pair.host.fqdn(), "port": pair.port, "caller": pair.caller.name, "sends": self.sends(), "sent_by": self.sent_by(),
            "server": pair.server.name, "pods": pair.server.pods, "accepts": self.accepts(), "accepted_by": self.accepted_by(), "why": why,
            "verdict": self.outcome(), "shown": pair.verdict.as_ref().ok().and_then(|v| v.as_ref()).map(|(_, shown)| shown),
            "failed": pair.failed.as_ref().map(|f| json!({ "failed": f.failed.round(), "requests": f.total.round(), "source": f.source })).unwrap_or(Value::Null),
        })
    }

    fn same(&self, other: &Self) -> Result<bool, Failure> {
        self.cause()?;
        other.cause()?;
        Ok(self.json() == other.json())
    }
}
