//! Who still depends on a revision: proxies that are connected to it, pods that it has injected, namespaces that choose it.

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::control_plane::Seen;
use crate::control_plane::selector::Labels;
use crate::revision::{Revision, label, labels};
use crate::text::{count, some};

/// Who depends on a revision.
#[derive(Clone, Debug)]
pub struct Dependents(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    revision: String,
    found: Result<Found, Missing>,
}

/// Each by name.
#[derive(Clone, Debug, Default)]
struct Found {
    /// Proxies that one of its istiods lists, with the istiod.
    connected: Vec<(String, String)>,
    /// Pods with a sidecar of it that none of its istiods lists.
    injected: Vec<String>,
    /// Namespaces whose label `istio.io/rev` leads to it.
    namespaces: Vec<String>,
    /// Tags that point at it, but for `default`.
    tags: Vec<String>,
}

/// Looks who depends on a revision, by what was seen when it was asked for.
///
/// # Errors
/// `NO_DATA` if the control plane could not be seen.
pub fn of(revision: &Revision) -> Result<Dependents, Failure> {
    let (name, seen) = (revision.name()?, revision.seen()?);
    let silent: Vec<String> = seen
        .istiods
        .iter()
        .filter(|istiod| istiod.running && istiod.answer().is_none())
        .map(|one| one.pod.clone())
        .collect();
    let found = match silent.as_slice() {
        [] => Ok(find(name, seen)),
        some_of_them => Err(Missing::Unreachable(format!(
            "{} did not answer, so it is not known which proxies they have: {}",
            count(silent.len(), "istiod", "istiods"),
            some(some_of_them, 3)
        ))),
    };
    Ok(Dependents(Arc::new(Inner { revision: name.to_owned(), found })))
}

fn find(name: &str, seen: &Seen) -> Found {
    let mut found = Found::default();
    let own: Vec<&str> =
        seen.istiods.iter().filter(|istiod| istiod.revision == name).map(|istiod| istiod.pod.as_str()).collect();
    for one in &seen.connections {
        match &one.istiod {
            Some(istiod) if own.contains(&istiod.as_str()) => {
                found.connected.push((one.proxy.clone(), istiod.clone()));
            }
            _ if one.revision == name => found.injected.push(one.proxy.clone()),
            _ => {}
        }
    }
    let tags = seen.mutating.iter().filter(|one| label(one, "istio.io/rev") == Some(name));
    found.tags =
        tags.filter_map(|one| label(one, "istio.io/tag")).filter(|tag| *tag != "default").map(str::to_owned).collect();
    let chooses = |own: &Labels| {
        own.contains_key(labels::REVISION) && labels::injector(&seen.mutating, own, &Labels::new()) == Some(name)
    };
    found.namespaces = seen.namespaces.iter().filter(|(_, own)| chooses(own)).map(|(name, _)| name.clone()).collect();
    found
}

impl Dependents {
    /// Whether nobody depends on it.
    ///
    /// # Errors
    /// `NO_DATA` if an istiod did not answer.
    pub fn is_empty(&self) -> Result<bool, Failure> {
        let found = self.0.found.as_ref().map_err(|missing| missing.failure("who depends on the revision"))?;
        Ok(found.connected.is_empty()
            && found.injected.is_empty()
            && found.namespaces.is_empty()
            && found.tags.is_empty())
    }

    /// Why it is not known, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.found.as_ref().err()
    }
}

impl Noun for Dependents {
    const NAME: &'static str = "Dependents";
    const DOC: &'static str = "Who still depends on a revision: proxies that one of its istiods lists, pods with its sidecar, namespaces and tags that lead to it. Every istiod of every revision was asked. May be missing: one did not answer.";

    fn text(&self) -> String {
        let found = match &self.0.found {
            Err(missing) => return missing.to_string(),
            Ok(found) => found,
        };
        let mut parts = Vec::new();
        if !found.connected.is_empty() {
            parts.push(format!("{} connected to it", count(found.connected.len(), "proxy is", "proxies are")));
        }
        if !found.injected.is_empty() {
            parts.push(format!("{} a sidecar of it", count(found.injected.len(), "pod has", "pods have")));
        }
        if !found.namespaces.is_empty() {
            parts.push(format!(
                "{} for it",
                count(found.namespaces.len(), "namespace is labelled", "namespaces are labelled")
            ));
        }
        if !found.tags.is_empty() {
            parts.push(format!("{} at it", count(found.tags.len(), "tag points", "tags point")));
        }
        match parts.as_slice() {
            [] => format!("nobody depends on revision {}", self.0.revision),
            _ => format!("revision {}: {}", self.0.revision, parts.join(", ")),
        }
    }

    fn table(&self) -> Table {
        let Ok(found) = &self.0.found else { return Table::line(self.text()) };
        let mut table = Table::new(self.text(), &["WHO", "WHY"]);
        for (proxy, istiod) in &found.connected {
            table.row([proxy.clone(), format!("connected to {istiod}")]);
        }
        for pod in &found.injected {
            table.row([pod.clone(), "has its sidecar, and none of its istiods lists it".into()]);
        }
        for namespace in &found.namespaces {
            table.row([
                format!("Namespace {namespace}"),
                "its label istio.io/rev leads there: new pods would be refused".into(),
            ]);
        }
        for tag in &found.tags {
            table.row([format!("tag {tag}"), "points at it".into()]);
        }
        if table.rows.is_empty() {
            table.columns.clear();
        }
        table
    }

    fn json(&self) -> Value {
        match &self.0.found {
            Err(missing) => json!({ "revision": self.0.revision, "missing": missing.to_string() }),
            Ok(found) => json!({
                "revision": self.0.revision, "connected": found.connected.iter().map(|(proxy, _)| proxy).collect::<Vec<_>>(),
                "injected": found.injected, "namespaces": found.namespaces, "tags": found.tags,
            }),
        }
    }
}
