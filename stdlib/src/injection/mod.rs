//! What becomes of a new pod: the trial creation of one, as admission answers it.

use std::sync::Arc;

use meshbook_runtime::effect::Reply;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::control_plane::cure::trial;
use crate::control_plane::selector::Labels;
use crate::proxy::pod::PROXY;
use crate::revision::Revision;
use crate::revision::gather::of_pod;
use crate::revision::labels;
use crate::text::reason;

/// What becomes of a new pod.
#[derive(Clone, Debug)]
pub struct Injection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    namespace: String,
    labels: String,
    outcome: Result<Outcome, Missing>,
}

/// What admission made of the pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It got a sidecar.
    Injected {
        /// From this revision.
        revision: String,
        /// Among the init containers.
        native: bool,
        /// The image of its proxy.
        image: String,
    },
    /// It got none.
    Bare,
    /// It was refused, for this reason.
    Refused(String),
}

/// Lets the API server try a pod.
///
/// # Errors
/// What a script may not handle.
pub fn attempt(run: &Run, namespace: &str, pod: &Labels) -> Result<Injection, Failure> {
    let reply = run.read_all(vec![trial(namespace, pod)]).into_iter().next().expect("one effect has one answer");
    let outcome = match reply {
        Ok(Reply::Json(pod)) => Ok(outcome(&pod)),
        Ok(_) => Ok(Outcome::Refused("the answer is no pod".into())),
        Err(failure) if failure.is(&FORBIDDEN) => Err(Missing::Unreachable(failure.message)),
        Err(failure) if !failure.code.catchable => return Err(failure),
        Err(failure) => Ok(Outcome::Refused(reason(&failure.message))),
    };
    Ok(Injection::new(namespace, labels::text(pod), outcome))
}

/// Tries a pod that a revision would inject: in the run's namespace if that chooses the revision or nothing, else in
/// another one.
///
/// # Errors
/// `NO_DATA` if the revision is not there; what a script may not handle.
pub fn of_revision(run: &Run, revision: &Revision) -> Result<Injection, Failure> {
    let (name, seen) = (revision.name()?, revision.seen()?);
    let own = Labels::from([(labels::REVISION.to_owned(), revision.label().to_owned())]);
    let mut places: Vec<&String> = seen.namespaces.keys().filter(|place| !place.starts_with("kube-")).collect();
    places.sort_by_key(|place| (place.as_str() != run.namespace(), place.as_str() == revision.root(), place.as_str()));
    // One that asks for the revision has to get it, whatever its webhooks say.
    if let Some(place) =
        places.iter().find(|place| labels::asks_for(&seen.mutating, &seen.namespaces[**place], revision))
    {
        return attempt(run, place, &Labels::new());
    }
    for pod in [Labels::new(), own] {
        let place =
            places.iter().find(|place| labels::injector(&seen.mutating, &seen.namespaces[**place], &pod) == Some(name));
        if let Some(place) = place {
            return attempt(run, place, &pod);
        }
    }
    let why = format!("there is no namespace in which revision {name} would inject a pod");
    Ok(Injection::new(run.namespace(), String::new(), Err(Missing::NoSeries(why))))
}

fn outcome(pod: &Value) -> Outcome {
    let Some(revision) = of_pod(pod) else { return Outcome::Bare };
    let container = |list: &str| {
        let all = pod.pointer(list).and_then(Value::as_array).into_iter().flatten();
        all.into_iter().find(|one| one.get("name").and_then(Value::as_str) == Some(PROXY)).cloned()
    };
    let native = container("/spec/initContainers");
    let Some(proxy) = native.clone().or_else(|| container("/spec/containers")) else { return Outcome::Bare };
    let image = proxy.get("image").and_then(Value::as_str).unwrap_or_default().to_owned();
    Outcome::Injected { revision, native: native.is_some(), image }
}

impl Injection {
    fn new(namespace: &str, labels: String, outcome: Result<Outcome, Missing>) -> Self {
        Injection(Arc::new(Inner { namespace: namespace.to_owned(), labels, outcome }))
    }

    /// What admission made of the pod.
    ///
    /// # Errors
    /// `NO_DATA` if it could not be tried.
    pub fn outcome(&self) -> Result<&Outcome, Failure> {
        self.0.outcome.as_ref().map_err(|missing| missing.failure("what becomes of a new pod"))
    }

    /// Why it could not be tried, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.outcome.as_ref().err()
    }
}

impl Noun for Injection {
    const NAME: &'static str = "Injection";
    const DOC: &'static str = "What becomes of a new pod, as the API server and its webhooks answer the trial of one (`dryRun=All`, nothing is stored): which revision gives it its sidecar, if any. May be missing: it could not be tried.";

    fn text(&self) -> String {
        let labelled = if self.0.labels.is_empty() { String::new() } else { format!(" labelled {}", self.0.labels) };
        let pod = format!("a new pod{labelled} in {}", self.0.namespace);
        match &self.0.outcome {
            Err(missing) => format!("it is not known what becomes of {pod}: {missing}"),
            Ok(Outcome::Injected { revision, native, image }) => {
                let form = if *native { "a native sidecar (an init container)" } else { "a sidecar" };
                let tag = image.rsplit_once(':').map_or(image.as_str(), |(_, tag)| tag);
                format!("{pod} gets {form} of {tag} from revision {revision} (dry run)")
            }
            Ok(Outcome::Bare) => format!("{pod} gets no sidecar (dry run)"),
            Ok(Outcome::Refused(why)) => format!("{pod} is refused (dry run): {why}"),
        }
    }

    fn table(&self) -> Table {
        Table::line(self.text())
    }

    fn json(&self) -> Value {
        let (revision, native, refused) = match &self.0.outcome {
            Ok(Outcome::Injected { revision, native, .. }) => (Some(revision), Some(*native), None),
            Ok(Outcome::Refused(why)) => (None, None, Some(why)),
            _ => (None, None, None),
        };
        json!({ "namespace": self.0.namespace, "revision": revision, "native": native, "refused": refused, "missing": self.missing().map(ToString::to_string) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_of_a_sidecar_are_seen() {
        let pod = |list: &str| {
            let status = "{\"revision\":\"1-31\"}";
            let mut pod = json!({ "metadata": { "annotations": { "sidecar.istio.io/status": status } }, "spec": { "containers": [{ "name": "app" }] } });
            pod["spec"][list] = json!([{ "name": "istio-proxy", "image": "istio/proxyv2:1.31.0" }]);
            pod
        };
        let injected =
            |native| Outcome::Injected { revision: "1-31".into(), native, image: "istio/proxyv2:1.31.0".into() };
        assert_eq!(outcome(&pod("initContainers")), injected(true));
        assert_eq!(outcome(&pod("containers")), injected(false));
        assert_eq!(outcome(&json!({ "spec": { "containers": [{ "name": "app" }] } })), Outcome::Bare);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]{}:,\"a-z0-9]{0,60}") {
            let some: Value = serde_json::from_str(&text).unwrap_or(json!([text]));
            let _ = outcome(&json!({ "metadata": { "annotations": { "sidecar.istio.io/status": text } }, "spec": { "initContainers": some } }));
        }
    }
}
