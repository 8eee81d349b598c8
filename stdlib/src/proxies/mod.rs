//! The proxies of one workload, or of one pod, as they were found: what the pages of a proxy are asked of.

pub mod gather;

use std::sync::Arc;

use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Table};
use serde_json::{Value, json};

use crate::proxy::pod::PodFacts;
use crate::text::{count, some};

/// The proxies of one workload, or of one pod.
#[derive(Clone, Debug)]
pub struct Proxies(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `Deployment summit/front`.
    of: String,
    /// Its pods that run and have a proxy, by name.
    pods: Vec<PodFacts>,
    /// Its pods that run without one.
    without: Vec<String>,
    /// Its pods that do not run, or are being deleted.
    leaving: usize,
    missing: Option<Missing>,
}

impl Proxies {
    /// The proxies among the pods of something.
    pub fn new(of: String, mut pods: Vec<PodFacts>) -> Self {
        pods.sort_by(|a, b| a.name.cmp(&b.name));
        let leaving = pods.iter().filter(|pod| !pod.is_running).count();
        pods.retain(|pod| pod.is_running);
        let without: Vec<String> = pods.iter().filter(|pod| !pod.has_proxy).map(|pod| pod.name.clone()).collect();
        pods.retain(|pod| pod.has_proxy);
        let missing = pods.is_empty().then(|| {
            Missing::NotExported(match (without.len(), leaving) {
                (0, 0) => format!("{of} has no pod"),
                (0, _) => format!("no pod of {of} runs"),
                (1, _) => format!("the pod of {of} has no proxy"),
                (some, _) => format!("none of the {some} pods of {of} has a proxy"),
            })
        });
        Proxies(Arc::new(Inner { of, pods, without, leaving, missing }))
    }

    /// These, and those of something else. Which are missing on one side is said by what is made of them.
    #[must_use]
    pub fn with(&self, other: &Proxies) -> Self {
        let side = |of: &Proxies| of.missing().map(|missing| Missing::NotExported(missing.to_string()));
        let mut pods = self.0.pods.clone();
        pods.extend(other.0.pods.iter().filter(|pod| !self.0.pods.contains(pod)).cloned());
        let of = if self.0.of == other.0.of { self.0.of.clone() } else { format!("{} and {}", self.0.of, other.0.of) };
        let without = self.0.without.iter().chain(&other.0.without).cloned().collect();
        let leaving = self.0.leaving + other.0.leaving;
        Proxies(Arc::new(Inner { of, pods, without, leaving, missing: side(self).or_else(|| side(other)) }))
    }

    /// What they belong to: `Deployment summit/front`.
    pub fn of(&self) -> &str {
        &self.0.of
    }

    /// Their pods.
    pub fn pods(&self) -> &[PodFacts] {
        &self.0.pods
    }

    /// Why there is none, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.missing.as_ref()
    }
}

impl Noun for Proxies {
    const NAME: &'static str = "Proxies";
    const DOC: &'static str = "The proxies of one workload, or of one pod, as they were when they were asked for. May be missing: pods without a proxy.";

    fn text(&self) -> String {
        match (&self.0.missing, self.0.pods.as_slice()) {
            (Some(missing), _) => missing.to_string(),
            (None, [_]) => format!("the proxy of {}", self.0.of),
            (None, pods) => format!("{} proxies of {}", pods.len(), self.0.of),
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::line(self.text());
        if !self.0.without.is_empty() && !self.0.pods.is_empty() {
            table.note(format!("without a proxy: {}", some(&self.0.without, 5)));
        }
        if self.0.leaving > 0 {
            table.note(format!(
                "{} not running or being deleted, left out",
                count(self.0.leaving, "pod is", "pods are")
            ));
        }
        table
    }

    fn json(&self) -> Value {
        let pods: Vec<_> = self.0.pods.iter().map(|pod| pod.name.as_str()).collect();
        json!({ "of": self.0.of, "pods": pods, "without_proxy": self.0.without, "missing": self.0.missing.as_ref().map(ToString::to_string) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, has_proxy: bool, is_running: bool) -> PodFacts {
        PodFacts { name: name.into(), has_proxy, is_running, ..PodFacts::default() }
    }

    #[test]
    fn only_running_pods_with_a_proxy_count() {
        let all = Proxies::new(
            "Deployment a/b".into(),
            vec![pod("b-2", true, true), pod("b-1", true, true), pod("b-3", false, true), pod("b-4", true, false)],
        );
        let names: Vec<_> = all.pods().iter().map(|pod| pod.name.as_str()).collect();
        assert_eq!(names, ["b-1", "b-2"]);
        assert_eq!(all.table().notes, ["without a proxy: b-3", "1 pod is not running or being deleted, left out"]);
        assert!(all.missing().is_none());
    }

    #[test]
    fn two_sides_are_one_set_unless_one_is_missing() {
        let of = |name: &str, has_proxy| Proxies::new(format!("Pod a/{name}"), vec![pod(name, has_proxy, true)]);
        let both = of("b", true).with(&of("a", true));
        assert_eq!(both.of(), "Pod a/b and Pod a/a");
        assert_eq!(
            both.pods().iter().map(|pod| pod.name.as_str()).collect::<Vec<_>>(),
            ["b", "a"],
            "in the order given"
        );
        assert_eq!(of("a", true).with(&of("a", true)).pods().len(), 1);
        assert!(of("a", true).with(&of("c", false)).missing().is_some());
    }

    #[test]
    fn why_there_is_none() {
        let why = |pods| Proxies::new("Deployment a/b".into(), pods).text();
        assert!(why(vec![]).ends_with("has no pod"));
        assert!(why(vec![pod("b-1", true, false)]).ends_with("no pod of Deployment a/b runs"));
        assert!(why(vec![pod("b-1", false, true)]).ends_with("the pod of Deployment a/b has no proxy"));
    }
}
