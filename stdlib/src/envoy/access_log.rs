//! Istio's default access log: one line for each request, in text or in JSON.
//!
//! Format: `EnvoyTextLogFormat` and `EnvoyJSONLogFormatIstio` in Istio's `pilot/pkg/model/telemetry_logging.go`.

use jiff::Timestamp;
use serde_json::Value;

use super::ClusterName;

/// What one line says.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When the request began.
    pub at: Timestamp,
    /// Status of the answer; 0 if there was none.
    pub code: u16,
    /// Response flags, for example `["URX", "UF"]`; empty for `-`.
    pub flags: Vec<String>,
    /// Response code details, for example `via_upstream`.
    pub details: String,
    /// Why the connection to the upstream failed; empty for `-`.
    pub transport_failure: String,
    /// The authority that was asked for, for example `graph-core.summit:8080`; empty for `-`.
    pub authority: String,
    /// The address of whoever connected; empty for `-`.
    pub peer: String,
    /// The cluster that was chosen, if one was and it is Istio's.
    pub cluster: Option<ClusterName>,
    /// The name of the route; empty for `-`.
    pub route: String,
}

impl Entry {
    /// Whether Envoy set this response flag.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|set| set == flag)
    }

    /// Whether the proxy answered itself because it does not know the host, and lets out only what it knows: the route
    /// `block_all` of `outboundTrafficPolicy.mode: REGISTRY_ONLY` (`buildCatchAllVirtualHost` in Istio's
    /// `pilot/pkg/networking/core/httproute.go`).
    pub fn is_blocked(&self) -> bool {
        self.route == "block_all" && self.code == 502
    }

    /// Whether the connection failed in the handshake of TLS.
    pub fn is_tls_failure(&self) -> bool {
        self.transport_failure.contains("TLS_error") || self.details.contains("TLS_error")
    }

    /// Reads a line; `None` for everything that is not an access log's, such as the proxy's own messages.
    ///
    /// A prefix before the first `[`, such as the time that a container runtime adds, is skipped.
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        if let Some(start) = line.find('{').filter(|start| line.ends_with('}') && !line[..*start].contains('[')) {
            return json(&line[start..]);
        }
        let line = &line[line.find('[')?..];
        let (at, rest) = line.strip_prefix('[')?.split_once("] ")?;
        let fields = fields(rest);
        let field = |index: usize| fields.get(index).map_or("", |field| if *field == "-" { "" } else { field });
        // METHOD PATH PROTOCOL, code, flags, details, termination, transport failure, …; 13: authority, 15: cluster,
        // 18: who connected, 20: route.
        Some(Entry {
            at: at.parse().ok()?,
            code: fields.get(1)?.parse().ok()?,
            flags: flags(field(2)),
            details: field(3).to_owned(),
            transport_failure: field(5).to_owned(),
            authority: field(13).to_owned(),
            peer: address(field(18)),
            cluster: ClusterName::parse(field(15)),
            route: field(20).to_owned(),
        })
    }
}

/// Fields are separated by blanks; quoted ones may hold blanks.
fn fields(mut rest: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    while let Some(first) = rest.chars().next() {
        if first == ' ' {
            rest = &rest[1..];
        } else if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').unwrap_or(quoted.len());
            fields.push(&quoted[..end]);
            rest = quoted.get(end + 1..).unwrap_or_default();
        } else {
            let end = rest.find(' ').unwrap_or(rest.len());
            fields.push(&rest[..end]);
            rest = &rest[end..];
        }
    }
    fields
}

/// An address without its port.
fn address(text: &str) -> String {
    text.rsplit_once(':').map_or(text, |(address, _)| address).trim_matches(['[', ']']).to_owned()
}

fn flags(text: &str) -> Vec<String> {
    text.split(',').filter(|flag| !flag.is_empty()).map(str::to_owned).collect()
}

