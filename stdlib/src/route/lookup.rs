//! Which VirtualService istiod applies to a host for callers of a namespace, and which of its routes takes their requests.
//!
//! Sources: `PushContext.initVirtualServices` and `buildSidecarOutboundVirtualHosts` in Istio's
//! `pilot/pkg/model/push_context.go` and `pilot/pkg/networking/core/httproute.go`: what is exported to the caller's
//! namespace and bound to gateway `mesh`; Envoy prefers the exact host to a wildcard; of two for the same host the older
//! one counts, and they are not merged for sidecars. Routes are tried in the order of the list.

use std::cmp::Reverse;
use std::fmt;

use serde_json::Value;

use crate::rule::lookup::{full_name, match_of};

/// A VirtualService that applies, and the chain of those that were looked at.
#[derive(Clone, Debug, Default)]
pub struct Found<'a> {
    /// The object; `None` if none applies.
    pub object: Option<&'a Value>,
    /// Why this one, and why not the others.
    pub chain: Vec<String>,
}

fn name(object: &Value) -> (&str, &str) {
    let text = |key: &str| object.pointer(key).and_then(Value::as_str).unwrap_or_default();
    (text("/metadata/namespace"), text("/metadata/name"))
}

fn strings<'a>(value: &'a Value, pointer: &str) -> Vec<&'a str> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn is_exported(object: &Value, to: &str) -> bool {
    let targets = strings(object, "/spec/exportTo");
    let own = name(object).0;
    targets.is_empty() || targets.iter().any(|target| *target == "*" || *target == to || (*target == "." && own == to))
}

/// Why a VirtualService that names a host applies, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its routes are taken.
    Applies,
    /// It is bound to gateways and not to `mesh`.
    GatewaysOnly,
    /// It is not exported to the callers' namespace.
    NotExported,
    /// The Sidecar of the callers does not import it.
    NotImported,
    /// An older one names the host as exactly.
    Younger,
    /// Another one names the host more exactly.
    LessSpecific,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Applies => "applies",
            Verdict::GatewaysOnly => "is for gateways only",
            Verdict::NotExported => "is not exported to the caller's namespace",
            Verdict::NotImported => "is not imported by the caller's Sidecar",
            Verdict::Younger => "is younger for the same host",
            Verdict::LessSpecific => "has the less specific host",
        })
    }
}

/// Every VirtualService that names a host, with the reason why it applies to callers of a namespace or does not, in the
/// order in which they were read. `imports` says what the Sidecar of the callers lets through.
pub fn judge<'a>(
    objects: &'a [Value],
    fqdn: &str,
    from: &str,
    domain: &str,
    imports: impl Fn(&Value) -> bool,
) -> Vec<(&'a Value, Verdict)> {
    let mut judged = Vec::new();
    let mut fitting = Vec::new();
    for object in objects {
        let (namespace, own) = name(object);
        let hosts = strings(object, "/spec/hosts");
        let Some(specificity) =
            hosts.iter().filter_map(|host| match_of(&full_name(host, namespace, domain), fqdn)).max()
        else {
            continue;
        };
        let verdict = if !is_for_sidecars(object) {
            Verdict::GatewaysOnly
        } else if !is_exported(object, from) {
            Verdict::NotExported
        } else if !imports(object) {
            Verdict::NotImported
        } else {
            let created = object.pointer("/metadata/creationTimestamp").and_then(Value::as_str).unwrap_or_default();
            fitting.push((Reverse(specificity), created, own, namespace, judged.len()));
            Verdict::LessSpecific
        };
        judged.push((object, verdict));
    }
    fitting.sort_unstable();
    let best = fitting.first().map(|first| first.0);
    for (place, one) in fitting.iter().enumerate() {
        if let Some((_, verdict)) = judged.get_mut(one.4) {
            *verdict = match (place, Some(one.0) == best) {
                (0, _) => Verdict::Applies,
                (_, true) => Verdict::Younger,
                (_, false) => Verdict::LessSpecific,
            };
        }
    }
    judged
}

