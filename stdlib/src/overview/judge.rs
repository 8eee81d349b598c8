//! What is wrong with proxies, by what they and the istiods say.

use std::time::Duration;

use super::{Seen, View, bytes};
use crate::finding::Finding;
use crate::text::{count, percent, some};

/// How long something may be sent and not acknowledged.
const PATIENCE: Duration = Duration::from_secs(30);
/// The part of its memory limit from which on a proxy is about to be killed.
const NEAR: f64 = 0.9;

/// A proxy does not answer.
pub const SILENT: &str = "proxy does not answer";
/// A proxy does not take requests.
pub const NOT_LIVE: &str = "proxy does not serve";
/// A certificate is out of its validity.
pub const EXPIRED: &str = "expired certificate";
/// A proxy refuses what istiod sends.
pub const REFUSED: &str = "refused configuration";
/// No istiod knows a proxy.
pub const UNKNOWN: &str = "proxy without istiod";
/// What istiod sent does not arrive.
pub const BEHIND: &str = "configuration not acknowledged";
/// Configuration waits for something.
pub const WARMING: &str = "configuration waits";
/// A proxy is about to be killed for its memory.
pub const MEMORY: &str = "memory near its limit";
/// A service that is used has no host that takes requests.
pub const DEAD: &str = "no healthy endpoint";
/// A certificate was not renewed in time.
pub const OVERDUE: &str = "certificate not renewed";

