//! From the name that people write to the workload or pod.

use std::collections::BTreeSet;

use meshbook_runtime::effect::{ObjectRef, ResourceKind};
use meshbook_runtime::failure::{Failure, NOT_FOUND, nearest};
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::{Pod, Workload};
use crate::code::WORKLOAD_UNKNOWN;
use crate::host::Host;
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::PodFacts;

/// Finds the Deployment, StatefulSet or DaemonSet of this name in the run's namespace.
///
/// # Errors
/// `WORKLOAD_UNKNOWN` with the nearest name that exists, and what every read can end in.
pub fn workload(run: &Run, name: &str) -> Result<Workload, Failure> {
    let mut names = Vec::new();
    for kind in [kinds::deployment(), kinds::stateful_set(), kinds::daemon_set()] {
        let found = names_of(run, &kind)?;
        if found.iter().any(|found| found == name) {
            return Ok(Workload::new(ObjectRef::new(kind, run.namespace(), name)));
        }
        names.extend(found);
    }
    Err(unknown(run, "workload", name, &names))
}

/// The Deployments, StatefulSets and DaemonSets of the pods that a host's Service selects.
///
/// # Errors
/// What every read of the API server can end in.
pub fn behind(run: &Run, host: &Host) -> Result<Vec<ObjectRef>, Failure> {
    let pods = read::view(run, kinds::pod(), Some(host.namespace()), None)?;
    let own = pods.iter().map(PodFacts::of).filter(|pod| pod.is_selected(host.selector()));
    let owners: BTreeSet<String> = own.map(|pod| pod.workload).collect();
    let mut found = Vec::new();
    for kind in [kinds::deployment(), kinds::stateful_set(), kinds::daemon_set()] {
        let objects = read::list(run, kind.clone(), Some(host.namespace()), None)?;
        let names = objects.iter().filter_map(|object| object.pointer("/metadata/name").and_then(Value::as_str));
        found.extend(
            names
                .filter(|name| owners.contains(*name))
                .map(|name| ObjectRef::new(kind.clone(), host.namespace(), name)),
        );
    }
    Ok(found)
}

/// Finds the pod of this name in the run's namespace.
///
/// # Errors
/// As [`workload`].
pub fn pod(run: &Run, name: &str) -> Result<Pod, Failure> {
    let object = ObjectRef::new(kinds::pod(), run.namespace(), name);
    match read::get(run, &object) {
        Ok(_) => Ok(Pod::new(object)),
        Err(failure) if read::is(&failure, &NOT_FOUND) => {
            Err(unknown(run, "pod", name, &names_of(run, &kinds::pod())?))
        }
        Err(failure) => Err(failure),
    }
}

fn names_of(run: &Run, kind: &ResourceKind) -> Result<Vec<String>, Failure> {
    let objects = read::list(run, kind.clone(), Some(run.namespace()), None)?;
    Ok(objects
        .iter()
        .filter_map(|object| object.pointer("/metadata/name").and_then(Value::as_str))
        .map(str::to_owned)
        .collect())
}

fn unknown(run: &Run, what: &str, name: &str, names: &[String]) -> Failure {
    let failure = Failure::new(
        &WORKLOAD_UNKNOWN,
        format!("namespace {} has no {what} `{}`", run.namespace(), crate::text::first_line(name)),
    )
    .unchanged("nothing was changed");
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => failure.hint(format!("namespace {} has none", run.namespace())),
        None => failure.hint(format!("it has {}", crate::text::some(names, 8))),
    }
}