/// Whether sidecars of a namespace see a VirtualService: it is for gateway `mesh`, and exported to them.
pub fn is_visible(object: &Value, from: &str) -> bool {
    is_for_sidecars(object) && is_exported(object, from)
}

/// Whether it is bound to gateway `mesh`, by name or by naming none.
fn is_for_sidecars(object: &Value) -> bool {
    let gateways = strings(object, "/spec/gateways");
    gateways.is_empty() || gateways.contains(&"mesh")
}

/// The VirtualService for a host, asked from a namespace.
pub fn virtual_service<'a>(
    objects: &'a [Value],
    fqdn: &str,
    from: &str,
    domain: &str,
    imports: impl Fn(&Value) -> bool,
) -> Found<'a> {
    let judged = judge(objects, fqdn, from, domain, imports);
    let label = |object: &Value| format!("VirtualService {}/{}", name(object).0, name(object).1);
    let passed = judged.iter().filter(|(_, verdict)| *verdict != Verdict::Applies);
    let mut chain: Vec<String> = passed.map(|(object, verdict)| format!("{} {verdict}", label(object))).collect();
    let object = judged.iter().find(|(_, verdict)| *verdict == Verdict::Applies).map(|(object, _)| *object);
    chain.push(match object {
        Some(object) => format!("{} applies for callers of namespace {from}", label(object)),
        None => format!("no VirtualService applies to {fqdn} for callers of namespace {from}"),
    });
    Found { object, chain }
}

/// Why a route does not take each and every request of a namespace's callers; `None` if it does.
fn only_for(http: &Value, from: &str) -> Option<String> {
    let matches = http.get("match").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let condition = |one: &Value| {
        let fields = one.as_object()?;
        fields.iter().find_map(|(key, value)| match key.as_str() {
            "name" | "ignoreUriCase" => None,
            "uri" if value.get("prefix").and_then(Value::as_str) == Some("/") => None,
            "sourceNamespace" if value.as_str() == Some(from) => None,
            "gateways" if value.as_array().is_some_and(|all| all.iter().any(|gateway| gateway == "mesh")) => None,
            "headers" | "withoutHeaders" | "queryParams" | "sourceLabels" => {
                let names: Vec<_> = value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
                Some(format!("{key} {}", names.join(", ")))
            }
            "uri" => {
                let (how, what) = value.as_object().and_then(|uri| uri.iter().next())?;
                Some(format!("{how} {}", what.as_str().unwrap_or_default()))
            }
            other => Some(other.to_owned()),
        })
    };
    let conditions: Option<Vec<String>> = matches.iter().map(condition).collect();
    conditions.filter(|all| !all.is_empty()).map(|all| all.join("; "))
}

