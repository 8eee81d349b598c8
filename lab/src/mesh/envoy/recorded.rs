//! Pages of a real Istio 1.31 sidecar with Envoy 1.40, taken as patterns for what does not depend on the world.

use std::sync::OnceLock;

use serde_json::Value;

/// Envoy's list of admin commands.
pub const HELP: &str = include_str!("../../../testdata/istio/envoy/help.txt");
/// `/stats` of a proxy with Istio's default statistics.
pub const STATS: &str = include_str!("../../../testdata/istio/envoy/front.stats.txt");
/// `POST /logging`.
pub const LOGGING: &str = include_str!("../../../testdata/istio/envoy/front.logging.txt");

const CONFIG_DUMP: &str = include_str!("../../../testdata/istio/envoy/graph-core.config_dump.json");
const SERVER_INFO: &str = include_str!("../../../testdata/istio/envoy/front-stats.server_info.json");
const CERTS: &str = include_str!("../../../testdata/istio/envoy/front.certs.json");
const AGENT: &str = include_str!("../../../testdata/istio/envoy/front-stats.agent.15020.prometheus.txt");

fn parsed(place: &'static OnceLock<Value>, text: &str) -> &'static Value {
    place.get_or_init(|| serde_json::from_str(text).expect("the recorded page is JSON"))
}

/// The whole configuration of a server's sidecar, by the last part of its `@type`.
pub fn config(kind: &str) -> &'static Value {
    static PAGE: OnceLock<Value> = OnceLock::new();
    let page = parsed(&PAGE, CONFIG_DUMP);
    page["configs"]
        .as_array()
        .and_then(|configs| {
            configs
                .iter()
                .find(|config| config["@type"].as_str().is_some_and(|name| name.ends_with(&format!("v3.{kind}"))))
        })
        .expect("the recorded dump has each kind")
}

/// A member of a list of a recorded configuration, found by a name somewhere in it.
pub fn member(kind: &str, list: &str, path: &str, name: &str) -> &'static Value {
    config(kind)[list]
        .as_array()
        .and_then(|all| all.iter().find(|one| one.pointer(path).and_then(Value::as_str) == Some(name)))
        .expect("the recorded dump has this member")
}

/// `/server_info`.
pub fn server_info() -> &'static Value {
    static PAGE: OnceLock<Value> = OnceLock::new();
    parsed(&PAGE, SERVER_INFO)
}

/// `/certs`.
pub fn certs() -> &'static Value {
    static PAGE: OnceLock<Value> = OnceLock::new();
    parsed(&PAGE, CERTS)
}

/// The lines of the agent's own metrics on port 15020.
pub fn agent() -> impl Iterator<Item = &'static str> {
    AGENT.lines().filter(|line| {
        line.strip_prefix("# HELP ").or(line.strip_prefix("# TYPE ")).unwrap_or(line).starts_with("istio_agent_")
    })
}
