//! Transport sockets: what a proxy's clusters send, and which filter chains its inbound listener has for it.
//!
//! Sources: `applyUpstreamTLSSettings` and `buildUpstreamClusterTLSContext` in Istio's
//! `pilot/pkg/networking/core/cluster_tls.go`; for the inbound chains `listener_inbound.go` beside it.

use serde_json::{Value, json};

use crate::mesh::istiod::authentication::Mode;
use crate::mesh::istiod::config::Cluster;

const TYPED: &str = "/transport_socket_matches/0/transport_socket/typed_config";

/// The transport sockets of a cluster whose body is the recorded one, with automatic mutual TLS.
pub fn outbound(body: &mut Value, cluster: &Cluster) {
    let set = |body: &mut Value, path: &str, value: Value| {
        if let Some(place) = body.pointer_mut(&format!("{TYPED}{path}")) {
            *place = value;
        }
    };
    set(body, "/sni", json!(format!("outbound_.{}_.{}_.{}", cluster.port, cluster.subset, cluster.host)));
    let spiffe = format!("spiffe://cluster.local/ns/{}/sa/default", cluster.service.0);
    let names = "/common_tls_context/combined_validation_context/default_validation_context/match_subject_alt_names";
    set(body, &format!("{names}/0/exact"), json!(spiffe));
    let mutual = body.pointer("/transport_socket_matches/0/transport_socket").cloned();
    let socket = match cluster.policy.tls_mode.as_deref() {
        None if !cluster.mutual_tls_off => return,
        None | Some("DISABLE") => None,
        Some("ISTIO_MUTUAL") => mutual,
        Some(mode) => mutual.map(|socket| foreign(socket, mode)),
    };
    if let Some(map) = body.as_object_mut() {
        map.remove("transport_socket_matches");
        if let Some(socket) = socket {
            map.insert("transport_socket".into(), socket);
        }
    }
}

/// TLS without the mesh's identity: the server is held against the machine's own roots.
fn foreign(mut socket: Value, mode: &str) -> Value {
    let Some(typed) = socket["typed_config"].as_object_mut() else { return socket };
    typed.remove("sni");
    let Some(context) = typed.get_mut("common_tls_context").and_then(Value::as_object_mut) else { return socket };
    context.remove("alpn_protocols");
    let from_file = |name: &str, like: &Value| {
        let mut named = like.clone();
        named["name"] = json!(name);
        named
    };
    let mut validation = context.get("combined_validation_context").cloned().unwrap_or_default();
    validation["default_validation_context"] = json!({});
    validation["validation_context_sds_secret_config"] =
        from_file("file-root:system", &validation["validation_context_sds_secret_config"]);
    context.insert("combined_validation_context".into(), validation);
    if mode == "SIMPLE" {
        context.remove("tls_certificate_sds_secret_configs");
    } else if let Some(first) = context.get_mut("tls_certificate_sds_secret_configs").and_then(|list| list.get_mut(0)) {
        *first = from_file("file-cert:/etc/certs/client.pem~/etc/certs/key.pem", first);
    }
    socket
}

/// The filter chains of a port, of those that were recorded of a permissive proxy.
pub fn inbound(chains: &mut Value, port: u16, mode: Mode) {
    let Some(chains) = chains.as_array_mut() else { return };
    let name = format!("0.0.0.0_{port}");
    let is_tls = |chain: &Value| chain["filter_chain_match"]["transport_protocol"] == "tls";
    match mode {
        Mode::Permissive => {}
        Mode::Strict => {
            chains.retain(|chain| chain["name"] != name || is_tls(chain));
            for chain in chains.iter_mut().filter(|chain| chain["name"] == name) {
                if let Some(found) = chain["filter_chain_match"].as_object_mut() {
                    found.remove("application_protocols");
                }
            }
        }
        Mode::Disable => {
            chains.retain(|chain| chain["name"] != name || !is_tls(chain));
            for chain in chains.iter_mut().filter(|chain| chain["name"] == name) {
                if let Some(found) = chain["filter_chain_match"].as_object_mut() {
                    found.remove("transport_protocol");
                }
            }
        }
    }
}
