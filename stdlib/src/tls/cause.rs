//! Why a caller and a server do not come to terms about TLS.

use std::fmt;

/// The cause, in the words by which runbooks tell causes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A DestinationRule sets DISABLE towards a server that demands mutual TLS.
    SwitchedOff,
    /// A DestinationRule sets SIMPLE or MUTUAL towards a server of the mesh.
    OtherKind,
    /// A pod without a sidecar calls a server that demands mutual TLS.
    PlaintextCaller,
    /// A sidecar sends plain text, and no rule says so.
    PlainWithoutRule,
    /// A rule demands mutual TLS of pods that have no sidecar.
    ServerWithoutSidecar,
    /// A rule demands mutual TLS of a server whose PeerAuthentication switches it off.
    OffOnServer,
    /// A certificate has expired, or is not valid yet.
    Expired,
    /// One side does not trust the root of the other.
    TwoRoots,
}

impl Cause {
    /// The fixed words.
    pub fn words(self) -> &'static str {
        match self {
            Cause::SwitchedOff => "TLS switched off by a rule",
            Cause::OtherKind => "TLS of another kind set by a rule",
            Cause::PlaintextCaller => "plaintext caller under STRICT",
            Cause::PlainWithoutRule => "plain text without a rule",
            Cause::ServerWithoutSidecar => "no sidecar on the server",
            Cause::OffOnServer => "mutual TLS switched off on the server",
            Cause::Expired => "expired certificate",
            Cause::TwoRoots => "two roots",
        }
    }

    /// The runbook that deals with it, if this one does not.
    pub fn runbook(self) -> &'static str {
        match self {
            Cause::Expired | Cause::PlainWithoutRule => "troubleshooting/control-plane-down.rhai",
            _ => "troubleshooting/mtls.rhai",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