fn json(line: &str) -> Option<Entry> {
    let line: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| line.get(key).and_then(Value::as_str).filter(|text| *text != "-").unwrap_or_default();
    let code = line.get("response_code")?;
    Some(Entry {
        at: text("start_time").parse().ok()?,
        code: code.as_u64().and_then(|code| u16::try_from(code).ok()).or_else(|| code.as_str()?.parse().ok())?,
        flags: flags(text("response_flags")),
        details: text("response_code_details").to_owned(),
        transport_failure: text("upstream_transport_failure_reason").to_owned(),
        authority: text("authority").to_owned(),
        peer: address(text("downstream_remote_address")),
        cluster: ClusterName::parse(text("upstream_cluster")),
        route: text("route_name").to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(page: &str) -> Vec<Entry> {
        page.lines().filter_map(Entry::parse).collect()
    }

    #[test]
    fn every_recorded_fault_is_told_by_its_flag() {
        for (page, code, flag, details) in [
            (include_str!("../../testdata/istio-1.31/access-log.UO-breaker.txt"), 503, "UO", "overflow"),
            (
                include_str!("../../testdata/istio-1.31/access-log.UH-no-endpoints.txt"),
                503,
                "UH",
                "no_healthy_upstream",
            ),
            (
                include_str!("../../testdata/istio-1.31/access-log.NC-unknown-subset.txt"),
                503,
                "NC",
                "cluster_not_found",
            ),
            (
                include_str!("../../testdata/istio-1.31/access-log.NR-no-route-matches.txt"),
                404,
                "NR",
                "route_not_found",
            ),
            (include_str!("../../testdata/istio-1.31/access-log.UT-timeout.txt"), 504, "UT", "response_timeout"),
            (
                include_str!("../../testdata/istio-1.31/access-log.UT-per-try-timeout-with-retries.txt"),
                504,
                "UT",
                "upstream_per_try_timeout",
            ),
            (
                include_str!("../../testdata/istio-1.31/access-log.mtls-strict-and-destination-rule-disable.txt"),
                503,
                "UC",
                "connection_termination",
            ),
            (
                include_str!("../../testdata/istio-1.31/access-log.mtls-strict-and-destination-rule-simple.txt"),
                503,
                "UF",
                "CERTIFICATE_VERIFY_FAILED",
            ),
        ] {
            let entries = read(page);
            assert!(
                entries.iter().any(|e| e.code == code && e.has(flag) && e.details.contains(details)),
                "{flag}: {entries:?}"
            );
        }
    }

    #[test]
    fn fields_of_a_refusal() {
        let entries = read(include_str!("../../testdata/istio-1.31/access-log.UO-breaker.txt"));
        let [entry] = entries.as_slice() else { panic!("one line, not {entries:?}") };
        assert_eq!(entry.cluster, ClusterName::parse("outbound|8080||graph-core.summit.svc.cluster.local"));
        assert_eq!(entry.authority, "graph-core.summit:8080");
        assert_eq!(entry.at, "2026-11-23T17:09:07.826Z".parse().expect("a time"));
        assert!(!entry.is_tls_failure());
    }

    #[test]
    fn no_flag_is_the_applications_own_answer() {
        let entries = read(include_str!("../../testdata/istio-1.31/access-log.UF-application-down.txt"));
        assert!(entries.iter().any(|e| e.code == 503 && e.flags.is_empty() && e.details == "via_upstream"));
        assert!(entries.iter().any(|e| e.has("UF") && e.cluster.as_ref().is_some_and(ClusterName::is_inbound)));
    }

    #[test]
    fn a_refused_handshake_is_named() {
        let entries =
            read(include_str!("../../testdata/istio-1.31/access-log.mtls-strict-and-destination-rule-simple.txt"));
        assert!(entries.iter().any(Entry::is_tls_failure), "{entries:?}");
    }

    #[test]
    fn a_container_runtimes_prefix_is_skipped() {
        let entries = read(include_str!("../../testdata/istio-1.31/access-log.sample.txt"));
        assert_eq!(entries.len(), 3);
        assert_eq!(entries.iter().filter(|e| e.has("UO")).count(), 1);
    }

    #[test]
    fn the_json_form_says_the_same() {
        let line = r#"{"start_time":"2026-11-23T17:09:07.826Z","response_code":503,"response_flags":"UO","response_code_details":"overflow","authority":"graph-core.summit:8080","upstream_cluster":"outbound|8080||graph-core.summit.svc.cluster.local","upstream_transport_failure_reason":"-"}"#;
        let entry = Entry::parse(line).expect("an entry");
        assert!(entry.has("UO") && entry.code == 503 && entry.transport_failure.is_empty());
        assert!(entry.cluster.is_some());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,200}", cut in 0usize..400) {
            let _ = Entry::parse(&text);
            let _ = Entry::parse(&format!("[2026-11-23T17:09:07.826Z] {text}"));
            let line = include_str!("../../testdata/istio-1.31/access-log.UO-breaker.txt").lines().last().expect("a line");
            let _ = Entry::parse(line.get(..cut).unwrap_or(line));
        }
    }
}
