//! `Proxies.certificates()`: the certificates by which the proxies prove themselves, and the roots that they trust.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::envoy::admin;
use crate::proxies::Proxies;
use crate::page::gather::{Ask, gather};
use crate::page::read;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "certificates",
    receiver: Some("Proxies"),
    returns: "Page",
    class: Some(Class::Read),
    summary: "The certificates by which the proxies prove themselves, and the roots that they trust.",
    doc: "From `/config_dump?mask=dynamic_active_secrets,dynamic_warming_secrets` (X.509, RFC 5280); Envoy redacts private keys. `valid` is by the time of the run. Each row has `name` (`default`, `ROOTCA`), `type` (`Cert Chain`, `CA`), `status` (`ACTIVE`, `WARMING`), `valid` (bool), `serial`, `not_before`, `not_after` (RFC 3339), `seconds_left` (int, negative when expired), `subject`, `alternative_names` (array), `chain` (how many certificates), `proxy`.",
    permissions: descriptor::FORWARD,
    search: &["istioctl proxy-config secret", "SDS", "expiry", "SPIFFE", "root"],
    examples: &[
        Example { world: "healthy", script: r#"proxies("front").certificates().rows().filter(|one| !one.valid).len()"#, expect: Expect::Value("0") },
        Example { world: "healthy", script: r#"proxies("front").certificates().rows()[0].alternative_names[0]"#, expect: Expect::Value("spiffe://cluster.local/ns/summit/sa/default") },
        Example { world: "mtls-expired-certificate", script: r#"proxies("graph-core").certificates().rows().some(|one| !one.valid)"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, proxies) = (call.run(), call.receiver::<Proxies>()?);
    let now = run.now()?;
    let ask = Ask {
        what: "certificates".into(),
        columns: read::CERTIFICATES,
        page: &|namespace, pod| admin::part(namespace, pod, "certificates", &["dynamic_active_secrets", "dynamic_warming_secrets"], ""),
        read: &|page| read::secrets(page, now),
        empty: Some("they have no certificates".into()),
        notes: Vec::new(),
    };
    Ok(Dynamic::from(gather(run, &proxies, ask)?))
}
