//! From the name that people write to the Service.

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NOT_FOUND, nearest};
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::Host;
use crate::code::HOST_UNKNOWN;
use crate::evidence::absorb;
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::PodFacts;

/// The domain of a cluster that was set up as most are.
pub const DEFAULT_DOMAIN: &str = "cluster.local";

/// A name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// The Service.
    pub name: &'a str,
    /// Its namespace, if the name says.
    pub namespace: Option<&'a str>,
    /// The cluster's domain, if the name says.
    pub domain: Option<&'a str>,
}

/// Reads `name`, `name.namespace`, `name.namespace.svc` or the full name. `None` for what cannot be a Service's name.
pub fn parse(text: &str) -> Option<Named<'_>> {
    let mut parts = text.splitn(4, '.');
    let (name, namespace, svc, domain) = (parts.next()?, parts.next(), parts.next(), parts.next());
    let is_label = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let sound = is_label(name)
        && namespace.is_none_or(is_label)
        && svc.is_none_or(|svc| svc == "svc")
        && domain.is_none_or(|domain| domain.split('.').all(is_label));
    sound.then_some(Named { name, namespace, domain })
}

/// Reads a name, as [`parse`] does.
///
/// # Errors
/// `HOST_UNKNOWN` for what cannot be a Service's name.
pub fn named(text: &str) -> Result<Named<'_>, Failure> {
    parse(text).ok_or_else(|| {
        Failure::new(&HOST_UNKNOWN, format!("`{}` is not the name of a Service", crate::text::first_line(text)))
            .hint("write `graph-core`, `graph-core.summit`, or the full name `graph-core.summit.svc.cluster.local`")
    })
}

/// Finds the Service.
///
/// # Errors
/// `HOST_UNKNOWN` with the nearest name that exists, and what every read can end in.
pub fn resolve(run: &Run, text: &str) -> Result<Host, Failure> {
    let named = named(text)?;
    let namespace = named.namespace.unwrap_or(run.namespace());
    let service = match read::get(run, &ObjectRef::new(kinds::service(), namespace, named.name)) {
        Err(failure) if read::is(&failure, &NOT_FOUND) => return Err(unknown(run, named.name, namespace)?),
        other => other?,
    };
    let domain = match named.domain {
        Some(domain) => domain.to_owned(),
        None => domain(run, namespace)?,
    };
    Ok(Host::of(&service, &domain))
}

/// All Services of a namespace, by name.
///
/// # Errors
/// What every read can end in.
pub fn all(run: &Run, namespace: &str) -> Result<Vec<Host>, Failure> {
    let services = read::list(run, kinds::service(), Some(namespace), None)?;
    let domain = domain(run, namespace)?;
    let mut hosts: Vec<Host> = services.iter().map(|service| Host::of(service, &domain)).collect();
    hosts.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(hosts)
}

/// The cluster's domain, from the arguments of any sidecar nearby: nothing in the API says it.
fn domain(run: &Run, namespace: &str) -> Result<String, Failure> {
    let pods = match read::view(run, kinds::pod(), Some(namespace), None) {
        Ok(pods) => Some(pods),
        Err(failure) => absorb(failure).map(|_| None)?,
    };
    Ok(pods
        .iter()
        .flat_map(read::Listed::iter)
        .find_map(|pod| PodFacts::of(pod).domain)
        .unwrap_or_else(|| DEFAULT_DOMAIN.to_owned()))
}

fn unknown(run: &Run, name: &str, namespace: &str) -> Result<Failure, Failure> {
    let services = match read::list(run, kinds::service(), Some(namespace), None) {
        Ok(services) => services,
        Err(failure) if read::is(&failure, &FORBIDDEN) => Vec::new(),
        Err(failure) => return Err(failure),
    };
    let mut names: Vec<&str> =
        services.iter().filter_map(|s| s.pointer("/metadata/name").and_then(Value::as_str)).collect();
    names.sort_unstable();
    let failure = Failure::new(&HOST_UNKNOWN, format!("namespace {namespace} has no Service `{name}`"))
        .unchanged("nothing was changed");
    let all: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    Ok(match nearest(name, names.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if all.is_empty() => failure.hint(format!(
            "namespace {namespace} has no Services; a service of another namespace is written `{name}.namespace`"
        )),
        None => failure.hint(format!(
            "it has {}; a service of another namespace is written `{name}.namespace`",
            crate::text::some(&all, 8)
        )),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_every_length() {
        assert_eq!(parse("graph-core"), Some(Named { name: "graph-core", namespace: None, domain: None }));
        assert_eq!(
            parse("graph-core.summit"),
            Some(Named { name: "graph-core", namespace: Some("summit"), domain: None })
        );
        assert_eq!(
            parse("graph-core.summit.svc.example.org"),
            Some(Named { name: "graph-core", namespace: Some("summit"), domain: Some("example.org") })
        );
        for wrong in ["", ".", "a..b", "a.b.c", "A", "a/b", "a b", "a\"b", "../x", "a.b.svc.", "a:80"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,80}") {
            let _ = parse(&text);
        }
    }
}
