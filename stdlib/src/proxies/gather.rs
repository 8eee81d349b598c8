//! From the name that people write to the proxies.

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::Proxies;
use crate::code::WORKLOAD_UNKNOWN;
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::PodFacts;
use crate::workload::resolve;

/// The proxies of the workload of this name in the run's namespace, or of the pod of this name.
///
/// # Errors
/// `WORKLOAD_UNKNOWN` with the nearest name that exists, and what every read can end in.
pub fn gather(run: &Run, name: &str) -> Result<Proxies, Failure> {
    let unknown = match resolve::workload(run, name) {
        Ok(work) => return of_workload(run, work.object()),
        Err(failure) if failure.is(&WORKLOAD_UNKNOWN) => failure,
        Err(failure) => return Err(failure),
    };
    let pods = read::list(run, kinds::pod(), Some(run.namespace()), None)?;
    let named = |pod: &&Value| pod.pointer("/metadata/name").and_then(Value::as_str) == Some(name);
    match pods.iter().find(named) {
        Some(pod) => {
            Ok(Proxies::new(ObjectRef::new(kinds::pod(), run.namespace(), name).to_string(), vec![PodFacts::of(pod)]))
        }
        None => Err(unknown),
    }
}

/// The proxy of a pod.
///
/// # Errors
/// `WORKLOAD_UNKNOWN` if it is gone, and what every read can end in.
pub fn of_pod(run: &Run, namespace: &str, name: &str) -> Result<Proxies, Failure> {
    let object = ObjectRef::new(kinds::pod(), namespace, name);
    let pods = read::list(run, kinds::pod(), Some(namespace), None)?;
    let named = |pod: &&Value| pod.pointer("/metadata/name").and_then(Value::as_str) == Some(name);
    let pod = pods.iter().find(named).ok_or_else(|| {
        Failure::new(&WORKLOAD_UNKNOWN, format!("{object} is gone"))
            .unchanged("nothing was changed")
            .hint("pods' names die at every restart: ask for the workload")
    })?;
    Ok(Proxies::new(object.to_string(), vec![PodFacts::of(pod)]))
}

/// The proxies of the pods of a workload.
///
/// # Errors
/// What every read of the API server can end in.
pub fn of_workload(run: &Run, work: &ObjectRef) -> Result<Proxies, Failure> {
    let pods = read::list(run, kinds::pod(), work.namespace.as_deref(), None)?;
    let of_it = pods.iter().map(PodFacts::of).filter(|pod| pod.workload == work.name);
    Ok(Proxies::new(work.to_string(), of_it.collect()))
}
