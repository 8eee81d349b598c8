//! What a proxy proves itself with, and whom it trusts: the secrets `default` and `ROOTCA` of Envoy's `/config_dump`.
//!
//! Format: `envoy.admin.v3.SecretsConfigDump.DynamicSecret`, with PEM (RFC 7468) of X.509 certificates (RFC 5280) in
//! base64. Envoy redacts private keys itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// A proxy's certificate with its chain, and the roots that it trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Its own certificate first, then those that vouch for it; DER.
    chain: Vec<Vec<u8>>,
    /// The roots that it trusts; DER.
    roots: Vec<Vec<u8>>,
    /// Its own certificate.
    pub own: Certificate,
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its serial number in hexadecimal digits, as Envoy's `/certs` writes it.
    pub serial: String,
    /// The start of its validity.
    pub from: Timestamp,
    /// The end of its validity.
    pub until: Timestamp,
    /// Its subject (RFC 4514); Istio's workload certificates have none.
    pub subject: String,
    /// Its subject alternative names, URIs and DNS names.
    pub alternative_names: Vec<String>,
}

impl Certificate {
    /// Reads it from DER.
    pub fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|names| &names.value.general_names);
        let alternative_names = names
            .filter_map(|name| match name {
                GeneralName::URI(uri) => Some((*uri).to_owned()),
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                _ => None,
            })
            .collect();
        let at = |second| Timestamp::from_second(second).ok();
        Some(Certificate {
            serial: digits(certificate.raw_serial()).iter().map(|byte| format!("{byte:02x}")).collect(),
            from: at(certificate.validity().not_before.timestamp())?,
            until: at(certificate.validity().not_after.timestamp())?,
            subject: certificate.subject().to_string(),
            alternative_names,
        })
    }

    /// Whether it is out of its validity at a time.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now > self.until || now < self.from
    }

    /// Whether its agent should have renewed it: Istio's does so at half of the validity.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        let life = self.until.as_second() - self.from.as_second();
        // A tenth of the life later, nothing that is only slow is left.
        now.as_second() > self.from.as_second() + life / 2 + life / 10
    }
}

/// DER puts a zero byte before a number whose first bit is set; nobody writes it.
fn digits(serial: &[u8]) -> &[u8] {
    match serial {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    }
}

/// The certificates of a PEM text, DER.
pub fn certificates(pem: &[u8]) -> Vec<Vec<u8>> {
    Pem::iter_from_buffer(pem)
        .filter_map(Result::ok)
        .filter(|one| one.label == "CERTIFICATE")
        .map(|one| one.contents)
        .collect()
}

/// The serial number of a certificate in DER, for people.
pub fn serial(der: &[u8]) -> String {
    Certificate::of(der).map_or_else(|| "unreadable".into(), |certificate| certificate.serial)
}

impl Secrets {
    /// Reads them from a dump.
    ///
    /// # Errors
    /// A sentence that says why the page has none.
    pub fn parse(page: &str) -> Result<Self, String> {
        let page: Value =
            serde_json::from_str(page).map_err(|error| format!("its /config_dump page is not JSON: {error}"))?;
        let all = page.get("configs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let pem = |name: &str, path: &str| {
            let secret = all.iter().find(|one| one.get("name").and_then(Value::as_str) == Some(name))?;
            STANDARD.decode(secret.pointer(path)?.as_str()?).ok()
        };
        let chain = pem("default", "/secret/tls_certificate/certificate_chain/inline_bytes");
        let roots = pem("ROOTCA", "/secret/validation_context/trusted_ca/inline_bytes");
        let chain = certificates(&chain.ok_or("it has no certificate of the mesh (secret `default`)")?);
        let roots = certificates(&roots.ok_or("it has no roots of the mesh (secret `ROOTCA`)")?);
        let own = chain.first().and_then(|der| Certificate::of(der));
        let own = own.ok_or("its certificate cannot be read as X.509")?;
        Ok(Secrets { chain, roots, own })
    }

    /// The roots that it trusts, DER.
    pub fn roots(&self) -> &[Vec<u8>] {
        &self.roots
    }

    /// The root at the end of its own chain, DER.
    pub fn anchor(&self) -> &[u8] {
        self.chain.last().map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether it trusts another's certificate: each of the chain is signed by the next, up to a root that it trusts.
    pub fn trusts(&self, other: &Secrets) -> bool {
        for (index, der) in other.chain.iter().enumerate() {
            if self.roots.contains(der) {
                return true;
            }
            let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
            let is_signed_by = |signer: &Vec<u8>| {
                X509Certificate::from_der(signer)
                    .is_ok_and(|(_, signer)| certificate.verify_signature(Some(signer.public_key())).is_ok())
            };
            if self.roots.iter().any(is_signed_by) {
                return true;
            }
            if !other.chain.get(index + 1).is_some_and(is_signed_by) {
                return false;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DUMP: &str = include_str!("../../testdata/istio-1.31/config_dump.secrets.json");

    #[test]
    fn a_recorded_proxy_trusts_itself() {
        let secrets = Secrets::parse(DUMP).expect("a recorded page");
        assert_eq!(secrets.own.serial, "bf39854b739d58b1f1902b1f47d43e49");
        assert_eq!(secrets.own.until.to_string(), "2026-11-24T17:34:31Z");
        assert!(secrets.trusts(&secrets));
        let stranger = Secrets { roots: Vec::new(), ..secrets.clone() };
        assert!(!stranger.trusts(&secrets));
        let without_root = Secrets { chain: secrets.chain[..1].to_vec(), ..secrets.clone() };
        assert!(secrets.trusts(&without_root), "the signature alone is enough");
        let now = secrets.own.until;
        assert!(!secrets.own.is_expired(now) && secrets.own.is_overdue(now));
        assert!(secrets.own.is_expired("2026-11-25T00:00:00Z".parse().expect("a time")));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,200}", cut in 1..DUMP.len() - 2) {
            let _ = Secrets::parse(&text);
            let _ = Secrets::parse(DUMP.get(..cut).unwrap_or_default());
            let _ = certificates(text.as_bytes());
        }
    }
}
