//! Which DestinationRule istiod applies to a host for a proxy.
//!
//! Source: `PushContext.destinationRule` in Istio's `pilot/pkg/model/push_context.go`: first the proxy's namespace, then
//! the service's, then the root namespace; in each the most specific host; `exportTo` decides who sees a rule outside
//! of its own namespace. In the root namespace only what is exported counts for others.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::Value;

/// What decides whether a rule applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its place among the rules that were read.
    pub index: usize,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its host as an FQDN, or a wildcard.
    pub host: String,
    /// Its `exportTo`; empty means everybody.
    pub export_to: Vec<String>,
    /// Labels that a caller's pod must have (`workloadSelector.matchLabels`); empty means all.
    pub selector: BTreeMap<String, String>,
    /// When it was created: of two for the same host, the older one counts.
    pub created: String,
}

impl Candidate {
    /// Reads what is needed of a DestinationRule object.
    pub fn of(index: usize, object: &Value, cluster_domain: &str) -> Option<Self> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let namespace = text("/metadata/namespace")?.to_owned();
        let strings = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let labels = object.pointer("/spec/workloadSelector/matchLabels").and_then(Value::as_object);
        Some(Candidate {
            index,
            host: full_name(text("/spec/host")?, &namespace, cluster_domain),
            name: text("/metadata/name")?.to_owned(),
            export_to: strings("/spec/exportTo"),
            selector: labels
                .into_iter()
                .flatten()
                .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
                .collect(),
            created: text("/metadata/creationTimestamp").unwrap_or_default().to_owned(),
            namespace,
        })
    }

    fn is_for(&self, proxy: &Proxy<'_>) -> bool {
        self.selector.iter().all(|(key, value)| proxy.labels.get(key) == Some(value))
    }

    fn is_private(&self) -> bool {
        !self.export_to.is_empty() && self.export_to.iter().all(|to| to == ".")
    }

    fn is_local(&self) -> bool {
        self.export_to.is_empty() || self.export_to.iter().any(|to| to == "*" || to == "." || *to == self.namespace)
    }

    fn is_exported_to(&self, namespace: &str) -> bool {
        !self.is_private()
            && (self.export_to.is_empty() || self.export_to.iter().any(|to| to == "*" || to == namespace))
    }
}

/// The proxy for which a rule is looked up.
#[derive(Clone, Copy, Debug)]
pub struct Proxy<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Labels of its pod.
    pub labels: &'a BTreeMap<String, String>,
}

/// `graph-core` in namespace `summit` is `graph-core.summit.svc.cluster.local`; names with dots and wildcards are full.
///
/// Source: `ResolveShortnameToFQDN` in Istio's `pilot/pkg/model/config.go`.
pub fn full_name(host: &str, namespace: &str, cluster_domain: &str) -> String {
    if host.contains('.') || host.contains('*') {
        host.to_owned()
    } else {
        format!("{host}.{namespace}.svc.{cluster_domain}")
    }
}

/// How exactly a rule's host matches: the whole name, or the length of the wildcard that does.
pub fn match_of(host: &str, fqdn: &str) -> Option<usize> {
    match host.strip_prefix('*') {
        None => (host == fqdn).then_some(usize::MAX),
        Some(suffix) => (fqdn.len() > suffix.len() && fqdn.ends_with(suffix)).then_some(suffix.len()),
    }
}

/// The rules that apply, the one that supplies the traffic policy first: rules for the same host are merged by istiod,
/// the oldest one's traffic policy counts, and all their subsets.
pub fn find<'a>(
    candidates: &'a [Candidate],
    fqdn: &str,
    service_namespace: &str,
    root_namespace: &str,
    proxy: Proxy<'_>,
) -> Vec<&'a Candidate> {
    let local = |c: &&Candidate| {
        c.namespace == proxy.namespace && if proxy.namespace == root_namespace { c.is_private() } else { c.is_local() }
    };
    let of_service = |c: &&Candidate| c.namespace == service_namespace && c.is_exported_to(proxy.namespace);
    let of_root = |c: &&Candidate| c.namespace == root_namespace && c.is_exported_to(proxy.namespace);
    let stages: [&dyn Fn(&&Candidate) -> bool; 3] = [&local, &of_service, &of_root];
    stages
        .into_iter()
        .map(|stage| most_specific(candidates.iter().filter(stage).filter(|c| c.is_for(&proxy)), fqdn))
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

