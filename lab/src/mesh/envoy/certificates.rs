//! What a proxy proves itself with, on `/certs` and among the secrets of `/config_dump`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{config_dump, recorded};
use crate::mesh::Proxy;
use crate::mesh::ca::{self, Certificate};
use crate::mesh::kubernetes::{PodKey, second, text};
use crate::mesh::page::Page;

/// A proxy's certificate, and the root that signed it, which is the root that the proxy trusts.
struct Chain {
    uri: String,
    leaf: Certificate,
    root: Certificate,
}

fn chain(world: u64, proxy: &Proxy, key: &PodKey, now: Timestamp) -> Chain {
    let account = text(&proxy.pod["spec"]["serviceAccountName"]);
    let account = if account.is_empty() { "default" } else { account };
    let uri = format!("spiffe://cluster.local/ns/{}/sa/{account}", key.0);
    let leaf = ca::leaf(world, proxy.identity, &uri, &key.1, proxy.started, now);
    Chain { uri, leaf, root: ca::root(world, proxy.identity.root) }
}

fn days(until: Timestamp, now: Timestamp) -> String {
    ((until.as_second() - now.as_second()).max(0) / 86_400).to_string()
}

/// `/certs`: each use of a certificate, with the roots that are trusted there.
pub fn page(world: u64, proxy: &Proxy, key: &PodKey, now: Timestamp) -> Page {
    let chain = chain(world, proxy, key, now);
    let mut page = recorded::certs().clone();
    for used in page["certificates"].as_array_mut().into_iter().flatten() {
        for (list, certificate) in [("ca_cert", &chain.root), ("cert_chain", &chain.leaf)] {
            for one in used[list].as_array_mut().into_iter().flatten() {
                one["serial_number"] = json!(certificate.serial);
                one["days_until_expiration"] = json!(days(certificate.until, now));
                one["valid_from"] = json!(second(certificate.from));
                one["expiration_time"] = json!(second(certificate.until));
            }
        }
        for one in used["cert_chain"].as_array_mut().into_iter().flatten() {
            one["subject_alt_names"] = json!([{"uri": chain.uri}]);
        }
    }
    Page::json(config_dump::indented(&page))
}

/// Puts a proxy's own certificates in the place of the recorded ones among the secrets of a dump.
pub fn fill(secrets: &mut Value, world: u64, proxy: &Proxy, key: &PodKey, now: Timestamp) {
    let chain = chain(world, proxy, key, now);
    for secret in secrets.as_array_mut().into_iter().flatten() {
        // The agent fetched it two minutes after the date that istiod wrote into it.
        secret["last_updated"] = json!(config_dump::stamp(chain.leaf.from + std::time::Duration::from_secs(120)));
        let (place, pem) = match text(&secret["name"]) {
            "default" => (
                "/secret/tls_certificate/certificate_chain/inline_bytes",
                format!("{}{}", chain.leaf.pem, chain.root.pem),
            ),
            _ => ("/secret/validation_context/trusted_ca/inline_bytes", chain.root.pem.clone()),
        };
        if let Some(bytes) = secret.pointer_mut(place) {
            *bytes = json!(STANDARD.encode(pem.replace("\r\n", "\n")));
        }
    }
}
