//! Which revision the proxies of each workload of a namespace belong to.

use std::collections::BTreeMap;
use std::sync::Arc;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

use crate::kubernetes::{kinds, read};
use crate::proxy::pod::PodFacts;
use crate::revision::Revision;
use crate::revision::gather::of_pod;
use crate::text::{count, some};
use crate::workload::Workload;

/// Who is on a revision, and who is not.
#[derive(Clone, Debug)]
pub struct Placement(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    namespace: String,
    revision: String,
    places: Vec<Place>,
    /// Pods with a proxy of another revision that no Deployment, StatefulSet or DaemonSet keeps.
    strays: Vec<String>,
    /// Workloads whose pods have no sidecar.
    outside: Vec<Outside>,
}

#[derive(Debug)]
struct Place {
    work: ObjectRef,
    /// Pods by the revision of their sidecar; by nothing if they have none.
    pods: BTreeMap<String, usize>,
}

/// A workload without sidecars.
#[derive(Debug)]
struct Outside {
    work: ObjectRef,
    /// Why it is meant to have none: what its own pod template says. `None` if nobody has said so.
    refuses: Option<&'static str>,
}

/// Why new pods of a workload get no sidecar whatever their namespace says, if so (`injectRequired` in Istio's
/// `pkg/kube/inject/inject.go`).
fn refuses(workload: &Value) -> Option<&'static str> {
    let says = |list: &str| {
        let metadata = workload.pointer("/spec/template/metadata")?;
        metadata.get(list)?.get("sidecar.istio.io/inject")?.as_str()
    };
    if says("labels").or_else(|| says("annotations")) == Some("false") {
        return Some("its pods say sidecar.istio.io/inject: \"false\"");
    }
    let host_network = workload.pointer("/spec/template/spec/hostNetwork").and_then(Value::as_bool);
    (host_network == Some(true)).then_some("its pods use the network of their nodes")
}

/// What a pod without a sidecar counts as.
const NONE: &str = "no sidecar";

impl Place {
    fn is_on(&self, revision: &str) -> bool {
        self.pods.keys().all(|own| own == revision)
    }

    fn text(&self) -> String {
        let all: Vec<String> = self.pods.iter().map(|(revision, pods)| format!("{revision} ({pods})")).collect();
        if all.is_empty() { "no pods".into() } else { all.join(", ") }
    }
}

/// Looks where the workloads of the run's namespace are.
///
/// # Errors
/// `NO_DATA` if the revision is not there; what every read of the API server can end in.
pub fn gather(run: &Run, revision: &Revision) -> Result<Placement, Failure> {
    let (namespace, name) = (run.namespace(), revision.name()?);
    let pods: Vec<(PodFacts, Option<String>)> = read::list(run, kinds::pod(), Some(namespace), None)?
        .iter()
        .map(|pod| (PodFacts::of(pod), of_pod(pod)))
        .filter(|(pod, _)| !pod.is_terminating)
        .collect();
    let mut kept = vec![false; pods.len()];
    let (mut places, mut outside) = (Vec::new(), Vec::new());
    for kind in [kinds::deployment(), kinds::stateful_set(), kinds::daemon_set()] {
        for object in read::list(run, kind.clone(), Some(namespace), None)? {
            let own = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            let work = ObjectRef::new(kind.clone(), namespace, own);
            let mut counted: BTreeMap<String, usize> = BTreeMap::new();
            for (place, (_, injected)) in pods.iter().enumerate().filter(|(_, (pod, _))| pod.workload == own) {
                kept[place] = true;
                *counted.entry(injected.clone().unwrap_or_else(|| NONE.into())).or_default() += 1;
            }
            if !counted.is_empty() && counted.keys().all(|revision| revision == NONE) {
                outside.push(Outside { work, refuses: refuses(&object) });
            } else {
                places.push(Place { work, pods: counted });
            }
        }
    }
    let strays = pods
        .iter()
        .zip(&kept)
        .filter(|((_, injected), kept)| !**kept && injected.as_ref().is_some_and(|own| own != name));
    let strays = strays.map(|((pod, _), _)| pod.name.clone()).collect();
    Ok(Placement(Arc::new(Inner {
        namespace: namespace.to_owned(),
        revision: name.to_owned(),
        places,
        strays,
        outside,
    })))
}

impl Placement {
    /// The workloads that have pods elsewhere.
    pub fn rest(&self) -> Vec<Workload> {
        let elsewhere = self.0.places.iter().filter(|place| !place.is_on(&self.0.revision));
        elsewhere.map(|place| Workload::new(place.work.clone())).collect()
    }

    /// The workloads that have a pod without a sidecar, though nothing says that it shall have none.
    pub fn without_sidecar(&self) -> Vec<Workload> {
        let partly = self.0.places.iter().filter(|place| place.pods.contains_key(NONE)).map(|place| &place.work);
        let wholly = self.0.outside.iter().filter(|one| one.refuses.is_none()).map(|one| &one.work);
        wholly.chain(partly).map(|work| Workload::new(work.clone())).collect()
    }

    /// Pods elsewhere that nothing would replace.
    pub fn strays(&self) -> &[String] {
        &self.0.strays
    }
}

impl Noun for Placement {
    const NAME: &'static str = "Placement";
    const DOC: &'static str = "Which revision of Istio the proxies of each workload of the run's namespace belong to, held against one revision.";

    fn text(&self) -> String {
        let (all, rest) = (self.0.places.len(), self.rest().len());
        let strays = match self.0.strays.as_slice() {
            [] => String::new(),
            some_of_them => format!("; {} elsewhere belong to no workload", count(some_of_them.len(), "pod", "pods")),
        };
        let (moved, of) = (all - rest, count(all, "workload", "workloads"));
        format!("{moved} of {of} of {} on revision {}{strays}", self.0.namespace, self.0.revision)
    }

    fn table(&self) -> Table {
        let mut table = Table::new(self.text(), &["WORKLOAD", "SIDECARS OF"]);
        for place in &self.0.places {
            table.row([format!("{} {}", place.work.kind.kind, place.work.name), place.text()]);
        }
        if table.rows.is_empty() {
            table.columns.clear();
        }
        for (refused, says) in
            [(true, "without a sidecar, nothing to move"), (false, "without a sidecar until their pods are replaced")]
        {
            let those = self.0.outside.iter().filter(|one| one.refuses.is_some() == refused);
            let those: Vec<String> = those.map(|one| one.work.to_string()).collect();
            if !those.is_empty() {
                table.note(format!("{says}: {}", some(&those, 5)));
            }
        }
        if !self.0.strays.is_empty() {
            table.note(format!(
                "kept by no workload, they stay until somebody replaces them: {}",
                some(&self.0.strays, 5)
            ));
        }
        table
    }

    fn json(&self) -> Value {
        let places: Vec<_> = self
            .0
            .places
            .iter()
            .map(|place| json!({ "workload": place.work.to_string(), "pods": place.pods }))
            .collect();
        json!({ "namespace": self.0.namespace, "revision": self.0.revision, "workloads": places, "strays": self.0.strays, "without_sidecar": self.0.outside.iter().map(|one| json!({ "workload": one.work.to_string(), "because": one.refuses })).collect::<Vec<_>>() })
    }
}