/// The routes of a VirtualService, as `spec.http` lists them.
pub fn routes(object: &Value) -> &[Value] {
    object.pointer("/spec/http").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// How people call a route: by its name, or by its place.
pub fn label(http: &Value, place: usize) -> String {
    match http.get("name").and_then(Value::as_str) {
        Some(name) if !name.is_empty() => format!("route {name}"),
        _ => format!("route {} (without a name)", place + 1),
    }
}

/// The first route that takes every request; `chain` learns which are passed over.
pub fn catch_all(object: &Value, from: &str, chain: &mut Vec<String>) -> Option<usize> {
    for (place, http) in routes(object).iter().enumerate() {
        match only_for(http, from) {
            Some(condition) => chain.push(format!("{} takes only {condition}", label(http, place))),
            None => {
                chain.push(format!("{} takes the others", label(http, place)));
                return Some(place);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOST: &str = "graph-core.summit.svc.cluster.local";

    fn service(namespace: &str, name: &str, hosts: &[&str], more: Value) -> Value {
        let mut object = json!({ "metadata": { "namespace": namespace, "name": name, "creationTimestamp": "2026-01-02T00:00:00Z" }, "spec": { "hosts": hosts } });
        crate::object::convert::merge(&mut object, &more);
        object
    }

    fn found(objects: &[Value], from: &str) -> Option<String> {
        let found = virtual_service(objects, HOST, from, "cluster.local", |_| true);
        assert!(!found.chain.is_empty());
        found.object.map(|object| name(object).1.to_owned())
    }

    #[test]
    fn the_exact_host_then_the_older_one() {
        let objects = [
            service("summit", "wide", &["*.summit.svc.cluster.local"], json!({})),
            service("summit", "younger", &["graph-core"], json!({})),
            service("summit", "older", &[HOST], json!({ "metadata": { "creationTimestamp": "2026-01-01T00:00:00Z" } })),
        ];
        assert_eq!(found(&objects, "summit").as_deref(), Some("older"));
        assert_eq!(found(&objects[..2], "summit").as_deref(), Some("younger"));
        assert_eq!(found(&objects[..1], "summit").as_deref(), Some("wide"));
        assert_eq!(found(&[], "summit"), None);
    }

    #[test]
    fn gateways_and_export_to() {
        let ingress = service("summit", "ingress", &[HOST], json!({ "spec": { "gateways": ["public"] } }));
        assert_eq!(found(std::slice::from_ref(&ingress), "summit"), None);
        let both = service("summit", "both", &[HOST], json!({ "spec": { "gateways": ["public", "mesh"] } }));
        assert_eq!(found(&[ingress, both], "shop").as_deref(), Some("both"));
        let own = service("summit", "own", &[HOST], json!({ "spec": { "exportTo": ["."] } }));
        assert_eq!(found(std::slice::from_ref(&own), "shop"), None);
        assert_eq!(found(&[own], "summit").as_deref(), Some("own"));
    }

    #[test]
    fn each_virtual_service_is_told_why() {
        let objects = [
            service("summit", "wide", &["*.summit.svc.cluster.local"], json!({})),
            service("summit", "ingress", &[HOST], json!({ "spec": { "gateways": ["public"] } })),
            service("shop", "theirs", &[HOST], json!({ "spec": { "exportTo": ["."] } })),
            service("far", "far", &[HOST], json!({})),
            service("summit", "own", &["graph-core"], json!({})),
            service("summit", "second", &[HOST], json!({})),
            service("summit", "catalog", &["catalog"], json!({})),
        ];
        let judged = judge(&objects, HOST, "summit", "cluster.local", |object| name(object).0 != "far");
        let told: Vec<_> = judged.iter().map(|(object, verdict)| (name(object).1, *verdict)).collect();
        assert_eq!(
            told,
            [
                ("wide", Verdict::LessSpecific),
                ("ingress", Verdict::GatewaysOnly),
                ("theirs", Verdict::NotExported),
                ("far", Verdict::NotImported),
                ("own", Verdict::Applies),
                ("second", Verdict::Younger),
            ]
        );
    }

    #[test]
    fn the_first_route_that_takes_everything() {
        let object = service(
            "summit",
            "x",
            &[HOST],
            json!({ "spec": { "http": [
                { "name": "canary", "match": [{ "headers": { "x-test": { "exact": "canary" } } }] },
                { "match": [{ "uri": { "prefix": "/admin" } }] },
                { "name": "default", "match": [{ "uri": { "exact": "/x" } }, { "uri": { "prefix": "/" } }] },
                { "name": "never" },
            ] } }),
        );
        let mut chain = Vec::new();
        assert_eq!(catch_all(&object, "summit", &mut chain), Some(2));
        assert_eq!(
            chain,
            [
                "route canary takes only headers x-test",
                "route 2 (without a name) takes only prefix /admin",
                "route default takes the others"
            ]
        );
        assert_eq!(catch_all(&service("summit", "x", &[HOST], json!({})), "summit", &mut chain), None);
    }
}
