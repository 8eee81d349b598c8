//! Where in a DestinationRule the connection pool of one cluster stands, and how it is raised.
//!
//! Source: `MergeTrafficPolicy` in Istio's `pilot/pkg/networking/util/util.go`. A subset's `connectionPool` replaces the
//! rule's as a whole; settings of a port replace both and inherit nothing. Inbound clusters know no subsets.

use std::fmt;

use serde_json::{Map, Value, json};

use super::limits::{Limits, UNLIMITED};

/// The place of a traffic policy in a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level {
    /// Name of the subset; `None` for the rule itself.
    pub subset: Option<String>,
    /// Number of the port; `None` for all ports.
    pub port: Option<u16>,
}

impl fmt::Display for Level {
    /// The path of its connection pool, as messages name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("spec")?;
        if let Some(subset) = &self.subset {
            write!(f, ".subsets[{subset}]")?;
        }
        f.write_str(".trafficPolicy")?;
        if let Some(port) = self.port {
            write!(f, ".portLevelSettings[{port}]")?;
        }
        f.write_str(".connectionPool")
    }
}

/// The level whose connection pool governs the cluster of a port and subset; `None` if nothing limits it.
pub fn governing(spec: &Value, port: u16, subset: &str) -> Option<Level> {
    governing_of("connectionPool", spec, port, subset)
}

/// The level whose field of this name (`connectionPool`, `tls`) governs the cluster of a port and subset.
pub fn governing_of(field: &str, spec: &Value, port: u16, subset: &str) -> Option<Level> {
    let own = (!subset.is_empty()).then(|| Some(subset.to_owned()));
    own.into_iter().chain([None]).find_map(|subset| at_subset(field, spec, port, subset)).flatten()
}

/// `None`: this subset says nothing, ask the rule itself. `Some(None)`: it says that there is no limit.
fn at_subset(field: &str, spec: &Value, port: u16, subset: Option<String>) -> Option<Option<Level>> {
    let policy = policy(spec, subset.as_deref())?;
    if let Some(settings) = port_settings(policy, port) {
        return Some(settings.get(field).map(|_| Level { subset, port: Some(port) }));
    }
    policy.get(field).map(|_| Some(Level { subset, port: None }))
}

fn policy<'a>(spec: &'a Value, subset: Option<&str>) -> Option<&'a Value> {
    match subset {
        None => spec.get("trafficPolicy"),
        Some(name) => spec
            .get("subsets")?
            .as_array()?
            .iter()
            .find(|s| s.get("name").and_then(Value::as_str) == Some(name))?
            .get("trafficPolicy"),
    }
}

fn port_settings(policy: &Value, port: u16) -> Option<&Value> {
    policy
        .get("portLevelSettings")?
        .as_array()?
        .iter()
        .find(|s| s.pointer("/port/number").and_then(Value::as_u64) == Some(u64::from(port)))
}

/// What the rule prescribes for the cluster of a port and subset.
pub fn limits(spec: &Value, port: u16, subset: &str) -> Limits {
    governing(spec, port, subset).map_or(Limits::UNLIMITED, |level| Limits::of_pool(pool(spec, &level)))
}

/// What the connection pool at a level prescribes.
pub fn limits_at(spec: &Value, level: &Level) -> Limits {
    Limits::of_pool(pool(spec, level))
}

fn pool<'a>(spec: &'a Value, level: &Level) -> Option<&'a Value> {
    holder(spec, level)?.get("connectionPool")
}

/// What stands at a level.
pub fn holder<'a>(spec: &'a Value, level: &Level) -> Option<&'a Value> {
    let policy = policy(spec, level.subset.as_deref())?;
    match level.port {
        None => Some(policy),
        Some(port) => port_settings(policy, port),
    }
}

/// Every level of the rule that has a connection pool.
pub fn levels(spec: &Value) -> Vec<Level> {
    let subsets = spec.get("subsets").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let names = subsets.iter().filter_map(|s| s.get("name").and_then(Value::as_str)).map(|name| Some(name.to_owned()));
    let mut levels = Vec::new();
    for subset in [None].into_iter().chain(names) {
        let Some(policy) = policy(spec, subset.as_deref()) else { continue };
        let settings = policy.get("portLevelSettings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let ports = settings
            .iter()
            .filter_map(|s| s.pointer("/port/number").and_then(Value::as_u64))
            .filter_map(|port| u16::try_from(port).ok());
        for port in [None].into_iter().chain(ports.map(Some)) {
            let level = Level { subset: subset.clone(), port };
            if pool(spec, &level).is_some() {
                levels.push(level);
            }
        }
    }
    levels
}

/// One limit that `raise` set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// Path of the field, as messages name it.
    pub field: String,
    /// What it was.
    pub from: u32,
    /// What it is now.
    pub to: u32,
}

