//! Istio's names of Envoy clusters: `outbound|8080|v1|graph-core.summit.svc.cluster.local`, `inbound|8080||`.
//!
//! Source: `BuildSubsetKey` in Istio's `pilot/pkg/model/push_context.go`: `DIRECTION|PORT|SUBSET|HOST`.

use std::fmt;

/// Which way a cluster's requests go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From a caller's proxy to the service.
    Outbound,
    /// From the server's proxy to its own application.
    Inbound,
}

/// The name of a cluster that Istio made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterName {
    /// Which way.
    pub direction: Direction,
    /// Port of the service; for inbound clusters the port that the application listens on.
    pub port: u16,
    /// Subset of a DestinationRule; empty if none.
    pub subset: String,
    /// The service's FQDN; empty for inbound clusters.
    pub host: String,
}

impl ClusterName {
    /// Reads a name. `None` for clusters such as `xds-grpc` or `BlackHoleCluster`.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('|');
        let direction = match parts.next()? {
            "outbound" => Direction::Outbound,
            "inbound" => Direction::Inbound,
            _ => return None,
        };
        let port = parts.next()?.parse().ok()?;
        let (subset, host) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        parts.next().is_none().then_some(ClusterName { direction, port, subset, host })
    }

    /// Whether its requests go from a caller to this service.
    pub fn is_outbound_to(&self, fqdn: &str) -> bool {
        self.direction == Direction::Outbound && self.host == fqdn
    }

    /// Whether it leads to the application behind a server's proxy.
    pub fn is_inbound(&self) -> bool {
        self.direction == Direction::Inbound
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            Direction::Outbound => "outbound",
            Direction::Inbound => "inbound",
        };
        write!(f, "{direction}|{}|{}|{}", self.port, self.subset, self.host)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_istio_and_of_others() {
        let name = ClusterName::parse("outbound|8080|v1|graph-core.summit.svc.cluster.local").expect("an Istio name");
        assert_eq!((name.direction, name.port, name.subset.as_str()), (Direction::Outbound, 8080, "v1"));
        assert!(name.is_outbound_to("graph-core.summit.svc.cluster.local") && !name.is_outbound_to("graph-core"));
        assert!(ClusterName::parse("inbound|8080||").expect("an Istio name").is_inbound());
        for other in
            ["xds-grpc", "", "outbound", "outbound|x||h", "outbound|70000||h", "outbound|1||h|x", "outbound_.8080_._.h"]
        {
            assert_eq!(ClusterName::parse(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_prints_the_same(text in "(outbound|inbound)\\|[1-9][0-9]{0,3}\\|[a-z0-9]{0,4}\\|[a-z.]{0,12}") {
            prop_assert_eq!(ClusterName::parse(&text).map(|name| name.to_string()), Some(text));
        }

        #[test]
        fn nothing_panics(text in ".{0,60}") {
            let _ = ClusterName::parse(&text);
        }
    }
}
