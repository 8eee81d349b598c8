//! Which DestinationRule istiod applies to a host for a proxy.
//!
//! Source: `PushContext.destinationRule` and `setDestinationRules` in Istio's `pilot/pkg/model/push_context.go`, and
//! `SidecarScope.DestinationRule` in `sidecar.go`: first the proxy's namespace, then the service's, then the root
//! namespace; in each the most specific host; `exportTo` decides who sees a rule outside of its own namespace. In the root
//! namespace only what is exported counts for others. A rule with a selector is private to its namespace, and where it has
//! the most specific host it hides less specific ones also from pods that it does not select.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::proxy::pod::selects;

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
        selects(&self.selector, proxy.labels)
    }

    fn is_private(&self) -> bool {
        !self.selector.is_empty()
            || !self.export_to.is_empty() && self.export_to.iter().all(|to| to == "." || *to == self.namespace)
    }

    fn is_local(&self) -> bool {
        self.is_private()
            || self.export_to.is_empty()
            || self.export_to.iter().any(|to| to == "*" || to == "." || *to == self.namespace)
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

/// Why a rule whose host matches applies, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its traffic policy and its subsets count.
    Applies,
    /// It is merged into an older one for the same host: its subsets count, its traffic policy does not.
    SubsetsOnly,
    /// It is in a namespace in which nothing is looked up for this proxy.
    Elsewhere,
    /// It is not exported to the proxy's namespace.
    NotExported,
    /// A rule of a namespace that is looked up earlier counts.
    LaterNamespace,
    /// A rule of the same namespace has a more specific host.
    LessSpecific,
    /// Its `workloadSelector` does not fit the proxy.
    OtherWorkload,
    /// A rule whose `workloadSelector` fits the proxy is preferred.
    LessSelective,
}

impl Verdict {
    /// Whether anything of the rule counts.
    pub fn applies(self) -> bool {
        matches!(self, Verdict::Applies | Verdict::SubsetsOnly)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Applies => "the most specific host in the first namespace that has one",
            Verdict::SubsetsOnly => "an older rule for the same host sets the policy: only its subsets are added",
            Verdict::Elsewhere => "neither in the caller's, the service's nor the root namespace",
            Verdict::NotExported => "not exported to the caller's namespace",
            Verdict::LaterNamespace => "a rule of a namespace that is looked up earlier counts",
            Verdict::LessSpecific => "a rule of the same namespace has a more specific host",
            Verdict::OtherWorkload => "its workloadSelector does not fit the caller",
            Verdict::LessSelective => "a rule whose workloadSelector fits the caller is preferred",
        })
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
    let judged = judge(candidates, fqdn, service_namespace, root_namespace, proxy);
    judged.into_iter().filter(|(_, verdict)| verdict.applies()).map(|(candidate, _)| candidate).collect()
}

