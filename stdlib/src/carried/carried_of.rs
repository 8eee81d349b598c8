//! `Host.carried(proxies)`: what proxies carry of the host now.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::a_type;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::carried::gather::gather;
use crate::code::EMPTY;
use crate::descriptor::{self, param};
use crate::host::Host;
use crate::proxy::Proxy;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "carried",
    receiver: Some("Host"),
    params: &[param("proxies", Type::Any, "whose: a list of Proxy, such as `host.callers()`")],
    returns: "Carried",
    class: Some(Class::Read),
    summary: "What these proxies carry of the host now: its clusters and virtual hosts, field by field.",
    doc: "From `/config_dump` (`envoy.admin.v3.ClustersConfigDump`, `RoutesConfigDump`), without versions and times. Take it before a change and after it, and ask `since`: that an object was changed does not say that any proxy has it.",
    errors: &[&EMPTY, &TYPE],
    permissions: descriptor::FORWARD,
    search: &["istioctl proxy-config", "propagated", "config dump", "snapshot"],
    examples: &[
        Example { world: "healthy", script: r#"let host = host("graph-core"); host.carried(host.callers())"#, expect: Expect::Value("4 proxies of callers of graph-core.summit") },
        Example { world: "healthy", script: r#"let host = host("graph-core"); host.carried(host.callers().filter(|proxy| false))"#, expect: Expect::Fails("meshbook::selection::empty") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (host, given) = (call.receiver::<Host>()?, call.any(0));
    let proxies = given.clone().try_cast::<List>().map(|list| list.cast::<Proxy>()).ok_or_else(|| {
        Failure::new(&TYPE, format!("`proxies` is a list of Proxy, not {}", a_type(&given)))
            .hint("write `host.carried(host.callers())`")
    })?;
    if proxies.is_empty() {
        return Err(Failure::new(&EMPTY, format!("no proxy was named that could carry {}", host.name()))
            .hint("ask `is_empty()` of the list first"));
    }
    Ok(Dynamic::from(gather(call.run(), &host, &proxies)?))
}
