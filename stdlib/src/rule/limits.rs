//! What a circuit breaker lets through.

use std::fmt;

use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

/// What Istio writes where nothing is set, 2³² − 1: no limit.
pub const UNLIMITED: u32 = u32::MAX;

/// The thresholds of one cluster of one proxy (Envoy's `CircuitBreakers.Thresholds`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Connections that may be open (`tcp.maxConnections`).
    pub max_connections: u32,
    /// Requests that may wait for a connection (`http.http1MaxPendingRequests`).
    pub max_pending_requests: u32,
    /// Requests that may be open, over HTTP/1.1 as over HTTP/2 (`http.http2MaxRequests`).
    pub max_requests: u32,
}

impl Limits {
    /// No limit at all.
    pub const UNLIMITED: Limits =
        Limits { max_connections: UNLIMITED, max_pending_requests: UNLIMITED, max_requests: UNLIMITED };

    /// Reads `circuit_breakers.thresholds` of a cluster in `/config_dump` or `/clusters`: the entry for requests of
    /// ordinary priority, which is the one without `priority`. What Envoy omits is Envoy's own default, 1024.
    pub fn of_envoy(cluster: &Value) -> Self {
        let thresholds = cluster.pointer("/circuit_breakers/thresholds").and_then(Value::as_array);
        let ordinary = thresholds.and_then(|all| all.iter().find(|t| t.get("priority").is_none_or(|p| p == "DEFAULT")));
        let limit = |name: &str| {
            ordinary
                .and_then(|t| t.get(name))
                .and_then(Value::as_u64)
                .map_or(1024, |n| u32::try_from(n).unwrap_or(UNLIMITED))
        };
        Limits {
            max_connections: limit("max_connections"),
            max_pending_requests: limit("max_pending_requests"),
            max_requests: limit("max_requests"),
        }
    }

    /// What a `connectionPool` prescribes. As in Istio, what is absent or zero is no limit.
    pub fn of_pool(pool: Option<&Value>) -> Self {
        let limit = |pointer: &str| {
            let set = pool.and_then(|pool| pool.pointer(pointer)).and_then(Value::as_u64).unwrap_or(0);
            if set == 0 { UNLIMITED } else { u32::try_from(set).unwrap_or(UNLIMITED) }
        };
        Limits {
            max_connections: limit("/tcp/maxConnections"),
            max_pending_requests: limit("/http/http1MaxPendingRequests"),
            max_requests: limit("/http/http2MaxRequests"),
        }
    }

    /// Whether it lets everything through.
    pub fn is_unlimited(&self) -> bool {
        *self == Limits::UNLIMITED
    }

    /// How many requests may be open or waiting through it at once; `None` if there is no bound.
    ///
    /// Over HTTP/1.1 a request holds a connection, so the smaller of the two bounds what is open; what waits for a
    /// connection comes on top, and `max_requests` bounds both together.
    pub fn places(&self) -> Option<u64> {
        let open = u64::from(self.max_connections).saturating_add(u64::from(self.max_pending_requests));
        let places = open.min(u64::from(self.max_requests));
        (places < u64::from(UNLIMITED)).then_some(places)
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = |n: u32| if n == UNLIMITED { "unlimited".to_owned() } else { n.to_string() };
        write!(
            f,
            "connections {}, pending {}, requests {}",
            limit(self.max_connections),
            limit(self.max_pending_requests),
            limit(self.max_requests)
        )
    }
}

impl Noun for Limits {
    const NAME: &'static str = "Limits";
    const DOC: &'static str = "What a circuit breaker lets through at once: connections, requests that wait for one, requests that are open. What is not set is unlimited (4294967295).";

    fn text(&self) -> String {
        self.to_string()
    }

    fn table(&self) -> Table {
        let limit = |n: u32| if n == UNLIMITED { "unlimited".to_owned() } else { n.to_string() };
        let mut table = Table::new("limits", &["CONNECTIONS", "PENDING", "REQUESTS"]);
        table.row([limit(self.max_connections), limit(self.max_pending_requests), limit(self.max_requests)]);
        table
    }

    fn json(&self) -> Value {
        json!({ "maxConnections": self.max_connections, "maxPendingRequests": self.max_pending_requests, "maxRequests": self.max_requests })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unset_is_unlimited_in_a_rule_and_1024_in_envoy() {
        assert!(Limits::of_pool(None).is_unlimited());
        assert!(Limits::of_pool(Some(&json!({ "tcp": { "maxConnections": 0 } }))).is_unlimited());
        assert_eq!(
            Limits::of_pool(Some(&json!({ "tcp": { "maxConnections": 100 } }))),
            Limits { max_connections: 100, ..Limits::UNLIMITED }
        );
        assert_eq!(Limits::of_envoy(&json!({})).max_requests, 1024);
    }

    #[test]
    fn the_entry_of_high_priority_is_not_ours() {
        let cluster = json!({ "circuit_breakers": { "thresholds": [
            { "priority": "HIGH", "max_connections": 9, "max_pending_requests": 9, "max_requests": 9 },
            { "max_connections": 1, "max_pending_requests": 2, "max_requests": 4_294_967_295_u32 },
        ] } });
        assert_eq!(
            Limits::of_envoy(&cluster),
            Limits { max_connections: 1, max_pending_requests: 2, max_requests: UNLIMITED }
        );
    }

    #[test]
    fn places_are_bounded_by_the_smallest_way_in() {
        assert_eq!(Limits { max_connections: 4, max_pending_requests: 2, max_requests: 4 }.places(), Some(4));
        assert_eq!(Limits { max_connections: 4, max_pending_requests: 2, max_requests: UNLIMITED }.places(), Some(6));
        assert_eq!(
            Limits { max_connections: 4, max_pending_requests: UNLIMITED, max_requests: UNLIMITED }.places(),
            None
        );
    }
}
