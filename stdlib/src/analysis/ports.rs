//! IST0118: names of Services' ports, by which Istio tells protocols apart.

use serde_json::Value;

use super::objects::{Objects, list, namespace, text};
use super::{Message, PORT_NAME};

/// Protocols that a port's name may begin with (`pkg/config/protocol` of istio.io/istio).
const PROTOCOLS: [&str; 12] =
    ["http", "http2", "https", "grpc", "grpc-web", "tcp", "tls", "udp", "mongo", "mysql", "redis", "hbone"];
/// Ports that Istio knows without a name (`pkg/config/kube/conversion.go`): SMTP, DNS, MySQL, MongoDB.
const WELL_KNOWN: [u64; 4] = [25, 53, 3306, 27_017];

/// Checks Services.
pub fn check(objects: &Objects) -> Vec<Message> {
    let mut found = Vec::new();
    for service in objects.of_kind("Service").iter().filter(|service| !objects.is_system(namespace(service))) {
        for port in list(service, "/spec/ports").iter().filter(|port| !is_told(port)) {
            let target =
                port.get("targetPort").map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            let text = format!(
                "Port name {} (port: {}, targetPort: {}) doesn't follow the naming convention of Istio port.",
                text(port, "/name"),
                port.get("port").unwrap_or(&Value::Null),
                target.unwrap_or_default()
            );
            found.push(Message::about(service, &PORT_NAME, text));
        }
    }
    found
}

/// Whether a port tells its protocol.
fn is_told(port: &Value) -> bool {
    let name = text(port, "/name").to_ascii_lowercase();
    let named = PROTOCOLS
        .iter()
        .any(|protocol| name.strip_prefix(protocol).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')));
    named
        || !text(port, "/appProtocol").is_empty()
        || matches!(text(port, "/protocol"), "UDP" | "SCTP")
        || port.get("port").and_then(Value::as_u64).is_some_and(|number| WELL_KNOWN.contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::codes;

    #[test]
    fn names_that_tell_the_protocol() {
        let found = |port: &str| {
            codes(
                check,
                &format!(
                    "{{apiVersion: v1, kind: Service, metadata: {{name: b, namespace: a}}, spec: {{ports: [{{{port}}}]}}}}"
                ),
            )
        };
        for good in [
            "name: http, port: 80",
            "name: http-web, port: 80",
            "name: GRPC, port: 80",
            "name: web, port: 80, appProtocol: http",
            "name: x, port: 53, protocol: UDP",
            "name: db, port: 3306",
        ] {
            assert!(found(good).is_empty(), "{good}");
        }
        for bad in ["port: 80", "name: web, port: 80", "name: httpweb, port: 80"] {
            assert_eq!(found(bad), ["IST0118 Service a/b"], "{bad}");
        }
    }
}
