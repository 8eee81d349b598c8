//! Looks up DNS names by the resolver of this machine (`getaddrinfo`), which may hold an older answer for as long as the
//! record's TTL allows.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::status::printable;
use crate::failure::{Failure, NOT_FOUND, UNREACHABLE};

/// How long a resolver may take. glibc's own limit is 5 s for each server.
const LONGEST: Duration = Duration::from_secs(10);

/// The addresses of a name, as a sorted array of text.
///
/// # Errors
/// [`NOT_FOUND`] if it has none, [`UNREACHABLE`] if the resolver does not answer.
pub(super) async fn addresses(name: &str) -> Result<Value, Failure> {
    let shown = printable(name);
    // A name with a port or a NUL byte in it is none; the resolver is not asked for it.
    let sound =
        !name.is_empty() && name.len() <= 253 && name.chars().all(|c| c.is_alphanumeric() || ".-_:".contains(c));
    let none = |why: String| {
        Failure::new(&NOT_FOUND, format!("the name `{shown}` leads to no address: {why}"))
            .hint("compare with `getent ahosts NAME` on this machine")
    };
    if !sound {
        return Err(none("it is no DNS name".into()));
    }
    let found = timeout(LONGEST, lookup_host((name, 0))).await.map_err(|_| {
        Failure::new(
            &UNREACHABLE,
            format!("the resolver of this machine did not answer for `{shown}` within {} s", LONGEST.as_secs()),
        )
    })?;
    let addresses: BTreeSet<IpAddr> =
        found.map_err(|error| none(error.to_string()))?.map(|at: SocketAddr| at.ip()).collect();
    if addresses.is_empty() {
        return Err(none("the resolver knows none".into()));
    }
    Ok(addresses.iter().map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn an_address_is_its_own_and_what_is_no_name_has_none() {
        assert_eq!(addresses("127.0.0.1").await.expect("an address"), json!(["127.0.0.1"]));
        assert_eq!(addresses("::1").await.expect("an address"), json!(["::1"]));
        for bad in ["", "a b", "a\nb", "a/b", "a\0b"] {
            assert!(addresses(bad).await.is_err_and(|failure| failure.is(&NOT_FOUND)), "{bad:?}");
        }
    }
}