/// Every rule whose host matches, with the reason why it applies or does not: those that apply first, in the order in
/// which they count, then the others as they were read.
pub fn judge<'a>(
    candidates: &'a [Candidate],
    fqdn: &str,
    service_namespace: &str,
    root_namespace: &str,
    proxy: Proxy<'_>,
) -> Vec<(&'a Candidate, Verdict)> {
    let matching: Vec<(usize, &Candidate)> =
        candidates.iter().filter_map(|c| Some((match_of(&c.host, fqdn)?, c))).collect();
    let local = |c: &Candidate| {
        c.namespace == proxy.namespace && if proxy.namespace == root_namespace { c.is_private() } else { c.is_local() }
    };
    let of_service = |c: &Candidate| c.namespace == service_namespace && !c.is_private();
    let of_root = |c: &Candidate| c.namespace == root_namespace && !c.is_private();
    let stages: [&dyn Fn(&Candidate) -> bool; 3] = [&local, &of_service, &of_root];
    let mut winners: Vec<&Candidate> = Vec::new();
    let mut decided = None;
    for (number, stage) in stages.iter().enumerate() {
        let members = || matching.iter().filter(|(_, c)| stage(c));
        let best = members().map(|(specificity, _)| *specificity).max();
        let top = members().filter(|(specificity, _)| Some(*specificity) == best).map(|(_, c)| *c);
        winners = top.filter(|c| number == 0 || c.is_exported_to(proxy.namespace)).collect();
        if !winners.is_empty() {
            decided = Some(number);
            break;
        }
    }
    winners.sort_by_key(|c| (c.created.clone(), c.name.clone()));
    let selective = winners.iter().copied().find(|c| !c.selector.is_empty() && c.is_for(&proxy));
    let mut judged: Vec<(&Candidate, Verdict)> = Vec::with_capacity(matching.len());
    judged.extend(selective.map(|c| (c, Verdict::Applies)));
    for winner in winners.iter().filter(|c| c.selector.is_empty()) {
        let verdict = match (selective, judged.is_empty()) {
            (Some(_), _) => Verdict::LessSelective,
            (None, true) => Verdict::Applies,
            (None, false) => Verdict::SubsetsOnly,
        };
        judged.push((winner, verdict));
    }
    for winner in winners.iter().filter(|c| !c.selector.is_empty() && selective.is_none_or(|own| own.index != c.index))
    {
        judged.push((winner, if winner.is_for(&proxy) { Verdict::LessSelective } else { Verdict::OtherWorkload }));
    }
    for (_, other) in &matching {
        if judged.iter().any(|(known, _)| known.index == other.index) {
            continue;
        }
        let stage = stages.iter().position(|stage| stage(other));
        let verdict = match stage {
            None if [proxy.namespace, service_namespace, root_namespace].contains(&other.namespace.as_str()) => {
                Verdict::NotExported
            }
            None => Verdict::Elsewhere,
            Some(number) if number > 0 && !other.is_exported_to(proxy.namespace) => Verdict::NotExported,
            Some(number) if decided.is_some_and(|decided| decided < number) => Verdict::LaterNamespace,
            Some(_) => Verdict::LessSpecific,
        };
        judged.push((other, verdict));
    }
    judged
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

    #[test]
    fn each_rule_is_told_why() {
        let mut batch = rule("shop", "batch", HOST, &[]);
        batch["spec"]["workloadSelector"] = json!({ "matchLabels": { "app": "batch" } });
        let objects = [
            rule("summit", "own", HOST, &[]),
            rule("shop", "wide", "*.local", &[]),
            rule("shop", "exact", HOST, &[]),
            batch,
            rule("istio-system", "mesh", "*", &[]),
            rule("summit", "private", HOST, &["."]),
            rule("other", "far", HOST, &[]),
            rule("shop", "not-this-host", "catalog", &[]),
        ];
        let labels = BTreeMap::from([("app".to_owned(), "front".to_owned())]);
        let rules = rules(&objects);
        let judged = judge(&rules, HOST, "summit", "istio-system", Proxy { namespace: "shop", labels: &labels });
        let told: Vec<_> = judged.iter().map(|(c, verdict)| (c.name.as_str(), *verdict)).collect();
        assert_eq!(
            told,
            [
                ("exact", Verdict::Applies),
                ("batch", Verdict::OtherWorkload),
                ("own", Verdict::LaterNamespace),
                ("wide", Verdict::LessSpecific),
                ("mesh", Verdict::LaterNamespace),
                ("private", Verdict::NotExported),
                ("far", Verdict::Elsewhere),
            ]
        );
    }

    #[test]
    fn what_hides_others_without_applying() {
        let mut batch = rule("shop", "batch", HOST, &[]);
        batch["spec"]["workloadSelector"] = json!({ "matchLabels": { "app": "batch" } });
        let hidden = [batch, rule("shop", "wide", "*.local", &[]), rule("summit", "own", HOST, &[])];
        assert!(found(&hidden, "shop").is_empty(), "the most specific host is for other pods");
        let narrow = [rule("summit", "other", HOST, &["other"]), rule("summit", "wide", "*.local", &[])];
        assert!(found(&narrow, "shop").is_empty(), "the most specific host is exported to others");
    }

    proptest! {
        #[test]
        fn each_matching_rule_has_one_verdict_in_whatever_order_they_are_read(
            picks in proptest::collection::vec((0..4_usize, 0..3_usize, 0..4_usize, proptest::bool::ANY, 0..3_u8), 0..8),
            turn in 0..8_usize,
        ) {
            let mut objects: Vec<Value> = picks.iter().enumerate().map(|(i, (namespace, host, export, selective, age))| {
                let mut object = rule(
                    ["shop", "summit", "istio-system", "other"][*namespace],
                    &format!("r{i}"),
                    [HOST, "*.summit.svc.cluster.local", "catalog"][*host],
                    [&[][..], &["."], &["shop"], &["*"]][*export],
                );
                object["metadata"]["creationTimestamp"] = json!(format!("2026-01-0{}T00:00:00Z", age + 1));
                if *selective {
                    object["spec"]["workloadSelector"] = json!({ "matchLabels": { "app": "front" } });
                }
                object
            }).collect();
            let labels = BTreeMap::from([("app".to_owned(), "front".to_owned())]);
            let told = |objects: &[Value]| {
                let rules = rules(objects);
                let judged = judge(&rules, HOST, "summit", "istio-system", Proxy { namespace: "shop", labels: &labels });
                let matching = rules.iter().filter(|c| match_of(&c.host, HOST).is_some()).count();
                assert_eq!(judged.len(), matching);
                assert!(judged.iter().filter(|(_, verdict)| *verdict == Verdict::Applies).count() <= 1);
                let mut told: Vec<_> = judged.iter().map(|(c, verdict)| (c.name.clone(), verdict.to_string())).collect();
                told.sort();
                told
            };
            let before = told(&objects);
            let places = objects.len().max(1);
            objects.rotate_left(turn % places);
            prop_assert_eq!(before, told(&objects));
        }

        #[test]
        fn nothing_panics(host in "[*.a-z]{0,12}", fqdn in "[.a-z]{0,12}") {
            let objects = [rule("summit", "x", &host, &[])];
            let candidates = rules(&objects);
            let labels = BTreeMap::new();
            let _ = find(&candidates, &fqdn, "summit", "istio-system", Proxy { namespace: "summit", labels: &labels });
        }
    }
}
