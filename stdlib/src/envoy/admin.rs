//! The requests that fetch Envoy's admin pages, as effects: always by port-forward to port 15000, never by exec.

use meshbook_runtime::effect::{Effect, Reply};

/// Envoy's admin port in an Istio sidecar.
pub const PORT: u16 = 15000;

/// Counters of the clusters to a service, and of a server's inbound clusters.
pub fn stats(namespace: &str, pod: &str, fqdn: &str) -> Effect {
    let filter = format!(
        "^cluster[.](inbound|outbound[|].*[|]{}).*upstream_rq_(pending_overflow|active_overflow|5xx|total)$",
        regex_of(fqdn)
    );
    page(namespace, pod, "statistics", &format!("/stats?format=json&filter={}", encode(&filter)))
}

/// The clusters to a service and the inbound ones, with their hosts. Envoys that know no filter answer all clusters.
pub fn clusters(namespace: &str, pod: &str, fqdn: &str) -> Effect {
    page(
        namespace,
        pod,
        &format!("clusters to {fqdn}"),
        &format!("/clusters?format=json&filter={}", encode(&names(fqdn))),
    )
}

/// The part of the configuration that speaks of clusters to a service, and of inbound clusters.
pub fn cluster_config(namespace: &str, pod: &str, fqdn: &str) -> Effect {
    page(
        namespace,
        pod,
        &format!("configuration of clusters to {fqdn}"),
        &format!("/config_dump?resource=dynamic_active_clusters&name_regex={}", encode(&names(fqdn))),
    )
}

/// What it needs memory for: its heap, its connections, how many clusters it holds. All of them are in Istio's default
/// statistics, and the page is small however large the configuration is.
pub fn memory(namespace: &str, pod: &str) -> Effect {
    let filter = "^(server[.](memory_.*|total_connections)|cluster_manager[.]active_clusters)$";
    page(namespace, pod, "memory", &format!("/stats?format=json&filter={}", encode(filter)))
}

/// The certificates that it shows and the roots that it trusts.
pub fn secrets(namespace: &str, pod: &str) -> Effect {
    page(namespace, pod, "certificates", "/config_dump?resource=dynamic_active_secrets")
}

/// How many pages [`configuration`] asks for.
pub const CONFIGURATION: usize = 3;

/// Everything that istiod gave it but endpoints and secrets, in three pages: Envoy answers 400 to a mask whose fields are not
/// all of one message of the dump.
pub fn configuration(namespace: &str, pod: &str) -> [Effect; CONFIGURATION] {
    let clusters = "/config_dump?mask=dynamic_active_clusters,dynamic_warming_clusters";
    [
        page(namespace, pod, "clusters", clusters),
        listeners(namespace, pod),
        page(namespace, pod, "routes", "/config_dump?mask=dynamic_route_configs"),
    ]
}

/// Its listeners.
pub fn listeners(namespace: &str, pod: &str) -> Effect {
    page(namespace, pod, "listeners", "/config_dump?mask=dynamic_listeners")
}

/// All clusters with their hosts.
pub fn hosts(namespace: &str, pod: &str) -> Effect {
    page(namespace, pod, "clusters", "/clusters?format=json")
}

/// Its state and versions.
pub fn server_info(namespace: &str, pod: &str) -> Effect {
    page(namespace, pod, "server info", "/server_info")
}

/// What its allocator has taken.
pub fn heap(namespace: &str, pod: &str) -> Effect {
    page(namespace, pod, "heap", "/memory")
}

/// These lists of the configuration, and of them the members whose name holds a text as it is; all if it is empty.
pub fn part(namespace: &str, pod: &str, what: &str, lists: &[&str], name: &str) -> Effect {
    let eds = if lists.iter().any(|list| list.ends_with("endpoint_configs")) { "&include_eds" } else { "" };
    let names = if name.is_empty() {
        String::new()
    } else {
        format!("&name_regex={}", encode(&format!(".*{}.*", regex_of(name))))
    };
    page(namespace, pod, what, &format!("/config_dump?mask={}{eds}{names}", lists.join(",")))
}

/// The clusters whose name holds a text as it is, with their hosts; all if it is empty.
pub fn hosts_of(namespace: &str, pod: &str, name: &str) -> Effect {
    let filter = if name.is_empty() { String::new() } else { format!("&filter={}", encode(&regex_of(name))) };
    page(namespace, pod, "endpoints", &format!("/clusters?format=json{filter}"))
}

