//! Which mutual TLS a pod's proxy demands on a port, and which PeerAuthentication decides that.
//!
//! Source: `ComposePeerAuthentication` in Istio's `pilot/pkg/security/authn/policy_applier.go`: port, workload, namespace,
//! root namespace, in this order; of two on one level the older counts, then the first by name; UNSET inherits; without
//! any, PERMISSIVE. A selector in the root namespace selects nothing.

use std::collections::BTreeMap;
use std::fmt;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::Value;

use crate::evidence::root;
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::{selects, strings};

/// What a proxy accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Plain text only.
    Disable,
    /// Mutual TLS and plain text.
    Permissive,
    /// Mutual TLS only.
    Strict,
}

impl Mode {
    fn of(mtls: Option<&Value>) -> Option<Self> {
        match mtls?.get("mode")?.as_str()? {
            "STRICT" => Some(Mode::Strict),
            "PERMISSIVE" => Some(Mode::Permissive),
            "DISABLE" => Some(Mode::Disable),
            _ => None,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Disable => "DISABLE",
            Mode::Permissive => "PERMISSIVE",
            Mode::Strict => "STRICT",
        })
    }
}

/// One level of the precedence, and what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// `port 8080`, `workload`, `namespace` or `mesh`.
    pub level: String,
    /// `PeerAuthentication summit/default`.
    pub object: String,
    /// What it says; `None` inherits from the next.
    pub says: Option<Mode>,
}

/// What holds for a pod's port, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// What is accepted.
    pub mode: Mode,
    /// The levels that were asked, up to the one that decided.
    pub why: Vec<Link>,
}

impl Effective {
    /// The object that decides; `None` if Istio's default does.
    pub fn set_by(&self) -> Option<&str> {
        self.why.last().filter(|link| link.says.is_some()).map(|link| link.object.as_str())
    }
}

/// Why a PeerAuthentication decides about a pod's port, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It decides.
    Decides(Mode),
    /// It would be asked, and says nothing: the next level is.
    Inherits,
    /// One of a nearer level decides.
    Farther,
    /// An older one of the same level counts.
    Younger,
    /// Its selector does not fit the pod.
    OtherWorkload,
    /// It has a selector and is in the root namespace: there it selects nothing.
    RootSelector,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Decides(mode) => write!(f, "the nearest that says something: {mode}"),
            Verdict::Inherits => f.write_str("sets no mode for this port: the next level is asked"),
            Verdict::Farther => f.write_str("one of a nearer level decides"),
            Verdict::Younger => f.write_str("an older one of the same level counts"),
            Verdict::OtherWorkload => f.write_str("its selector does not fit the server's pods"),
            Verdict::RootSelector => f.write_str("with a selector, in the root namespace, it selects nothing"),
        }
    }
}

/// All PeerAuthentications that were read.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    objects: Vec<Value>,
    root: String,
    /// What could not be read.
    pub note: Option<String>,
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn object_name(object: &Value) -> String {
    format!("PeerAuthentication {}/{}", text(object, "/metadata/namespace"), text(object, "/metadata/name"))
}

impl Policies {
    /// These, with this root namespace.
    pub fn of(objects: Vec<Value>, root: &str) -> Self {
        Policies { objects, root: root.into(), note: None }
    }

    /// Reads those that can concern pods of a namespace.
    ///
    /// # Errors
    /// What every read of the API server can end in.
    pub fn read(run: &Run, namespace: &str) -> Result<Self, Failure> {
        let root = root::namespace(run)?;
        let (objects, note) = read::list_widely(run, &kinds::peer_authentication(), &[namespace, &root])?;
        Ok(Policies { objects, root, note })
    }

