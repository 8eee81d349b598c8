//! An installation of Istio: whether every object of it is there, and works.
//!
//! What `istioctl verify-install` did until Istio 1.24, from the objects themselves instead of from rendered manifests
//! (`istioctl/pkg/verifier` of Istio 1.23: each object exists, Deployments and DaemonSets are rolled out).

pub mod gather;
pub mod of_revision;

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::text::{and, count};

/// One object of an installation.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What kind of part it is, as people count them.
    pub sort: Sort,
    /// Its name: `Deployment istio-system/istiod`.
    pub name: String,
    /// What is wrong with it, if anything is.
    pub wrong: Option<String>,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// A CustomResourceDefinition.
    Definition,
    /// A ServiceAccount.
    Account,
    /// A role, or the binding of one.
    Permission,
    /// An istiod, a gateway, another component.
    Workload,
    /// What leads to istiods.
    Service,
    /// What scales istiods.
    Autoscaler,
    /// What the API server asks about pods and objects.
    Webhook,
    /// The mesh configuration, or the templates of sidecars.
    Configuration,
}

impl Sort {
    fn counted(self, number: usize) -> String {
        let (one, many) = match self {
            Sort::Definition => ("CRD", "CRDs"),
            Sort::Account => ("account", "accounts"),
            Sort::Permission => ("role or binding", "roles and bindings"),
            Sort::Workload => ("workload", "workloads"),
            Sort::Service => ("Service", "Services"),
            Sort::Autoscaler => ("autoscaler", "autoscalers"),
            Sort::Webhook => ("webhook configuration", "webhook configurations"),
            Sort::Configuration => ("ConfigMap", "ConfigMaps"),
        };
        count(number, one, many)
    }
}

/// An installation, as it was seen.
#[derive(Clone, Debug)]
pub struct Installation(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    seen: Result<Vec<Part>, Missing>,
    notes: Vec<String>,
}

impl Installation {
    fn new(seen: Result<Vec<Part>, Missing>, notes: Vec<String>) -> Installation {
        Installation(Arc::new(Inner { seen, notes }))
    }

    /// The parts that are not as they have to be.
    ///
    /// # Errors
    /// `NO_DATA` with the reason.
    pub fn wrong(&self) -> Result<Vec<&Part>, Failure> {
        let parts = self.0.seen.as_ref().map_err(|missing| missing.failure("the installation"))?;
        Ok(faults(parts).map(|(part, _)| part).collect())
    }

    /// Why nothing is known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.seen.as_ref().err()
    }
}

/// The parts with which something is wrong, and what.
fn faults(parts: &[Part]) -> impl Iterator<Item = (&Part, &str)> {
    parts.iter().filter_map(|part| Some((part, part.wrong.as_deref()?)))
}

/// `14 CRDs, 3 workloads and 2 webhook configurations`.
fn counted(parts: &[Part]) -> String {
    let sorts = [
        Sort::Definition,
        Sort::Account,
        Sort::Permission,
        Sort::Workload,
        Sort::Service,
        Sort::Autoscaler,
        Sort::Webhook,
        Sort::Configuration,
    ];
    let of = |sort: Sort| parts.iter().filter(|part| part.sort == sort).count();
    let all: Vec<_> = sorts.iter().filter(|sort| of(**sort) > 0).map(|sort| sort.counted(of(*sort))).collect();
    and(&all)
}

impl Noun for Installation {
    const NAME: &'static str = "Installation";
    const DOC: &'static str = "What is installed of Istio: CRDs, and of every revision accounts, permissions, istiods, Services, autoscalers, webhooks and ConfigMaps; gateways; and what of it is absent or not rolled out. May be missing.";

    fn text(&self) -> String {
        let parts = match &self.0.seen {
            Err(missing) => return format!("the installation cannot be read: {missing}"),
            Ok(parts) => parts,
        };
        let wrong: Vec<_> = faults(parts).map(|(part, wrong)| format!("{} {wrong}", part.name)).collect();
        match wrong.as_slice() {
            [] => format!("Istio is whole: {}", counted(parts)),
            [one] => format!("Istio is not whole: {one}"),
            [one, ..] => format!("Istio is not whole: {one} (and {} more)", wrong.len() - 1),
        }
    }

    fn table(&self) -> Table {
        let Ok(parts) = &self.0.seen else { return Table::line(self.text()) };
        let wrong: Vec<_> = faults(parts).collect();
        let mut table = if wrong.is_empty() {
            Table::line(self.text())
        } else {
            let title = format!("{} of {} objects are not as they have to be", wrong.len(), parts.len());
            let mut table = Table::new(title, &["OBJECT", "IS"]);
            for (part, why) in wrong {
                table.row([part.name.clone(), why.to_owned()]);
            }
            table
        };
        table.notes.extend(self.0.notes.iter().cloned());
        table
    }

    fn json(&self) -> Value {
        match &self.0.seen {
            Err(missing) => json!({ "missing": missing.to_string() }),
            Ok(parts) => {
                let parts: Vec<_> =
                    parts.iter().map(|part| json!({ "object": part.name, "wrong": part.wrong })).collect();
                json!({ "parts": parts, "notes": self.0.notes })
            }
        }
    }
}
