//! Which Sidecar resource applies to a pod, and which hosts it lets istiod tell the pod's proxy of.
//!
//! Source: `PushContext.initSidecarScopes` and `doGetSidecarScope` in Istio's `pilot/pkg/model/push_context.go`, and
//! `selectServices` in `sidecar.go`: of the pod's namespace the oldest whose selector fits, else the oldest without a
//! selector; else the oldest without a selector in the root namespace. An entry of `egress.hosts` is `NAMESPACE/HOST`; a
//! listener with a port imports only Services that have this port; a host that begins with `~` is taken out again.

use std::collections::BTreeMap;
use std::fmt;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::Value;

use crate::kubernetes::{kinds, read};
use crate::proxy::pod::{selects, strings};
use crate::rule::lookup::match_of;

/// Why a Sidecar resource applies to a pod, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It selects the pod.
    ByWorkload,
    /// It is its namespace's.
    ByNamespace,
    /// It is the mesh's, in the root namespace.
    ByMesh,
    /// Its selector does not fit the pod.
    OtherWorkload,
    /// One that is nearer applies.
    Farther,
    /// An older one of the same kind applies.
    Younger,
    /// It is in the root namespace and has a selector: it holds for pods of that namespace only.
    RootSelector,
}

impl Verdict {
    /// Whether it applies.
    pub fn applies(self) -> bool {
        matches!(self, Verdict::ByWorkload | Verdict::ByNamespace | Verdict::ByMesh)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::ByWorkload => "its workloadSelector fits the caller",
            Verdict::ByNamespace => "the Sidecar of the caller's namespace; none selects the caller",
            Verdict::ByMesh => "the mesh's Sidecar; the caller's namespace has none that fits",
            Verdict::OtherWorkload => "its workloadSelector does not fit the caller",
            Verdict::Farther => "a Sidecar nearer to the caller applies",
            Verdict::Younger => "an older one of the same reach applies",
            Verdict::RootSelector => "with a workloadSelector it holds for pods of its own namespace only",
        })
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// `Sidecar summit/default`.
pub fn name(object: &Value) -> String {
    format!("Sidecar {}/{}", text(object, "/metadata/namespace"), text(object, "/metadata/name"))
}

/// Reads those that can concern pods of a namespace.
///
/// # Errors
/// What every read of the API server can end in.
pub fn read(run: &Run, namespace: &str, root: &str) -> Result<Vec<Value>, Failure> {
    let mut all = read::list(run, kinds::sidecar(), Some(namespace), None)?;
    if root != namespace {
        all.extend(read::list(run, kinds::sidecar(), Some(root), None)?);
    }
    Ok(all)
}

/// Each Sidecar that can concern pods of a namespace, with the reason why it applies to a pod with these labels or not.
pub fn judge<'a>(
    all: &'a [Value],
    namespace: &str,
    root: &str,
    labels: &BTreeMap<String, String>,
) -> Vec<(&'a Value, Verdict)> {
    let mut ordered: Vec<&Value> =
        all.iter().filter(|one| [namespace, root].contains(&text(one, "/metadata/namespace"))).collect();
    ordered.sort_by_key(|one| (text(one, "/metadata/creationTimestamp"), text(one, "/metadata/name")));
    let judged: Vec<(&Value, Verdict)> = ordered
        .into_iter()
        .map(|one| {
            let own = text(one, "/metadata/namespace") == namespace;
            let selector =
                one.pointer("/spec/workloadSelector").map(|_| strings(one.pointer("/spec/workloadSelector/labels")));
            let verdict = match (own, selector) {
                (true, Some(wanted)) if selects(&wanted, labels) => Verdict::ByWorkload,
                (true, Some(_)) => Verdict::OtherWorkload,
                (true, None) => Verdict::ByNamespace,
                (false, Some(_)) => Verdict::RootSelector,
                (false, None) => Verdict::ByMesh,
            };
            (one, verdict)
        })
        .collect();
    let levels = [Verdict::ByWorkload, Verdict::ByNamespace, Verdict::ByMesh];
    let nearest = levels.into_iter().find(|level| judged.iter().any(|(_, verdict)| verdict == level));
    let mut taken = false;
    let lose = |(one, verdict): (&'a Value, Verdict)| {
        let lost = match (verdict.applies(), Some(verdict) == nearest) {
            (true, true) if taken => Verdict::Younger,
            (true, true) => {
                taken = true;
                verdict
            }
            (true, false) => Verdict::Farther,
            (false, _) => verdict,
        };
        (one, lost)
    };
    judged.into_iter().map(lose).collect()
}