/// What is wrong, the gravest first: what stops requests, then what keeps configuration out, then what is about to.
pub fn problems(seen: &Seen) -> Vec<Finding> {
    let now = seen.now;
    let mut found = Vec::new();
    let mut find = |cause: &'static str, runbook: &'static str, what: &str, tell: &dyn Fn(&View) -> Option<String>| {
        let evidence: Vec<(String, String)> =
            seen.views.iter().filter_map(|view| Some((view.pod.clone(), tell(view)?))).collect();
        if evidence.is_empty() {
            return;
        }
        let names: Vec<String> = evidence.iter().map(|(pod, _)| pod.clone()).collect();
        #[allow(clippy::cast_precision_loss, reason = "numbers of pods are small")]
        let harm = evidence.len() as f64 / seen.views.len() as f64;
        found.push(Finding {
            cause,
            what: format!("{what}: {}", some(&names, 3)),
            evidence: evidence.into_iter().map(|(pod, why)| format!("{pod}: {why}")).collect(),
            harm,
            harms: format!("{} of the proxies", percent(harm)),
            runbook,
            arguments: Vec::new(),
        });
    };
    find(SILENT, "troubleshooting/sidecar-memory.rhai", "cannot be asked", &|view| view.silent().map(str::to_owned));
    find(NOT_LIVE, "troubleshooting/triage.rhai", "not in state LIVE", &|view| {
        let info = view.info.as_ref().ok()?;
        (info.state != "LIVE").then(|| format!("its state is {}", info.state))
    });
    find(EXPIRED, "troubleshooting/mtls.rhai", "a certificate is out of its validity", &|view| {
        let own = view.certificate.as_ref().ok()?;
        own.is_expired(now).then(|| format!("serial {}, valid from {} to {}", own.serial, own.from, own.until))
    });
    find(DEAD, "troubleshooting/triage.rhai", "no host takes requests, for a service that was used", &|view| {
        let hosts = view.hosts.as_ref().ok()?;
        (!hosts.dead.is_empty()).then(|| some(&hosts.dead, 3))
    });
    find(REFUSED, "reference/analyze.rhai", "refused what istiod sent", &|view| {
        let mut why: Vec<String> = view
            .dump
            .as_ref()
            .ok()
            .into_iter()
            .flat_map(|dump| &dump.refused)
            .map(|(name, why)| format!("{name}: {why}"))
            .collect();
        let told = view.synced.iter().flat_map(|(_, synced)| &synced.refused);
        why.extend(told.map(|(kind, why)| format!("{kind} (istiod says): {why}")));
        (!why.is_empty()).then(|| some(&why, 3))
    });
    if seen.istiods.is_ok() {
        find(UNKNOWN, "troubleshooting/control-plane-down.rhai", "known to no istiod that answered", &|view| {
            view.synced.is_none().then(|| "no istiod lists it in /debug/syncz".into())
        });
    }
    find(BEHIND, "troubleshooting/control-plane-down.rhai", "what istiod sent has not arrived", &|view| {
        let kinds = view.behind(now, PATIENCE);
        (!kinds.is_empty()).then(|| format!("{} sent and not acknowledged for 30 s", some(&kinds, 4)))
    });
    find(
        WARMING,
        "troubleshooting/control-plane-down.rhai",
        "configuration waits for endpoints or certificates",
        &|view| {
            let dump = view.dump.as_ref().ok()?;
            (!dump.warming.is_empty())
                .then(|| format!("{}: {}", count(dump.warming.len(), "resource", "resources"), some(&dump.warming, 3)))
        },
    );
    find(MEMORY, "troubleshooting/sidecar-memory.rhai", "near the memory limit", &|view| {
        let (held, limit) = (*view.memory.as_ref().ok()?, view.memory_limit?);
        (held > limit * NEAR).then(|| format!("{} of {}, {}", bytes(held), bytes(limit), percent(held / limit)))
    });
    find(OVERDUE, "troubleshooting/mtls.rhai", "a certificate should have been renewed", &|view| {
        let own = view.certificate.as_ref().ok()?;
        (own.is_overdue(now) && !own.is_expired(now))
            .then(|| format!("serial {}, valid until {}: agents renew at half of the validity", own.serial, own.until))
    });
    found
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::Hosts;
    use super::*;
    use crate::control_plane::syncz::Synced;
    use crate::envoy::dump::Dump;
    use crate::envoy::secrets::Certificate;
    use crate::envoy::server_info::ServerInfo;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn well() -> View {
        let synced = Synced {
            proxy: "a-1.summit".into(),
            version: "1.31.0".into(),
            pushed: None,
            waiting: vec![],
            states: Default::default(),
            refused: vec![],
        };
        View {
            namespace: "summit".into(),
            pod: "a-1".into(),
            info: Ok(ServerInfo { state: "LIVE".into(), ..ServerInfo::default() }),
            dump: Ok(Dump::default()),
            hosts: Ok(Hosts { healthy: 2, all: 3, dead: vec![] }),
            certificate: Ok(Certificate {
                serial: "1".into(),
                from: at(0),
                until: at(86_400),
                subject: String::new(),
                alternative_names: Vec::new(),
            }),
            memory: Ok(50e6),
            memory_limit: Some(1e9),
            synced: Some(("istiod-1".into(), synced)),
        }
    }

    fn causes(change: impl FnOnce(&mut View)) -> Vec<&'static str> {
        let mut view = well();
        change(&mut view);
        let seen = Seen { now: at(60), views: vec![view, well()], istiods: Ok(()), problems: vec![] };
        let found = problems(&seen);
        assert!(found.iter().all(|one| one.harm == 0.5 && one.what.ends_with(": a-1")), "{found:?}");
        found.into_iter().map(|one| one.cause).collect()
    }

    #[test]
    fn each_cause_alone_and_none_without_one() {
        assert!(causes(|_| {}).is_empty());
        assert_eq!(causes(|view| (view.info, view.dump) = (Err("x".into()), Err("x".into()))), [SILENT]);
        assert_eq!(causes(|view| view.info.as_mut().expect("ok").state = "DRAINING".into()), [NOT_LIVE]);
        assert_eq!(causes(|view| view.certificate.as_mut().expect("ok").until = at(30)), [EXPIRED]);
        assert_eq!(causes(|view| view.certificate.as_mut().expect("ok").from = at(-200_000)), [OVERDUE]);
        assert_eq!(causes(|view| view.hosts.as_mut().expect("ok").dead.push("a".into())), [DEAD]);
        assert_eq!(
            causes(|view| view.dump.as_mut().expect("ok").refused.push(("listener a".into(), "no".into()))),
            [REFUSED]
        );
        assert_eq!(
            causes(|view| view.synced.as_mut().expect("some").1.refused.push(("Cluster".into(), "no".into()))),
            [REFUSED]
        );
        assert_eq!(causes(|view| view.synced = None), [UNKNOWN]);
        assert_eq!(
            causes(|view| view.synced.as_mut().expect("some").1.waiting.push(("Cluster".into(), Some(at(0))))),
            [BEHIND]
        );
        assert!(
            causes(|view| view.synced.as_mut().expect("some").1.waiting.push(("Cluster".into(), Some(at(50)))))
                .is_empty()
        );
        assert_eq!(causes(|view| view.dump.as_mut().expect("ok").warming.push("cluster a".into())), [WARMING]);
        assert_eq!(causes(|view| view.memory = Ok(0.95e9)), [MEMORY]);
        assert!(causes(|view| (view.memory, view.memory_limit) = (Ok(0.95e9), None)).is_empty());
    }

    #[test]
    fn without_istiods_nothing_is_said_of_connections() {
        let view = View { synced: None, ..well() };
        let seen = Seen { now: at(60), views: vec![view], istiods: Err("none answers".into()), problems: vec![] };
        assert!(problems(&seen).is_empty());
    }
}
