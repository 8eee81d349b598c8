//! `Host.tls_by_caller()`: whether each caller and the host agree about mutual TLS.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::code::NO_CALLERS;
use crate::descriptor;
use crate::host::Host;
use crate::tls::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "tls_by_caller",
    receiver: Some("Host"),
    returns: "List<TlsPair>",
    class: Some(Class::Read),
    summary: "What each caller sends and what the host accepts, which object set each, and whether they agree; those that do not come first.",
    doc: "What is sent is read from the transport sockets in each caller's proxy; what is accepted from the PeerAuthentication that applies: port, workload, namespace, root namespace. Certificates of both sides are read from the proxies. Callers without a sidecar are known by the connections that the servers' access logs refuse. A host without running pods has none that could disagree.",
    errors: &[&NO_CALLERS, &FORBIDDEN],
    permissions: descriptor::TLS,
    search: &["mTLS", "PeerAuthentication", "tls-check", "STRICT", "certificates"],
    examples: &[
        Example { world: "mtls-disabled-by-rule", script: r#"host("graph-core").tls_by_caller()"#, expect: Expect::Contains("front.summit sends plain text (DestinationRule summit/graph-core (DISABLE)), graph-core.summit accepts STRICT") },
        Example { world: "healthy", script: r#"host("graph-core").tls_by_caller().all(|pair| pair.agree())"#, expect: Expect::Value("true") },
        Example { world: "no-healthy-upstream", script: r#"host("graph-core").tls_by_caller().len()"#, expect: Expect::Value("0") },
        Example { world: "breaker", script: r#"host("search.discovery").tls_by_caller()"#, expect: Expect::Fails("meshbook::host::no_callers") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, host) = (call.run(), call.receiver::<Host>()?);
    let gathered = gather::gather(run, &host)?;
    if gathered.pairs.is_empty() && gathered.callers == 0 {
        let why = gathered.unseen.map_or_else(|| format!("nobody calls {}", host.text()), |why| why.to_string());
        return Err(Failure::new(&NO_CALLERS, format!("no caller of {} was found: {why}", host.text())));
    }
    if gathered.pairs.is_empty() {
        saw(call, format!("{} has no running pod that could disagree with its callers", host.text()));
        return Ok(Dynamic::from(List::new(gathered.pairs)));
    }
    let at_odds = gathered.pairs.iter().find(|pair| !matches!(pair.known().verdict, Ok(None)));
    saw(call, at_odds.map_or_else(|| format!("every caller of {} agrees with it", host.text()), Noun::text));
    Ok(Dynamic::from(List::new(gathered.pairs)))
}