/// The Sidecar that applies to a pod; `None` leaves its proxy with every host that is exported to its namespace.
pub fn applying<'a>(
    all: &'a [Value],
    namespace: &str,
    root: &str,
    labels: &BTreeMap<String, String>,
) -> Option<&'a Value> {
    judge(all, namespace, root, labels).into_iter().find(|(_, verdict)| verdict.applies()).map(|(one, _)| one)
}

/// Something that `egress.hosts` may import: a Service, or a VirtualService.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its host, as an FQDN or a wildcard.
    pub host: &'a str,
    /// The ports of the Service; empty for what has none.
    pub ports: &'a [u16],
}

/// Whether a Sidecar imports something for pods of a namespace: the entry that does. One without `egress` imports all.
pub fn imports(sidecar: &Value, namespace: &str, what: Import<'_>) -> Option<String> {
    let egress = sidecar.pointer("/spec/egress").and_then(Value::as_array).filter(|all| !all.is_empty());
    let Some(egress) = egress else { return Some("*/*, because it has no egress".into()) };
    egress.iter().find_map(|listener| {
        let port = listener.pointer("/port/number").and_then(Value::as_u64).filter(|port| *port != 0);
        let any = listener.pointer("/port/protocol").and_then(Value::as_str) == Some("HTTP_PROXY");
        let fits = |port: u64| any || what.ports.is_empty() || what.ports.iter().any(|own| u64::from(*own) == port);
        if !port.is_none_or(fits) {
            return None;
        }
        let entries = listener.get("hosts").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let mut found = None;
        for entry in entries {
            let Some((place, name)) = entry.split_once('/') else { continue };
            let here = place == "*" || place == what.namespace || (place == "." && what.namespace == namespace);
            match name.strip_prefix('~') {
                Some(excluded) if here && covers(excluded, what.host) => return None,
                None if here && covers(name, what.host) => found = found.or_else(|| Some(entry.to_owned())),
                _ => {}
            }
        }
        found
    })
}

