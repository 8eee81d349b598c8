//! What a cluster of Envoy sends: its transport socket, as Istio sets it.
//!
//! Source: `applyUpstreamTLSSettings` in Istio's `pilot/pkg/networking/core/cluster_tls.go`. Automatic mutual TLS is a
//! pair of `transport_socket_matches`; a rule's own mode is a `transport_socket`, and DISABLE is none at all. Istio's
//! own certificate is the SDS secret `default`.

use serde_json::Value;

/// What is sent to the endpoints of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// Plain text.
    Plain,
    /// Mutual TLS to endpoints that say that they take it, plain text to the others.
    Automatic,
    /// Istio's mutual TLS to every endpoint.
    Mutual,
    /// TLS without the mesh's certificate.
    Foreign,
}

fn is(one: &Value, name: &str) -> bool {
    one.get("name").and_then(Value::as_str) == Some(name)
}

impl Transport {
    /// Reads it from a cluster of a dump.
    pub fn of(cluster: &Value) -> Self {
        let matches = cluster.get("transport_socket_matches").and_then(Value::as_array);
        if matches.is_some_and(|list| list.iter().any(|one| is(one, "tlsMode-istio"))) {
            return Transport::Automatic;
        }
        let socket = cluster.get("transport_socket").filter(|socket| is(socket, "envoy.transport_sockets.tls"));
        let Some(socket) = socket else { return Transport::Plain };
        let secrets = socket.pointer("/typed_config/common_tls_context/tls_certificate_sds_secret_configs");
        if secrets.and_then(Value::as_array).is_some_and(|list| list.iter().any(|one| is(one, "default"))) {
            Transport::Mutual
        } else {
            Transport::Foreign
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sockets_are_told_apart() {
        let tls = |secret: &str| json!({ "transport_socket": { "name": "envoy.transport_sockets.tls", "typed_config": { "common_tls_context": { "tls_certificate_sds_secret_configs": [{ "name": secret }] } } } });
        assert_eq!(Transport::of(&json!({})), Transport::Plain);
        assert_eq!(Transport::of(&tls("default")), Transport::Mutual);
        assert_eq!(Transport::of(&tls("file-cert:x")), Transport::Foreign);
        assert_eq!(
            Transport::of(&json!({ "transport_socket": { "name": "envoy.transport_sockets.tls" } })),
            Transport::Foreign
        );
        let dump: Value =
            serde_json::from_str(include_str!("../../testdata/istio-1.31/config_dump.clusters.json")).expect("a page");
        let clusters = dump.pointer("/configs/0/dynamic_active_clusters").and_then(Value::as_array).expect("a list");
        let own = clusters
            .iter()
            .filter_map(|one| one.get("cluster"))
            .find(|one| one["name"] == "outbound|8080||graph-core.summit.svc.cluster.local");
        assert_eq!(own.map(Transport::of), Some(Transport::Automatic));
    }
}
