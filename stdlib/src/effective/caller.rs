//! Who calls: a workload or a pod, by the name that people write.

use std::collections::BTreeMap;

use meshbook_runtime::failure::{Failure, nearest};
use meshbook_runtime::run::Run;
use serde_json::Value;

use crate::code::WORKLOAD_UNKNOWN;
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::PodFacts;

/// A caller: pods of one workload, or one pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Caller {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Labels of its pods.
    pub labels: BTreeMap<String, String>,
    /// Whether its pods have a proxy.
    pub has_proxy: bool,
    /// Whether its proxy is a gateway, to which Sidecar resources do not apply.
    pub is_gateway: bool,
}

impl Caller {
    /// `front.summit`.
    pub fn text(&self) -> String {
        format!("{}.{}", self.name, self.namespace)
    }

    /// Reads one of its pods.
    pub fn of(name: &str, pod: &Value) -> Self {
        let facts = PodFacts::of(pod);
        Caller {
            name: name.into(),
            namespace: facts.namespace,
            labels: facts.labels,
            has_proxy: facts.has_proxy,
            is_gateway: facts.is_gateway,
        }
    }
}

/// Finds the pods of `NAME` or `NAME.NAMESPACE`: a workload, else a pod. Answers one of them; running ones first.
///
/// # Errors
/// `WORKLOAD_UNKNOWN` with the nearest name that exists, and what every read can end in.
pub fn find(run: &Run, text: &str) -> Result<Caller, Failure> {
    let named = |text: &str, namespace: &str| -> Result<(Option<Caller>, Vec<String>), Failure> {
        let pods = read::list(run, kinds::pod(), Some(namespace), None)?;
        let mut of_it: Vec<(&Value, PodFacts)> = pods
            .iter()
            .map(|pod| (pod, PodFacts::of(pod)))
            .filter(|(_, facts)| facts.workload == text || facts.name == text)
            .collect();
        of_it.sort_by(|(_, a), (_, b)| b.is_running.cmp(&a.is_running).then_with(|| a.name.cmp(&b.name)));
        let names = pods.iter().map(|pod| PodFacts::of(pod).workload).collect();
        Ok((of_it.first().map(|(pod, _)| Caller::of(text, pod)), names))
    };
    // Names of pods and workloads may hold dots; the last part is a namespace where the whole is no name.
    let (here, mut known) = named(text, run.namespace())?;
    if let Some(caller) = here {
        return Ok(caller);
    }
    if let Some((name, namespace)) = text.rsplit_once('.').filter(|(_, namespace)| is_label(namespace)) {
        let (there, others) = named(name, namespace)?;
        if let Some(caller) = there {
            return Ok(caller);
        }
        known = others.into_iter().map(|other| format!("{other}.{namespace}")).collect();
    }
    known.sort_unstable();
    known.dedup();
    let failure =
        Failure::new(&WORKLOAD_UNKNOWN, format!("no workload or pod `{}` has pods", crate::text::first_line(text)))
            .unchanged("nothing was changed");
    Err(match nearest(text, known.iter().map(String::as_str)) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("write the name of a workload or pod of the run's namespace, or NAME.NAMESPACE"),
    })
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
