//! Whether the proxies of a workload belong to a revision: injected by it, known to one of its istiods, and up to date.

use std::collections::BTreeMap;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::Revision;
use super::gather::of_pod;
use crate::control_plane::gather::{get, page};
use crate::control_plane::istiod::Istiod;
use crate::control_plane::syncz;
use crate::evidence::absorb;
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::PodFacts;
use crate::text::{count, some};

/// What still keeps a workload's proxies from belonging to a revision, in words; empty if nothing does.
///
/// # Errors
/// `NO_DATA` if the revision is not there; what every read of the API server can end in.
pub fn lacking(run: &Run, revision: &Revision, work: &ObjectRef) -> Result<Vec<String>, Failure> {
    let name = revision.name()?;
    let pods = read::list(run, kinds::pod(), work.namespace.as_deref(), None)?;
    let own: Vec<(PodFacts, Option<String>)> = pods
        .iter()
        .map(|pod| (PodFacts::of(pod), of_pod(pod)))
        .filter(|(facts, _)| facts.workload == work.name && !facts.is_terminating)
        .collect();
    if own.is_empty() {
        return Ok(vec![format!("{work} has no pod")]);
    }
    let mut lacking = Vec::new();
    for (pod, injected) in &own {
        match injected {
            None => lacking.push(format!("{} has no sidecar", pod.name)),
            Some(by) if by != name => lacking.push(format!("{} has its sidecar from revision {by}", pod.name)),
            Some(_) if !pod.is_running => lacking.push(format!("{} does not run yet", pod.name)),
            Some(_) => {}
        }
    }
    if !lacking.is_empty() {
        return Ok(lacking);
    }
    let (states, silent) = states(run, revision.root(), Some(name))?;
    for (pod, _) in &own {
        match states.get(&format!("{}.{}", pod.name, pod.namespace)) {
            Some(waiting) if waiting.is_empty() => {}
            Some(waiting) => lacking.push(format!("{} has not acknowledged {}", pod.name, some(waiting, 4))),
            None => lacking.push(format!("{} is known to no istiod of revision {name}", pod.name)),
        }
    }
    if !lacking.is_empty() && silent > 0 {
        lacking.push(format!("{} of it did not answer", count(silent, "istiod", "istiods")));
    }
    Ok(lacking)
}

/// What each proxy of a revision's istiods has not acknowledged, by `POD.NAMESPACE`; and how many of these istiods did not
/// answer. Without a revision, of all istiods.
///
/// # Errors
/// What every read of the API server can end in.
pub fn states(
    run: &Run,
    root: &str,
    revision: Option<&str>,
) -> Result<(BTreeMap<String, Vec<String>>, usize), Failure> {
    let pods: Vec<Value> = read::list(run, kinds::pod(), Some(root), Some("app=istiod"))?;
    let is_asked = |istiod: &Istiod| istiod.running && revision.is_none_or(|one| istiod.revision == one);
    let istiods: Vec<Istiod> = pods.iter().map(Istiod::of).filter(is_asked).collect();
    let asked = istiods.iter().map(|istiod| get(istiod, "sync state", "/debug/syncz")).collect();
    let (mut states, mut silent) = (BTreeMap::new(), 0);
    for reply in run.read_all(asked) {
        let proxies = match reply {
            Ok(reply) => page(reply).and_then(|page| syncz::parse(&page)),
            Err(failure) => Err(absorb(failure)?),
        };
        let Ok(proxies) = proxies else {
            silent += 1;
            continue;
        };
        for proxy in proxies {
            let not = proxy.states.iter().filter(|(_, state)| matches!(**state, "STALE" | "ERROR"));
            states.insert(proxy.proxy, not.map(|(kind, _)| kind.clone()).collect());
        }
    }
    Ok((states, silent))
}
