//! Where in a DestinationRule the TLS mode of a cluster stands, and how it is removed.
//!
//! The precedence is that of the connection pool, see `policy`: subset before rule, a port before both, and a port
//! inherits nothing.

use serde_json::Value;

use super::policy::{self, Level};

/// The modes that Istio's proxies would do better without, towards a server of the mesh.
const REMOVABLE: [&str; 2] = ["DISABLE", "SIMPLE"];

/// The mode at a level; a `tls` without a mode is DISABLE, as the API defines.
pub fn mode_at<'a>(spec: &'a Value, level: &Level) -> Option<&'a str> {
    let tls = policy::holder(spec, level)?.get("tls")?;
    Some(tls.get("mode").and_then(Value::as_str).unwrap_or("DISABLE"))
}

/// The path of the field, as messages name it.
pub fn path(level: &Level) -> String {
    level.to_string().trim_end_matches("connectionPool").to_owned() + "tls"
}

/// The levels from which the mode of a port and subset must go, one after the other, until nothing sets it any more;
/// empty if nothing sets it. What is not to be removed ends the list.
pub fn governing(spec: &Value, port: u16, subset: &str) -> Vec<Level> {
    let (mut rest, mut levels) = (spec.clone(), Vec::new());
    while let Some(level) = policy::governing_of("tls", &rest, port, subset) {
        let goes_on = remove_at(&mut rest, &level).is_some();
        levels.push(level);
        if !goes_on {
            break;
        }
    }
    levels
}

/// Removes the mode at a level, if it is one that may be removed; answers which it was.
fn remove_at(spec: &mut Value, level: &Level) -> Option<String> {
    let mode = mode_at(spec, level).filter(|mode| REMOVABLE.contains(mode))?.to_owned();
    policy::holder_mut(spec, level)?.remove("tls");
    Some(mode)
}

/// Removes it at these levels. Returns the paths, each with the mode that it had.
pub fn remove(spec: &mut Value, levels: &[Level]) -> Vec<(String, String)> {
    levels.iter().filter_map(|level| Some((path(level), remove_at(spec, level)?))).collect()
}

/// Whether a mode is one that [`remove`] removes.
pub fn is_removable(mode: &str) -> bool {
    REMOVABLE.contains(&mode)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_level_that_governs_and_what_then_governs() {
        let mut spec = json!({
            "host": "graph-core",
            "trafficPolicy": { "tls": { "mode": "DISABLE" }, "connectionPool": { "tcp": { "maxConnections": 4 } },
                "portLevelSettings": [{ "port": { "number": 9090 }, "tls": { "mode": "SIMPLE" } }, { "port": { "number": 9091 } }] },
            "subsets": [{ "name": "v1", "trafficPolicy": { "tls": { "mode": "SIMPLE" } } }, { "name": "v2", "trafficPolicy": { "tls": { "mode": "ISTIO_MUTUAL" } } }],
        });
        let paths = |port, subset| governing(&spec, port, subset).iter().map(path).collect::<Vec<_>>();
        assert_eq!(paths(8080, ""), ["spec.trafficPolicy.tls"]);
        assert_eq!(paths(9090, ""), ["spec.trafficPolicy.portLevelSettings[9090].tls"]);
        assert!(paths(9091, "").is_empty(), "a port inherits nothing");
        assert_eq!(paths(8080, "v1"), ["spec.subsets[v1].trafficPolicy.tls", "spec.trafficPolicy.tls"]);
        let levels = governing(&spec, 8080, "v1");
        assert_eq!(remove(&mut spec, &levels).len(), 2);
        assert_eq!(spec.pointer("/trafficPolicy/connectionPool/tcp/maxConnections"), Some(&json!(4)));
        assert_eq!(spec.pointer("/subsets/0/trafficPolicy"), Some(&json!({})));
        let levels = governing(&spec, 8080, "v2");
        assert!(remove(&mut spec, &levels).is_empty(), "mutual TLS is not switched off");
    }

    proptest! {
        #[test]
        fn foreign_shapes_do_not_panic(text in "[\\[\\]{}:,\"a-z0-9]{0,40}", port in 0..100_u16) {
            let spec: Value = serde_json::from_str(&text).unwrap_or_else(|_| json!({ "trafficPolicy": { "tls": [text] } }));
            let levels = governing(&spec, port, "v1");
            let _ = remove(&mut spec.clone(), &levels);
        }
    }
}