/// Whether the host of an entry covers a host, which may be a wildcard itself.
fn covers(entry: &str, host: &str) -> bool {
    entry == "*" || match_of(entry, host).is_some() || (host.starts_with('*') && match_of(host, entry).is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn sidecar(namespace: &str, name: &str, labels: Option<Value>, created: u8) -> Value {
        let mut object = json!({ "metadata": { "namespace": namespace, "name": name, "creationTimestamp": format!("2026-01-{created:02}T00:00:00Z") }, "spec": {} });
        if let Some(labels) = labels {
            object["spec"]["workloadSelector"] = json!({ "labels": labels });
        }
        object
    }

    fn told(all: &[Value], namespace: &str) -> Vec<(String, Verdict)> {
        let labels = BTreeMap::from([("app".to_owned(), "front".to_owned())]);
        let judged = judge(all, namespace, "istio-system", &labels);
        judged.into_iter().map(|(one, verdict)| (text(one, "/metadata/name").to_owned(), verdict)).collect()
    }

    #[test]
    fn the_nearest_applies_and_each_other_is_told_why() {
        let all = [
            sidecar("istio-system", "mesh", None, 1),
            sidecar("istio-system", "selective", Some(json!({ "app": "front" })), 2),
            sidecar("summit", "default", None, 3),
            sidecar("summit", "other", Some(json!({ "app": "catalog" })), 4),
            sidecar("summit", "younger", Some(json!({ "app": "front" })), 6),
            sidecar("summit", "front", Some(json!({ "app": "front" })), 5),
            sidecar("shop", "theirs", None, 1),
        ];
        let verdicts = told(&all, "summit");
        let expected = [
            ("mesh", Verdict::Farther),
            ("selective", Verdict::RootSelector),
            ("default", Verdict::Farther),
            ("other", Verdict::OtherWorkload),
            ("front", Verdict::ByWorkload),
            ("younger", Verdict::Younger),
        ];
        assert_eq!(verdicts, expected.map(|(name, verdict)| (name.to_owned(), verdict)));
        assert_eq!(told(&all[..1], "summit"), [("mesh".to_owned(), Verdict::ByMesh)]);
        assert_eq!(told(&all[2..4], "summit")[0].1, Verdict::ByNamespace);
        assert_eq!(told(&all[1..2], "istio-system")[0].1, Verdict::ByWorkload);
        assert!(told(&[], "summit").is_empty());
    }

    #[test]
    fn hosts_are_imported_by_place_name_and_port() {
        let with = |hosts: Value, port: Option<u16>| {
            let mut object = sidecar("summit", "x", None, 1);
            object["spec"]["egress"] = json!([{ "hosts": hosts }]);
            if let Some(port) = port {
                object["spec"]["egress"][0]["port"] = json!({ "number": port, "protocol": "HTTP" });
            }
            object
        };
        let what = Import { namespace: "shop", host: "catalog.shop.svc.cluster.local", ports: &[8080] };
        for (hosts, port, imported) in [
            (json!(["*/*"]), None, true),
            (json!(["shop/*"]), None, true),
            (json!(["./*"]), None, false),
            (json!(["~/*"]), None, false),
            (json!(["shop/catalog.shop.svc.cluster.local"]), None, true),
            (json!(["shop/catalog"]), None, false),
            (json!(["*/*.svc.cluster.local"]), None, true),
            (json!(["*/*", "shop/~catalog.shop.svc.cluster.local"]), None, false),
            (json!(["*/*"]), Some(8080), true),
            (json!(["*/*"]), Some(9090), false),
            (json!(["nonsense", 4]), None, false),
        ] {
            assert_eq!(imports(&with(hosts.clone(), port), "summit", what).is_some(), imported, "{hosts} {port:?}");
        }
        assert!(imports(&sidecar("summit", "x", None, 1), "summit", what).is_some());
        let own = Import { namespace: "summit", host: "*.shop.svc.cluster.local", ports: &[] };
        assert!(imports(&with(json!(["./catalog.shop.svc.cluster.local"]), None), "summit", own).is_some());
    }

    proptest! {
        #[test]
        fn at_most_one_applies(picks in proptest::collection::vec((0..3_usize, proptest::option::of(0..2_usize), 1..4_u8), 0..8)) {
            let all: Vec<Value> = picks.iter().enumerate().map(|(i, (namespace, app, age))| {
                let labels = app.map(|app| ["front", "catalog"][app]).map(|app| json!({ "app": app }));
                sidecar(["summit", "istio-system", "shop"][*namespace], &format!("s{i}"), labels, *age)
            }).collect();
            let verdicts = told(&all, "summit");
            prop_assert!(verdicts.iter().filter(|(_, verdict)| verdict.applies()).count() <= 1);
            let reaches = all.iter().any(|one| {
                let selector = one.pointer("/spec/workloadSelector/labels/app").and_then(Value::as_str);
                match text(one, "/metadata/namespace") { "summit" => selector != Some("catalog"), "istio-system" => selector.is_none(), _ => false }
            });
            prop_assert_eq!(verdicts.iter().any(|(_, verdict)| verdict.applies()), reaches);
        }
    }
}
