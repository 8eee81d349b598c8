//! How the roots of trust are read.

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Root, TrustRoot};
use crate::envoy::secrets::{Certificate, certificates};
use crate::evidence::{absorb, root};
use crate::kubernetes::{kinds, read};

/// What istiod distributes to every namespace.
const CONFIG_MAP: &str = "istio-ca-root-cert";

/// Reads them.
///
/// # Errors
/// What a script may not handle.
pub fn gather(run: &Run) -> Result<TrustRoot, Failure> {
    let object = ObjectRef::new(kinds::config_map(), &root::namespace(run)?, CONFIG_MAP);
    Ok(TrustRoot::new(match read::find(run, &object) {
        Ok(map) => roots(map.as_ref(), &object),
        Err(failure) => Err(Missing::Unreachable(absorb(failure)?)),
    }))
}

fn roots(map: Option<&Value>, object: &ObjectRef) -> Result<Vec<Root>, Missing> {
    let pem = map.and_then(|map| map.get("data")?.get("root-cert.pem")?.as_str()).unwrap_or_default();
    let roots: Vec<Root> = certificates(pem.as_bytes()).iter().map(|der| of(der)).collect();
    if roots.is_empty() {
        return Err(Missing::NotExported(format!("{object} is not there, or has no certificate")));
    }
    Ok(roots)
}

fn of(der: &[u8]) -> Root {
    let read = Certificate::of(der);
    let (subject, until) = read.map_or_else(
        || ("unreadable".into(), "-".into()),
        |certificate| (certificate.subject, certificate.until.to_string()),
    );
    Root { fingerprint: Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect(), subject, until }
}
