//! Certificates: PEM (RFC 7468) and X.509 (RFC 5280) behind base64 in Envoy's secrets, and istiod's in webhooks.
//!
//! Beyond "no panic": base64 that was written is read as the same text; a serial number is hexadecimal or said to be
//! unreadable; whoever has no roots trusts nobody.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use meshbook_stdlib::control_plane::pem;
use meshbook_stdlib::envoy::secrets::{Secrets, certificates, serial};
use serde_json::json;

fn is_told(der: &[u8]) {
    let serial = serial(der);
    assert!(serial == "unreadable" || serial.bytes().all(|byte| byte.is_ascii_hexdigit()), "{serial}");
}

/// The input is a PEM text, or DER, or base64.
pub fn run(bytes: &[u8]) {
    is_told(bytes);
    certificates(bytes).iter().for_each(|der| is_told(der));
    let encoded = STANDARD.encode(bytes);
    let page = json!({ "configs": [
        { "name": "default", "secret": { "tls_certificate": { "certificate_chain": { "inline_bytes": encoded } } } },
        { "name": "ROOTCA", "secret": { "validation_context": { "trusted_ca": { "inline_bytes": encoded } } } },
    ]});
    if let Ok(secrets) = Secrets::parse(&page.to_string()) {
        assert!(secrets.trusts(&secrets), "its own certificate is among its roots");
        assert!(secrets.roots().iter().any(|root| root == secrets.anchor()));
        let _ = (secrets.own.is_expired(Timestamp::MAX), secrets.own.is_overdue(Timestamp::MAX));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert_eq!(pem::decoded(&encoded).as_deref(), Some(text));
        let _ = pem::decoded(text);
        assert!(pem::certificates(text).iter().all(|one| !one.contains(char::is_whitespace)));
    }
}
