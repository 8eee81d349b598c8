//! The handshake between a caller and one endpoint: what the caller sends, what the server takes, whom each trusts.
//!
//! Every outcome was looked at on real Envoys, see `testdata/istio/faults/mtls-*`.

use super::outcome::Outcome;
use crate::mesh::ca::Identity;
use crate::mesh::istiod::authentication::{Accepts, Mode};

/// The calling side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller<'a> {
    /// A pod without a sidecar.
    Plain,
    /// A sidecar, with the `tls.mode` of the DestinationRule that applies to its cluster.
    Sidecar(Identity, Option<&'a str>),
    /// A proxy of another cluster of the mesh.
    Elsewhere,
}

/// The answering side: a sidecar with its demands; `None` is a pod without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// What it proves itself with.
    pub identity: Identity,
    /// What it accepts.
    pub accepts: Accepts,
}

/// What comes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shake {
    /// It stands, in plain text.
    Plain,
    /// It stands, both sides have proved who they are.
    Mutual,
    /// It does not stand, and this is how the request ends.
    Failed(Outcome),
}

/// What comes of a connection to a port. `mutual` says whether istiod told the caller that the endpoint takes mutual TLS.
pub fn shake(caller: Caller<'_>, peer: Option<&Peer>, port: u16, mutual: bool) -> Shake {
    enum Sends {
        Plain,
        Mesh(Identity),
        Foreign,
    }
    let sends = match caller {
        Caller::Plain => Sends::Plain,
        Caller::Sidecar(_, Some("DISABLE")) => Sends::Plain,
        Caller::Sidecar(_, Some("SIMPLE" | "MUTUAL")) => Sends::Foreign,
        Caller::Sidecar(identity, Some(_)) => Sends::Mesh(identity),
        Caller::Sidecar(identity, None) if mutual => Sends::Mesh(identity),
        Caller::Elsewhere if mutual => Sends::Mesh(Identity::default()),
        Caller::Sidecar(_, None) | Caller::Elsewhere => Sends::Plain,
    };
    let Some(peer) = peer else {
        return match sends {
            Sends::Plain => Shake::Plain,
            Sends::Mesh(_) | Sends::Foreign => Shake::Failed(Outcome::NoTls),
        };
    };
    match (sends, peer.accepts.on(port)) {
        (Sends::Plain, Mode::Strict) => Shake::Failed(Outcome::Plaintext),
        (Sends::Plain, Mode::Permissive | Mode::Disable) => Shake::Plain,
        // Its bytes go to the application, which answers in plain text.
        (Sends::Mesh(_) | Sends::Foreign, Mode::Disable) => Shake::Failed(Outcome::NoTls),
        // The chain for TLS wants Istio's ALPN there.
        (Sends::Foreign, Mode::Permissive) => Shake::Failed(Outcome::NoFilterChain),
        (Sends::Foreign, Mode::Strict) => Shake::Failed(Outcome::Untrusted),
        // The caller looks at the server's certificate first.
        (Sends::Mesh(own), _) if own.root != peer.identity.root => Shake::Failed(Outcome::Untrusted),
        (Sends::Mesh(_), _) if peer.identity.expired => Shake::Failed(Outcome::Expired),
        (Sends::Mesh(own), _) if own.expired => Shake::Failed(Outcome::Rejected),
        (Sends::Mesh(_), _) => Shake::Mutual,
    }
}

/// The shares of a cluster's endpoints at which requests end by a failed handshake.
pub fn failures(shakes: &[Shake]) -> Vec<(Outcome, f64)> {
    let mut shares: Vec<(Outcome, f64)> = Vec::new();
    for shake in shakes {
        let Shake::Failed(outcome) = shake else { continue };
        let part = 1.0 / shakes.len() as f64;
        match shares.iter_mut().find(|(known, _)| known == outcome) {
            Some((_, share)) => *share += part,
            None => shares.push((*outcome, part)),
        }
    }
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::ca::Root;
    use crate::mesh::istiod::authentication::accepts;
    use serde_json::json;
    use std::sync::Arc;

    fn peer(mode: &str) -> Peer {
        let policy =
            Arc::new(json!({"metadata": {"namespace": "a", "name": "default"}, "spec": {"mtls": {"mode": mode}}}));
        Peer { identity: Identity::default(), accepts: accepts(&[policy], &json!({"metadata": {"namespace": "a"}})) }
    }

    #[test]
    fn each_pair_ends_as_real_envoys_do() {
        let own = Identity::default();
        let sidecar = |mode| Caller::Sidecar(own, mode);
        for (caller, mode, expected) in [
            (sidecar(None), "STRICT", Shake::Mutual),
            (sidecar(None), "PERMISSIVE", Shake::Mutual),
            (Caller::Plain, "PERMISSIVE", Shake::Plain),
            (Caller::Plain, "STRICT", Shake::Failed(Outcome::Plaintext)),
            (sidecar(Some("DISABLE")), "STRICT", Shake::Failed(Outcome::Plaintext)),
            (sidecar(Some("DISABLE")), "PERMISSIVE", Shake::Plain),
            (sidecar(Some("SIMPLE")), "STRICT", Shake::Failed(Outcome::Untrusted)),
            (sidecar(Some("SIMPLE")), "PERMISSIVE", Shake::Failed(Outcome::NoFilterChain)),
            (sidecar(Some("ISTIO_MUTUAL")), "STRICT", Shake::Mutual),
            (sidecar(Some("ISTIO_MUTUAL")), "DISABLE", Shake::Failed(Outcome::NoTls)),
            (Caller::Elsewhere, "STRICT", Shake::Mutual),
        ] {
            assert_eq!(shake(caller, Some(&peer(mode)), 80, mode != "DISABLE"), expected, "{caller:?} {mode}");
        }
        assert_eq!(shake(sidecar(None), None, 80, false), Shake::Plain);
        assert_eq!(shake(sidecar(Some("ISTIO_MUTUAL")), None, 80, false), Shake::Failed(Outcome::NoTls));
    }

    #[test]
    fn certificates_decide_a_mutual_handshake() {
        let expired = Identity { expired: true, ..Identity::default() };
        let former = Identity { root: Root::Former, ..Identity::default() };
        let with = |own, theirs| {
            let peer = Peer { identity: theirs, ..peer("STRICT") };
            shake(Caller::Sidecar(own, None), Some(&peer), 80, true)
        };
        let good = Identity::default();
        assert_eq!(with(good, expired), Shake::Failed(Outcome::Expired));
        assert_eq!(with(expired, good), Shake::Failed(Outcome::Rejected));
        assert_eq!(with(former, good), Shake::Failed(Outcome::Untrusted));
        assert_eq!(with(former, former), Shake::Mutual);
    }

    #[test]
    fn shares_add_up() {
        let shakes = [Shake::Mutual, Shake::Failed(Outcome::Expired), Shake::Failed(Outcome::Expired), Shake::Plain];
        assert_eq!(failures(&shakes), [(Outcome::Expired, 0.5)]);
        assert!(failures(&[]).is_empty());
    }
}