    /// Every PeerAuthentication that can concern pods of a namespace, with the reason why it decides about a pod's port or
    /// does not: those that are asked first, in their order.
    pub fn judge(&self, namespace: &str, labels: &BTreeMap<String, String>, port: u16) -> Vec<(String, Verdict)> {
        let effective = self.effective(namespace, labels, port);
        let mut judged: Vec<(String, Verdict)> = Vec::new();
        for link in &effective.why {
            let verdict = link.says.map_or(Verdict::Inherits, Verdict::Decides);
            match judged.iter_mut().find(|(object, _)| *object == link.object) {
                Some(known) => known.1 = verdict,
                None => judged.push((link.object.clone(), verdict)),
            }
        }
        let level = |object: &Value| {
            let in_root = text(object, "/metadata/namespace") == self.root;
            (in_root, strings(object.pointer("/spec/selector/matchLabels")).is_empty())
        };
        let mut levels: Vec<(bool, bool)> = Vec::new();
        let mut others: Vec<(String, Verdict)> = Vec::new();
        let by_age = |object: &&Value| {
            (text(object, "/metadata/creationTimestamp").to_owned(), text(object, "/metadata/name").to_owned())
        };
        let places = [namespace, self.root.as_str()];
        let mut objects: Vec<&Value> =
            self.objects.iter().filter(|object| places.contains(&text(object, "/metadata/namespace"))).collect();
        objects.sort_by_key(by_age);
        for object in objects {
            let name = object_name(object);
            let selector = strings(object.pointer("/spec/selector/matchLabels"));
            let verdict = match level(object) {
                (true, false) => Verdict::RootSelector,
                _ if !selects(&selector, labels) => Verdict::OtherWorkload,
                own if levels.contains(&own) => Verdict::Younger,
                own => {
                    levels.push(own);
                    Verdict::Farther
                }
            };
            if !judged.iter().any(|(known, _)| *known == name) {
                others.push((name, verdict));
            }
        }
        judged.extend(others);
        judged
    }

