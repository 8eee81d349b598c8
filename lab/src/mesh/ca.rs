//! The mesh's certificate authority: its root, and the certificates that its agents fetch for their proxies.
//!
//! Keys are Ed25519 and follow from the world's seed, so that a run is repeatable to the byte; istiod's are RSA or ECDSA,
//! which nobody who reads a dump can tell from a certificate's other fields.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use time::OffsetDateTime;

use super::seed;

/// How long a proxy's certificate is valid, Istio's default `SECRET_TTL`.
pub const TTL: Duration = Duration::from_secs(86_400);
/// istiod dates certificates back by this much, against clocks that differ.
const BACKDATED: Duration = Duration::from_secs(120);
/// 2025-11-25, when the roots were made.
const ROOT_FROM: i64 = 1_764_028_800;
/// The validity of a root, istiod's default of ten years.
const ROOT_FOR: i64 = 315_360_000;

/// Which authority a proxy belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Root {
    /// The mesh's present one, as in the ConfigMap `istio-ca-root-cert`.
    #[default]
    Present,
    /// The one before it.
    Former,
}

/// What a proxy proves itself with, and whom it trusts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Who signed its certificate; it trusts the same root.
    pub root: Root,
    /// Its agent has not fetched a new certificate in time.
    pub expired: bool,
    /// Its agent has not fetched a new certificate lately: it ends soon.
    pub ending: bool,
}

/// A certificate as pages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// PEM.
    pub pem: String,
    /// The serial number in hexadecimal digits, as `/certs` has it.
    pub serial: String,
    /// The start of its validity.
    pub from: Timestamp,
    /// The end of its validity.
    pub until: Timestamp,
}

fn key(world: u64, name: &str) -> KeyPair {
    // RFC 8410, section 7: a PrivateKeyInfo of an Ed25519 key is these sixteen bytes, then the 32 of the seed.
    let mut pkcs8 = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    for part in ["0", "1", "2", "3"] {
        pkcs8.extend(seed::hash(world, &["key", name, part]).to_be_bytes());
    }
    KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8), &rcgen::PKCS_ED25519)
        .expect("any 32 bytes are an Ed25519 seed")
}

fn serial(world: u64, name: &str) -> (SerialNumber, String) {
    let first = seed::hash(world, &["serial", name]);
    // A positive integer of 16 bytes, whose highest bit is not set.
    let bytes: Vec<u8> =
        (first >> 2 | 1 << 60).to_be_bytes().into_iter().chain(seed::mix(first).to_be_bytes()).collect();
    let digits = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    (SerialNumber::from(bytes), digits)
}

fn moment(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.as_second()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn name(root: Root) -> &'static str {
    match root {
        Root::Present => "root",
        Root::Former => "former root",
    }
}

fn root_parameters(world: u64, root: Root) -> (CertificateParams, String, Timestamp, Timestamp) {
    // The former one is a year older.
    let start = ROOT_FROM - if root == Root::Former { 31_536_000 } else { 0 };
    let moment_of = |second| Timestamp::from_second(second).expect("a second of this century");
    let (from, until) = (moment_of(start), moment_of(start + ROOT_FOR));
    let (number, digits) = serial(world, name(root));
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::OrganizationName, "cluster.local");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    parameters.serial_number = Some(number);
    (parameters.not_before, parameters.not_after) = (moment(from), moment(until));
    (parameters, digits, from, until)
}

/// The root's own certificate.
pub fn root(world: u64, root: Root) -> Certificate {
    let (parameters, serial, from, until) = root_parameters(world, root);
    let certificate = parameters.self_signed(&key(world, name(root))).expect("an Ed25519 key signs anything");
    Certificate { pem: certificate.pem(), serial, from, until }
}

/// When every root expires, which istiod exports.
pub fn root_expires() -> Timestamp {
    Timestamp::from_second(ROOT_FROM + ROOT_FOR).expect("a time of this century")
}

/// When the certificate that a proxy has now was fetched: at its start, and whenever half of the validity was over.
fn fetched(identity: Identity, started: Timestamp, now: Timestamp) -> Timestamp {
    if identity.expired {
        // Its last one ended six hours before the proxy was noticed.
        return started - TTL - Duration::from_secs(6 * 3600);
    }
    if identity.ending {
        return started - TTL + Duration::from_secs(40 * 60);
    }
    let age = u64::try_from(now.as_second() - started.as_second()).unwrap_or(0);
    let half = TTL.as_secs() / 2;
    started + Duration::from_secs(age / half * half)
}

/// The certificate of a proxy, without its chain.
pub fn leaf(
    world: u64,
    identity: Identity,
    spiffe: &str,
    pod: &str,
    started: Timestamp,
    now: Timestamp,
) -> Certificate {
    let at = fetched(identity, started, now);
    let (from, until) = (at - BACKDATED, at + TTL);
    let of = format!("{pod} {}", at.as_second());
    let (number, digits) = serial(world, &of);
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.serial_number = Some(number);
    (parameters.not_before, parameters.not_after) = (moment(from), moment(until));
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    parameters.use_authority_key_identifier_extension = true;
    let uri = spiffe.try_into().expect("names of Kubernetes objects are ASCII");
    parameters.subject_alt_names = vec![SanType::URI(uri)];
    let (authority, ..) = root_parameters(world, identity.root);
    let issuer = Issuer::new(authority, key(world, name(identity.root)));
    let certificate = parameters.signed_by(&key(world, &of), &issuer).expect("an Ed25519 key signs anything");
    Certificate { pem: certificate.pem(), serial: digits, from, until }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_repeatable_and_renewed_at_half_of_their_life() {
        let start: Timestamp = "2026-01-05T09:00:00Z".parse().expect("a time");
        let of = |identity, hours: u64| {
            let now = start + Duration::from_secs(hours * 3600);
            leaf(7, identity, "spiffe://cluster.local/ns/summit/sa/default", "front-1", start, now)
        };
        let first = of(Identity::default(), 1);
        assert_eq!(first, of(Identity::default(), 11));
        assert!(of(Identity::default(), 13).from > first.from);
        assert_eq!(first.until, start + TTL);
        let expired = of(Identity { expired: true, ..Identity::default() }, 0);
        assert!(expired.until < start && expired.until > expired.from);
        assert_eq!(first.serial.len(), 32);
        assert_ne!(root(7, Root::Present).pem, root(7, Root::Former).pem);
        assert_eq!(root(7, Root::Present), root(7, Root::Present));
    }
}
