//! Whether what a caller sends is what a server accepts.

use jiff::Timestamp;

use super::cause::Cause;
use crate::envoy::secrets::Secrets;
use crate::envoy::transport::Transport;
use crate::peer_authentication::Mode;

/// The answering side of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Whether its pods have a sidecar.
    pub sidecar: bool,
    /// Whether their label `security.istio.io/tlsMode` tells callers that they take mutual TLS.
    pub marked: bool,
    /// What their sidecars accept.
    pub mode: Mode,
}

impl Demand {
    /// What a caller's proxy really sends to it.
    pub fn gets(self, transport: Transport) -> Transport {
        match transport {
            Transport::Automatic if self.marked && self.mode != Mode::Disable => Transport::Mutual,
            Transport::Automatic => Transport::Plain,
            other => other,
        }
    }
}

/// Why they do not come to terms; `None` if they do, as far as certificates are not concerned.
pub fn modes(transport: Transport, demand: Demand, by_rule: bool) -> Option<Cause> {
    match (demand.gets(transport), demand.sidecar, demand.mode) {
        (Transport::Plain, true, Mode::Strict) if by_rule => Some(Cause::SwitchedOff),
        (Transport::Plain, true, Mode::Strict) => Some(Cause::PlainWithoutRule),
        (Transport::Plain, _, _) => None,
        // A server outside of the mesh may well speak a TLS of its own: that is what the rule is for.
        (Transport::Foreign, false, _) => None,
        (Transport::Foreign, true, _) => Some(Cause::OtherKind),
        (Transport::Mutual | Transport::Automatic, false, _) => Some(Cause::ServerWithoutSidecar),
        (Transport::Mutual | Transport::Automatic, true, Mode::Disable) => Some(Cause::OffOnServer),
        (Transport::Mutual | Transport::Automatic, true, _) => None,
    }
}

/// Why two certificates do not come to terms.
pub fn certificates(caller: &Secrets, server: &Secrets, now: Timestamp) -> Option<Cause> {
    if caller.own.is_expired(now) || server.own.is_expired(now) {
        return Some(Cause::Expired);
    }
    (!caller.trusts(server) || !server.trusts(caller)).then_some(Cause::TwoRoots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_against_every_transport() {
        let strict = Demand { sidecar: true, marked: true, mode: Mode::Strict };
        let permissive = Demand { mode: Mode::Permissive, ..strict };
        let disabled = Demand { mode: Mode::Disable, ..strict };
        let bare = Demand { sidecar: false, marked: false, mode: Mode::Strict };
        for (transport, demand, by_rule, expected) in [
            (Transport::Automatic, strict, false, None),
            (Transport::Automatic, permissive, false, None),
            (Transport::Automatic, disabled, false, None),
            (Transport::Automatic, bare, false, None),
            (Transport::Plain, strict, true, Some(Cause::SwitchedOff)),
            (Transport::Plain, strict, false, Some(Cause::PlainWithoutRule)),
            (Transport::Plain, permissive, true, None),
            (Transport::Plain, bare, true, None),
            (Transport::Foreign, strict, true, Some(Cause::OtherKind)),
            (Transport::Foreign, permissive, true, Some(Cause::OtherKind)),
            (Transport::Foreign, bare, true, None),
            (Transport::Mutual, bare, true, Some(Cause::ServerWithoutSidecar)),
            (Transport::Mutual, disabled, true, Some(Cause::OffOnServer)),
            (Transport::Mutual, strict, true, None),
        ] {
            assert_eq!(modes(transport, demand, by_rule), expected, "{transport:?} {demand:?}");
        }
    }
}