/// Raises, in a rule's spec, the limits at these levels that are set and lower. Returns what it raised.
///
/// All three limits are raised, whichever overflowed: each of them bounds the number of requests in the same cluster, so
/// raising one alone moves the refusals to the next. What is not set stays unset, because unset means unlimited.
pub fn raise(spec: &mut Value, levels: &[Level], limit: u32) -> Vec<Raised> {
    let mut raised = Vec::new();
    for level in levels {
        let Some(pool) = pool_mut(spec, level) else { continue };
        for (group, name) in
            [("tcp", "maxConnections"), ("http", "http1MaxPendingRequests"), ("http", "http2MaxRequests")]
        {
            let Some(field) = pool.get_mut(group).and_then(|g| g.get_mut(name)) else { continue };
            let from = field.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(UNLIMITED);
            // Zero is how Istio writes "not set".
            if from != 0 && from < limit {
                *field = json!(limit);
                raised.push(Raised { field: format!("{level}.{group}.{name}"), from, to: limit });
            }
        }
    }
    raised
}

fn pool_mut<'a>(spec: &'a mut Value, level: &Level) -> Option<&'a mut Map<String, Value>> {
    holder_mut(spec, level)?.get_mut("connectionPool")?.as_object_mut()
}

/// What stands at a level, to be changed.
pub fn holder_mut<'a>(spec: &'a mut Value, level: &Level) -> Option<&'a mut Map<String, Value>> {
    let policy = match &level.subset {
        None => spec.get_mut("trafficPolicy"),
        Some(name) => spec
            .get_mut("subsets")?
            .as_array_mut()?
            .iter_mut()
            .find(|s| s.get("name").and_then(Value::as_str) == Some(name))?
            .get_mut("trafficPolicy"),
    }?;
    let holder = match level.port {
        None => policy,
        Some(port) => policy
            .get_mut("portLevelSettings")?
            .as_array_mut()?
            .iter_mut()
            .find(|s| s.pointer("/port/number").and_then(Value::as_u64) == Some(u64::from(port)))?,
    };
    holder.as_object_mut()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spec() -> Value {
        json!({
            "host": "graph-core",
            "trafficPolicy": {
                "connectionPool": { "tcp": { "maxConnections": 4, "connectTimeout": "3s" }, "http": { "http2MaxRequests": 4 } },
                "portLevelSettings": [
                    { "port": { "number": 9090 }, "connectionPool": { "tcp": { "maxConnections": 9 } } },
                    { "port": { "number": 9091 }, "tls": { "mode": "ISTIO_MUTUAL" } },
                ],
            },
            "subsets": [
                { "name": "v1", "labels": { "version": "v1" } },
                { "name": "v2", "trafficPolicy": { "connectionPool": { "http": { "http1MaxPendingRequests": 2 } } } },
                { "name": "v3", "trafficPolicy": { "portLevelSettings": [{ "port": { "number": 8080 }, "connectionPool": { "tcp": { "maxConnections": 3 } } }] } },
            ],
        })
    }

    fn level(subset: &str, port: u16) -> Level {
        Level { subset: (!subset.is_empty()).then(|| subset.to_owned()), port: (port > 0).then_some(port) }
    }

    #[test]
    fn the_most_particular_level_governs() {
        let spec = spec();
        for (port, subset, expected) in [
            (8080, "", Some(level("", 0))),
            (9090, "", Some(level("", 9090))),
            // Settings of a port inherit nothing: this port has no limit at all.
            (9091, "", None),
            (8080, "v1", Some(level("", 0))),
            (9090, "v1", Some(level("", 9090))),
            (8080, "v2", Some(level("v2", 0))),
            (8080, "v3", Some(level("v3", 8080))),
            (8081, "v3", Some(level("", 0))),
            (8080, "unknown", Some(level("", 0))),
        ] {
            assert_eq!(governing(&spec, port, subset), expected, "{port} {subset}");
        }
    }

    #[test]
    fn a_subsets_pool_replaces_the_rules_as_a_whole() {
        assert_eq!(limits(&spec(), 8080, "v2"), Limits { max_pending_requests: 2, ..Limits::UNLIMITED });
        assert_eq!(limits(&spec(), 9091, ""), Limits::UNLIMITED);
        assert_eq!(limits(&json!({ "host": "x" }), 80, ""), Limits::UNLIMITED);
    }

    #[test]
    fn levels_are_named_by_their_paths() {
        let paths: Vec<_> = levels(&spec()).iter().map(ToString::to_string).collect();
        assert_eq!(
            paths,
            [
                "spec.trafficPolicy.connectionPool",
                "spec.trafficPolicy.portLevelSettings[9090].connectionPool",
                "spec.subsets[v2].trafficPolicy.connectionPool",
                "spec.subsets[v3].trafficPolicy.portLevelSettings[8080].connectionPool",
            ]
        );
    }

    #[test]
    fn only_what_is_set_and_lower_is_raised() {
        let mut spec = spec();
        let raised = raise(&mut spec, &[level("", 0)], 100);
        assert_eq!(raised.len(), 2, "{raised:?}");
        assert_eq!(
            raised[0],
            Raised { field: "spec.trafficPolicy.connectionPool.tcp.maxConnections".into(), from: 4, to: 100 }
        );
        assert_eq!(
            spec.pointer("/trafficPolicy/connectionPool"),
            Some(
                &json!({ "tcp": { "maxConnections": 100, "connectTimeout": "3s" }, "http": { "http2MaxRequests": 100 } })
            )
        );
        assert_eq!(
            spec.pointer("/trafficPolicy/portLevelSettings/0/connectionPool/tcp/maxConnections"),
            Some(&json!(9))
        );
        assert!(raise(&mut spec, &[level("", 0)], 100).is_empty(), "nothing is left to raise");
        assert!(raise(&mut spec, &[level("", 0)], 50).is_empty(), "a limit is never lowered");
        let mut zero = json!({ "trafficPolicy": { "connectionPool": { "tcp": { "maxConnections": 0 } } } });
        assert!(raise(&mut zero, &[level("", 0)], 50).is_empty(), "zero is not set");
    }

    fn pools() -> impl Strategy<Value = Value> {
        (0..2000_u32, proptest::option::of(0..2000_u32), proptest::option::of(0..2000_u32)).prop_map(
            |(connections, pending, requests)| {
                let mut http = Map::new();
                pending.and_then(|n| http.insert("http1MaxPendingRequests".into(), json!(n)));
                requests.and_then(|n| http.insert("http2MaxRequests".into(), json!(n)));
                json!({ "tcp": { "maxConnections": connections }, "http": http })
            },
        )
    }

    proptest! {
        /// After raising, no set limit of the level is below; none was lowered; other levels are as they were.
        #[test]
        fn raising_raises(pool in pools(), other in pools(), limit in 1..3000_u32) {
            let before = json!({ "trafficPolicy": { "connectionPool": pool }, "subsets": [{ "name": "v2", "trafficPolicy": { "connectionPool": other } }] });
            let mut after = before.clone();
            let raised = raise(&mut after, &[Level { subset: None, port: None }], limit);
            let (old, new) = (limits(&before, 80, ""), limits(&after, 80, ""));
            for (old, new) in [(old.max_connections, new.max_connections), (old.max_pending_requests, new.max_pending_requests), (old.max_requests, new.max_requests)] {
                prop_assert_eq!(new, old.max(limit));
            }
            prop_assert_eq!(raised.is_empty(), before == after);
            prop_assert_eq!(before.get("subsets"), after.get("subsets"));
        }

        #[test]
        fn foreign_shapes_do_not_panic(text in "[\\[\\]{}:,\"a-z0-9]{0,40}", port in 0..100_u16) {
            let mut spec: Value = serde_json::from_str(&text).unwrap_or_else(|_| json!({ "trafficPolicy": [1], "subsets": { "a": text } }));
            let _ = levels(&spec);
            let _ = limits(&spec, port, "v1");
            let _ = raise(&mut spec, &[Level { subset: Some("v1".into()), port: Some(port) }], 10);
        }
    }
}
