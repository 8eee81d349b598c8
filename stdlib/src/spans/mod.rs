//! Whether the proxies of a namespace, or of a host, have reported spans to Jaeger.
//!
//! A proxy calls itself `APP.NAMESPACE`, by its pod's label `app`, else by its canonical name
//! (`tracing_service_name: APP_LABEL_AND_NAMESPACE`, Istio's default).

use std::collections::BTreeSet;
use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::kubernetes::{kinds, read};
use crate::proxy::pod::PodFacts;
use crate::text::{and, count, first_line};
use crate::trace;

/// Which services have reported spans.
#[derive(Clone, Debug)]
pub struct Spans(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    namespace: String,
    /// The services of the namespace's proxies, and whether each has reported.
    services: Result<Vec<(String, bool)>, Missing>,
}

/// The name under which a pod's proxy reports spans, if it has one.
pub fn service_of(pod: &PodFacts) -> Option<String> {
    let label = |key: &str| pod.labels.get(key).filter(|value| !value.is_empty());
    let app = label("app").or_else(|| label("service.istio.io/canonical-name"))?;
    (pod.has_proxy && pod.is_running).then(|| format!("{app}.{}", pod.namespace))
}

/// Asks Jaeger for the services of a namespace's proxies.
///
/// # Errors
/// What every read of the API server can end in.
pub fn gather(run: &Run, namespace: &str) -> Result<Spans, Failure> {
    let pods = read::list(run, kinds::pod(), Some(namespace), None)?;
    let expected: BTreeSet<String> = pods.iter().map(PodFacts::of).filter_map(|pod| service_of(&pod)).collect();
    if expected.is_empty() {
        let why = format!("no pod of {namespace} has a proxy that would report spans");
        return Ok(Spans(Arc::new(Inner { namespace: namespace.to_owned(), services: Err(Missing::NoSeries(why)) })));
    }
    let services = trace::read::services(run)?.map(|known| {
        let known: BTreeSet<String> = known.into_iter().collect();
        expected
            .into_iter()
            .map(|service| {
                let has = known.contains(&service);
                (service, has)
            })
            .collect()
    });
    Ok(Spans(Arc::new(Inner { namespace: namespace.to_owned(), services })))
}

impl Spans {
    /// Why nothing is known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.services.as_ref().err()
    }

    /// The services that have reported nothing yet.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn lacking(&self) -> Result<Vec<&str>, Failure> {
        let services = self.0.services.as_ref().map_err(|missing| missing.failure("Jaeger's list of services"))?;
        Ok(services.iter().filter(|(_, has)| !has).map(|(service, _)| service.as_str()).collect())
    }
}

impl Noun for Spans {
    const NAME: &'static str = "Spans";
    const DOC: &'static str = "Which services of a namespace have reported spans to Jaeger, of those whose pods have a proxy. May be missing: no Jaeger answers.";

    fn text(&self) -> String {
        let services = match &self.0.services {
            Err(missing) => {
                return format!("it cannot be told whether spans of {} arrive: {missing}", self.0.namespace);
            }
            Ok(services) => services,
        };
        let lacking: Vec<String> =
            services.iter().filter(|(_, has)| !has).map(|(service, _)| first_line(service)).collect();
        match (services.len(), lacking.is_empty()) {
            (0, _) => format!("no pod of {} has a proxy that would report spans", self.0.namespace),
            (all, true) => format!("Jaeger has spans of {} of {}", count(all, "service", "services"), self.0.namespace),
            (_, false) => format!("Jaeger has no span of {}", and(&lacking)),
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(self.text(), &["SERVICE", "SPANS"]);
        for (service, has) in self.0.services.iter().flatten() {
            table.row([first_line(service), if *has { "arrive" } else { "none yet" }.into()]);
        }
        if table.rows.is_empty() {
            table.columns.clear();
        }
        table
    }

    fn json(&self) -> Value {
        let services: Vec<Value> = self
            .0
            .services
            .iter()
            .flatten()
            .map(|(service, has)| json!({ "service": service, "spans": has }))
            .collect();
        json!({ "namespace": self.0.namespace, "services": services, "missing": self.missing().map(ToString::to_string) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_called_by_its_app_and_namespace() {
        let pod = |label: &str| {
            let pod = json!({ "metadata": { "namespace": "summit", "labels": { label: "front" } }, "status": { "phase": "Running" }, "spec": { "initContainers": [{ "name": "istio-proxy" }] } });
            service_of(&PodFacts::of(&pod))
        };
        assert_eq!(pod("app").as_deref(), Some("front.summit"));
        assert_eq!(pod("service.istio.io/canonical-name").as_deref(), Some("front.summit"));
        assert_eq!(pod("tier"), None);
        let bare = json!({ "metadata": { "namespace": "summit", "labels": { "app": "front" } }, "status": { "phase": "Running" } });
        assert_eq!(service_of(&PodFacts::of(&bare)), None);
    }

    #[test]
    fn what_is_lacking_is_named() {
        let spans = |services: &[(&str, bool)]| {
            let services = Ok(services.iter().map(|(name, has)| ((*name).to_owned(), *has)).collect());
            Spans(Arc::new(Inner { namespace: "summit".into(), services }))
        };
        assert_eq!(spans(&[("a.summit", true), ("b.summit", false)]).text(), "Jaeger has no span of b.summit");
        assert_eq!(spans(&[("a.summit", true)]).text(), "Jaeger has spans of 1 service of summit");
        assert_eq!(spans(&[]).text(), "no pod of summit has a proxy that would report spans");
    }
}