/// The statistics whose names a regular expression (RE2) matches.
pub fn stats_by(namespace: &str, pod: &str, filter: &str) -> Effect {
    page(namespace, pod, "statistics", &format!("/stats?format=json&filter={}", encode(filter)))
}

/// A regular expression (RE2) for the names of clusters to a service, and of inbound clusters.
fn names(fqdn: &str) -> String {
    format!("^(inbound[|].*|outbound[|][0-9]+[|][^|]*[|]{})$", regex_of(fqdn))
}

fn page(namespace: &str, pod: &str, what: &str, path: &str) -> Effect {
    Effect::page(namespace, pod, PORT, format!("Envoy's {what}"), path)
}

/// The page of an answer.
///
/// # Errors
/// A sentence that says what Envoy answered instead.
pub fn body(reply: Reply) -> Result<String, String> {
    body_of("its admin port", reply)
}

/// The page of an answer of any port, which messages name so.
///
/// # Errors
/// A sentence that says what the port answered instead.
pub fn body_of(port: &str, reply: Reply) -> Result<String, String> {
    match reply {
        Reply::Http { status: 200, body } => Ok(body),
        Reply::Http { status, body } => Err(format!("{port} answered {status} {}", crate::text::first_line(&body))),
        _ => Err(format!("{port} gave no HTTP answer")),
    }
}

/// A name inside a regular expression, matched as it is.
fn regex_of(name: &str) -> String {
    regex::escape(name)
}

/// Percent-encodes everything that is not unreserved (RFC 3986, 2.3).
fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len() * 2), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use meshbook_runtime::effect::Call;

    use super::*;

    fn path(effect: &Effect) -> &str {
        match &effect.call {
            Call::Pod(request) => &request.path,
            other => panic!("a request to a pod, not {other:?}"),
        }
    }

    #[test]
    fn names_cannot_leave_their_place() {
        let effect = cluster_config("summit", "front-1", "a.b&resource=x|.*");
        assert!(
            !path(&effect)["/config_dump?resource=dynamic_active_clusters&name_regex=".len()..]
                .contains(['&', '|', '*', '#'])
        );
        assert!(
            path(&effect).contains("a%5C.b%5C%26resource%3Dx") || path(&effect).contains("a%5C.b%26resource%3Dx"),
            "{}",
            path(&effect)
        );
    }

    #[test]
    fn a_part_is_asked_for_by_an_escaped_name() {
        assert_eq!(path(&part("a", "b", "clusters", &["x", "y"], "")), "/config_dump?mask=x,y");
        let effect = part("a", "b", "endpoints", &["dynamic_endpoint_configs"], "a|b&mask=.");
        let (mask, name) = path(&effect).split_once("&name_regex=").expect("a name");
        assert_eq!(mask, "/config_dump?mask=dynamic_endpoint_configs&include_eds");
        assert!(!name.contains(['&', '|', '*']) && name.contains("a%5C%7Cb"), "{name}");
        assert!(!path(&hosts_of("a", "b", "x&format=text")).ends_with("&format=text"));
        assert!(!path(&stats_by("a", "b", "x&type=All"))["/stats?format=json&".len()..].contains('&'));
    }

    #[test]
    fn the_filter_of_statistics_matches_istios_names() {
        let effect = stats("summit", "front-1", "graph-core.summit.svc.cluster.local");
        let encoded = path(&effect).split_once("filter=").expect("a filter").1;
        let mut bytes = Vec::new();
        let mut rest = encoded.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let hex = [rest.next().expect("a digit"), rest.next().expect("a digit")];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).expect("ASCII"), 16).expect("hexadecimal"));
            } else {
                bytes.push(byte);
            }
        }
        let filter = regex::Regex::new(std::str::from_utf8(&bytes).expect("text")).expect("a regular expression");
        for name in [
            "cluster.outbound|8080||graph-core.summit.svc.cluster.local;.upstream_rq_pending_overflow",
            "cluster.outbound|8080|v1|graph-core.summit.svc.cluster.local;.upstream_rq_5xx",
            "cluster.inbound|8080||;.upstream_rq_active_overflow",
        ] {
            assert!(filter.is_match(name), "{name}");
        }
        assert!(!filter.is_match("cluster.outbound|8080||catalog.summit.svc.cluster.local;.upstream_rq_total"));
    }

    #[test]
    fn what_is_not_a_page_says_so() {
        assert_eq!(
            body(Reply::Http { status: 503, body: "draining\nmore".into() }),
            Err("its admin port answered 503 draining".into())
        );
        assert!(body(Reply::Done).is_err());
    }
}