    /// What holds for a pod with these labels on a port of its container.
    pub fn effective(&self, namespace: &str, labels: &BTreeMap<String, String>, port: u16) -> Effective {
        let oldest = |place: &str, selective: bool| {
            let fits = |object: &&Value| {
                let selector = strings(object.pointer("/spec/selector/matchLabels"));
                text(object, "/metadata/namespace") == place
                    && selector.is_empty() != selective
                    && selects(&selector, labels)
            };
            let age = |object: &&Value| {
                let field = |name| text(object, name).to_owned();
                (field("/metadata/creationTimestamp"), field("/metadata/name"))
            };
            self.objects.iter().filter(fits).min_by_key(age)
        };
        let in_root = namespace == self.root;
        let workload = if in_root { None } else { oldest(namespace, true) };
        let of_namespace = if in_root { None } else { oldest(namespace, false) };
        let mut levels: Vec<(String, &Value, Option<&Value>)> = Vec::new();
        if let Some(object) = workload {
            let port_level = object.pointer("/spec/portLevelMtls").and_then(|ports| ports.get(port.to_string()));
            if port_level.is_some() {
                levels.push((format!("port {port}"), object, port_level));
            }
            levels.push(("workload".into(), object, object.pointer("/spec/mtls")));
        }
        levels.extend(of_namespace.map(|object| ("namespace".into(), object, object.pointer("/spec/mtls"))));
        levels.extend(oldest(&self.root, false).map(|object| ("mesh".into(), object, object.pointer("/spec/mtls"))));
        let mut why = Vec::new();
        for (level, object, mtls) in levels {
            let name = object_name(object);
            let says = Mode::of(mtls);
            why.push(Link { level, object: name, says });
            if let Some(mode) = says {
                return Effective { mode, why };
            }
        }
        Effective { mode: Mode::Permissive, why }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn policy(namespace: &str, name: &str, spec: Value) -> Value {
        json!({ "metadata": { "namespace": namespace, "name": name, "creationTimestamp": "2026-01-01T00:00:00Z" }, "spec": spec })
    }

    fn effective(objects: &[Value], port: u16) -> Effective {
        let policies = Policies { objects: objects.to_vec(), root: "istio-system".into(), note: None };
        policies.effective("summit", &BTreeMap::from([("app".into(), "graph-core".into())]), port)
    }

    #[test]
    fn port_then_workload_then_namespace_then_mesh() {
        let mesh = policy("istio-system", "default", json!({ "mtls": { "mode": "STRICT" } }));
        let namespace = policy("summit", "default", json!({ "mtls": { "mode": "PERMISSIVE" } }));
        let workload = policy(
            "summit",
            "graph-core",
            json!({
                "selector": { "matchLabels": { "app": "graph-core" } }, "mtls": { "mode": "UNSET" },
                "portLevelMtls": { "9090": { "mode": "DISABLE" }, "9091": {} },
            }),
        );
        let other = policy(
            "summit",
            "catalog",
            json!({ "selector": { "matchLabels": { "app": "catalog" } }, "mtls": { "mode": "DISABLE" } }),
        );
        let everywhere = policy(
            "istio-system",
            "x",
            json!({ "selector": { "matchLabels": { "app": "graph-core" } }, "mtls": { "mode": "DISABLE" } }),
        );
        assert_eq!(effective(&[], 8080), Effective { mode: Mode::Permissive, why: vec![] });
        assert_eq!(effective(&[mesh.clone(), other, everywhere], 8080).mode, Mode::Strict);
        let objects = [mesh.clone(), namespace, workload.clone()];
        let plain = effective(&objects, 8080);
        assert_eq!((plain.mode, plain.set_by()), (Mode::Permissive, Some("PeerAuthentication summit/default")));
        assert_eq!(plain.why.iter().map(|link| link.level.as_str()).collect::<Vec<_>>(), ["workload", "namespace"]);
        assert_eq!(effective(&objects, 9090).mode, Mode::Disable);
        assert_eq!(effective(&[mesh, workload], 9091).mode, Mode::Strict, "an empty port inherits");
    }

    #[test]
    fn the_older_of_two_counts() {
        let mut older = policy("summit", "z", json!({ "mtls": { "mode": "DISABLE" } }));
        older["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
        let younger = policy("summit", "a", json!({ "mtls": { "mode": "STRICT" } }));
        assert_eq!(effective(&[younger, older], 80).mode, Mode::Disable);
    }

    #[test]
    fn each_policy_is_told_why() {
        let app = |name: &str| json!({ "matchLabels": { "app": name } });
        let objects = vec![
            policy("istio-system", "default", json!({ "mtls": { "mode": "STRICT" } })),
            policy(
                "istio-system",
                "selective",
                json!({ "selector": app("graph-core"), "mtls": { "mode": "DISABLE" } }),
            ),
            policy("summit", "default", json!({ "mtls": { "mode": "PERMISSIVE" } })),
            policy("summit", "second", json!({ "mtls": { "mode": "STRICT" } })),
            policy("summit", "graph-core", json!({ "selector": app("graph-core") })),
            policy("summit", "catalog", json!({ "selector": app("catalog"), "mtls": { "mode": "STRICT" } })),
            policy("shop", "default", json!({ "mtls": { "mode": "STRICT" } })),
        ];
        let policies = Policies::of(objects, "istio-system");
        let judged = policies.judge("summit", &BTreeMap::from([("app".into(), "graph-core".into())]), 8080);
        let told: Vec<_> = judged.iter().map(|(name, verdict)| (name.as_str(), *verdict)).collect();
        assert_eq!(
            told,
            [
                ("PeerAuthentication summit/graph-core", Verdict::Inherits),
                ("PeerAuthentication summit/default", Verdict::Decides(Mode::Permissive)),
                ("PeerAuthentication summit/catalog", Verdict::OtherWorkload),
                ("PeerAuthentication istio-system/default", Verdict::Farther),
                ("PeerAuthentication summit/second", Verdict::Younger),
                ("PeerAuthentication istio-system/selective", Verdict::RootSelector),
            ]
        );
    }

    proptest! {
        #[test]
        fn whoever_decides_is_named_once(picks in proptest::collection::vec((0..3_usize, proptest::bool::ANY, 0..4_usize, 0..3_u8), 0..8)) {
            let objects: Vec<Value> = picks.iter().enumerate().map(|(i, (namespace, selective, mode, age))| {
                let mode = ["STRICT", "PERMISSIVE", "DISABLE", "UNSET"][*mode];
                let mut spec = json!({ "mtls": { "mode": mode } });
                if *selective {
                    spec["selector"] = json!({ "matchLabels": { "app": "graph-core" } });
                }
                let mut object = policy(["summit", "istio-system", "shop"][*namespace], &format!("p{i}"), spec);
                object["metadata"]["creationTimestamp"] = json!(format!("2026-01-0{}T00:00:00Z", age + 1));
                object
            }).collect();
            let policies = Policies::of(objects, "istio-system");
            let labels = BTreeMap::from([("app".to_owned(), "graph-core".to_owned())]);
            let effective = policies.effective("summit", &labels, 8080);
            let judged = policies.judge("summit", &labels, 8080);
            let deciding: Vec<_> = judged.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Decides(_))).collect();
            prop_assert_eq!(deciding.first().map(|(name, _)| name.as_str()), effective.set_by());
            prop_assert!(deciding.len() <= 1);
            prop_assert_eq!(judged.len(), picks.iter().filter(|pick| pick.0 < 2).count());
        }

        #[test]
        fn nothing_panics(text in "[\\[\\]{}:,\"a-z0-9]{0,60}") {
            let spec: Value = serde_json::from_str(&text).unwrap_or(json!({ "mtls": text, "portLevelMtls": [text] }));
            let _ = effective(&[policy("summit", "x", spec)], 80);
        }
    }
}