fn most_specific<'a>(candidates: impl Iterator<Item = &'a Candidate>, fqdn: &str) -> Vec<&'a Candidate> {
    let matching: Vec<_> = candidates.filter_map(|c| Some((match_of(&c.host, fqdn)?, c))).collect();
    let Some(best) = matching.iter().map(|(length, _)| *length).max() else { return Vec::new() };
    let mut found: Vec<_> = matching.into_iter().filter(|(length, _)| *length == best).map(|(_, c)| c).collect();
    // A rule with a selector that fits is preferred to one for everybody.
    found.sort_by_key(|c| (Reverse(!c.selector.is_empty()), c.created.clone(), c.name.clone()));
    if found.first().is_some_and(|c| !c.selector.is_empty()) {
        found.truncate(1);
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const HOST: &str = "graph-core.summit.svc.cluster.local";

    fn rules(objects: &[Value]) -> Vec<Candidate> {
        objects.iter().enumerate().filter_map(|(i, o)| Candidate::of(i, o, "cluster.local")).collect()
    }

    fn rule(namespace: &str, name: &str, host: &str, export_to: &[&str]) -> Value {
        json!({ "metadata": { "namespace": namespace, "name": name, "creationTimestamp": "2026-01-01T00:00:00Z" }, "spec": { "host": host, "exportTo": export_to } })
    }

    fn found(objects: &[Value], caller: &str) -> Vec<String> {
        let labels = BTreeMap::from([("app".to_owned(), "front".to_owned())]);
        let rules = rules(objects);
        find(&rules, HOST, "summit", "istio-system", Proxy { namespace: caller, labels: &labels })
            .into_iter()
            .map(|c| format!("{}/{}", c.namespace, c.name))
            .collect()
    }

    #[test]
    fn the_callers_namespace_comes_first_then_the_services_then_the_root() {
        let objects = [
            rule("istio-system", "mesh", "*.local", &[]),
            rule("summit", "own", "graph-core", &[]),
            rule("shop", "theirs", HOST, &[]),
        ];
        assert_eq!(found(&objects, "shop"), ["shop/theirs"]);
        assert_eq!(found(&objects, "discovery"), ["summit/own"]);
        assert_eq!(found(&objects[..1], "discovery"), ["istio-system/mesh"]);
        assert_eq!(found(&[], "discovery"), Vec::<String>::new());
    }

    #[test]
    fn a_wildcard_of_the_caller_beats_the_services_exact_rule() {
        let objects = [rule("summit", "own", HOST, &[]), rule("shop", "all", "*.summit.svc.cluster.local", &[])];
        assert_eq!(found(&objects, "shop"), ["shop/all"]);
    }

    #[test]
    fn the_most_specific_host_counts_in_a_namespace() {
        let objects = [
            rule("summit", "all", "*", &[]),
            rule("summit", "domain", "*.summit.svc.cluster.local", &[]),
            rule("summit", "exact", HOST, &[]),
        ];
        assert_eq!(found(&objects, "discovery"), ["summit/exact"]);
        assert_eq!(found(&objects[..2], "discovery"), ["summit/domain"]);
    }

    #[test]
    fn export_to_decides_who_sees_it() {
        assert!(found(&[rule("summit", "own", HOST, &["."])], "shop").is_empty());
        assert_eq!(found(&[rule("summit", "own", HOST, &["."])], "summit"), ["summit/own"]);
        assert_eq!(found(&[rule("summit", "own", HOST, &["shop"])], "shop"), ["summit/own"]);
        assert!(found(&[rule("summit", "own", HOST, &["other"])], "shop").is_empty());
        assert!(found(&[rule("summit", "own", HOST, &["shop"])], "summit").is_empty(), "exported to others only");
        assert!(found(&[rule("istio-system", "mesh", HOST, &["."])], "shop").is_empty());
        assert_eq!(found(&[rule("istio-system", "mesh", HOST, &["."])], "istio-system"), ["istio-system/mesh"]);
    }

    #[test]
    fn short_names_belong_to_the_rules_namespace() {
        assert!(found(&[rule("shop", "own", "graph-core", &[])], "shop").is_empty(), "that is graph-core.shop");
        assert!(
            found(&[rule("shop", "own", "graph-core.summit", &[])], "shop").is_empty(),
            "a name with dots is taken as it is"
        );
    }

    #[test]
    fn selectors_and_age() {
        let mut selective = rule("summit", "selective", HOST, &[]);
        selective["spec"]["workloadSelector"] = json!({ "matchLabels": { "app": "front" } });
        let mut other = rule("summit", "other", HOST, &[]);
        other["spec"]["workloadSelector"] = json!({ "matchLabels": { "app": "batch" } });
        let mut older = rule("summit", "older", HOST, &[]);
        older["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
        assert_eq!(
            found(&[rule("summit", "all", HOST, &[]), selective, other.clone()], "summit"),
            ["summit/selective"]
        );
        assert_eq!(found(&[rule("summit", "all", HOST, &[]), other, older], "summit"), ["summit/older", "summit/all"]);
    }

    proptest! {
        #[test]
        fn nothing_panics(host in "[*.a-z]{0,12}", fqdn in "[.a-z]{0,12}") {
            let objects = [rule("summit", "x", &host, &[])];
            let candidates = rules(&objects);
            let labels = BTreeMap::new();
            let _ = find(&candidates, &fqdn, "summit", "istio-system", Proxy { namespace: "summit", labels: &labels });
        }
    }
}
