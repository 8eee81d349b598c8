//! The server's certificate authority and certificate, made anew at each start.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What the server proves itself with.
pub(crate) struct Identity {
    pub(crate) config: Arc<ServerConfig>,
    /// The authority's certificate, PEM, for kubeconfigs.
    pub(crate) authority: String,
}

fn failed(error: impl std::fmt::Display) -> std::io::Error {
    std::io::Error::other(format!("the lab's certificate could not be made: {error}"))
}

/// Makes an authority and a certificate for 127.0.0.1 and localhost.
pub(crate) fn identity() -> std::io::Result<Identity> {
    let authority_key = KeyPair::generate().map_err(failed)?;
    let mut authority = CertificateParams::new(Vec::<String>::new()).map_err(failed)?;
    authority.distinguished_name.push(DnType::CommonName, "meshbook lab authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let authority_certificate = authority.self_signed(&authority_key).map_err(failed)?;
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().map_err(failed)?;
    let mut server =
        CertificateParams::new(vec!["localhost".to_owned(), "kubernetes.default.svc".to_owned()]).map_err(failed)?;
    server.distinguished_name.push(DnType::CommonName, "meshbook lab");
    server.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    let certificate = server.signed_by(&key, &issuer).map_err(failed)?;
    let chain = vec![certificate.der().clone(), authority_certificate.der().clone()];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(failed)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Identity { config: Arc::new(config), authority: authority_certificate.pem() })
}

/// A bearer token that nobody can guess: 32 hexadecimal digits.
pub(crate) fn token() -> std::io::Result<String> {
    let mut bytes = [0_u8; 16];
    ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| std::io::Error::other("the machine has no random numbers for the lab's tokens"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
