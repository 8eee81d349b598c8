//! `Host.effective(caller, port)`: what applies to a caller and the host.`

use meshbook_runtime::effect::{Class, ObjectRef};
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure, TYPE};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::{HOST_PORT, WORKLOAD_UNKNOWN};
use crate::descriptor::{self, optional, param};
use crate::effective::caller;
use crate::effective::gather::gather;
use crate::host::Host;
use crate::proxy::Proxy;
use crate::workload::{Pod, Workload};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "effective",
    receiver: Some("Host"),
    params: &[param("caller", Type::Any, "who calls: the name of a workload or pod, `front` or `front.summit`; or a Proxy, Workload or Pod").naming(descriptor::A_WORKLOAD_OR_POD), optional("port", Type::Int, "0", "the port of the Service; its first if left out")],
    returns: "Effective",
    class: Some(Class::Read),
    summary: "What of the mesh's configuration applies to requests of a caller to the host, and why: Sidecar, VirtualService, DestinationRule, PeerAuthentication.",
    doc: "As istiod decides it from the objects (`pilot/pkg/model/push_context.go`, `sidecar.go`; `pilot/pkg/security/authn/policy_applier.go`): a Sidecar by workload, namespace, mesh; hosts by `egress.hosts` and `exportTo`; VirtualServices for gateway `mesh` by the most exact host, then by age; DestinationRules by the caller's, the service's, the root namespace, in each by the most specific host, then the policy of a subset, a port; PeerAuthentications by port, workload, namespace, mesh. Each object that names the host or can concern its pods is told with the reason why it wins or loses. Without VirtualService or DestinationRule, Istio's defaults.",
    errors: &[&FORBIDDEN, &HOST_PORT, &WORKLOAD_UNKNOWN],
    permissions: descriptor::EFFECTIVE,
    search: &["precedence", "which DestinationRule applies", "describe", "why", "exportTo", "Sidecar egress"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").effective("front")"#, expect: Expect::Value("front.summit to graph-core.summit:8080: VirtualService summit/graph-core and DestinationRule summit/graph-core") },
        Example { world: "mtls-disabled-by-rule", script: r#"host("graph-core").effective("front").sends()"#, expect: Expect::Value("DISABLE") },
        Example { world: "memory-limit-in-vain", script: r#"host("graph-core").effective("front")"#, expect: Expect::Contains("front.summit to graph-core.summit:8080") },
        Example { world: "sidecar-leaves-out", script: r#"host("graph-core").effective("front")"#, expect: Expect::Contains("does not know the host: no entry of egress.hosts of Sidecar summit/default covers it") },
        Example { world: "sidecar-leaves-out", script: r#"host("graph-core").effective("front").candidates().first()"#, expect: Expect::Value("Sidecar summit/default applies: the Sidecar of the caller's namespace; none selects the caller") },
        Example { world: "gateway-breaker", script: r#"host("graph-core").effective("istio-ingressgateway.istio-system")"#, expect: Expect::Contains("DestinationRule summit/graph-core") },
        Example { world: "healthy", script: r#"host("graph-core").effective("legacy")"#, expect: Expect::Contains("the caller has no sidecar") },
        Example { world: "healthy", script: r#"host("graph-core").effective("frnt")"#, expect: Expect::Fails("meshbook::workload::unknown") },
        Example { world: "healthy", script: r#"host("graph-core").effective("front", 99)"#, expect: Expect::Fails("meshbook::host::port") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, host) = (call.run(), call.receiver::<Host>()?);
    let name = match call.any(0) {
        any if any.is::<Proxy>() => any.cast::<Proxy>().text(),
        any if any.is::<Workload>() => of_object(any.cast::<Workload>().object()),
        any if any.is::<Pod>() => of_object(any.cast::<Pod>().object()),
        any => any.into_string().map_err(|_| {
            Failure::new(&TYPE, "the caller is a name, a Proxy, a Workload or a Pod")
                .hint("write its name, `front` or `front.summit`")
        })?,
    };
    let given = if call.given(1) { call.int(1)? } else { 0 };
    let port = port(&host, given)?;
    let effective = gather(run, &host, caller::find(run, &name)?, port)?;
    saw(call, effective.text());
    Ok(Dynamic::from(effective))
}

fn of_object(object: &ObjectRef) -> String {
    match &object.namespace {
        Some(namespace) => format!("{}.{namespace}", object.name),
        None => object.name.clone(),
    }
}

fn port(host: &Host, given: i64) -> Result<u16, Failure> {
    let known: Vec<String> = host.ports().iter().map(|port| port.number.to_string()).collect();
    let wanted = host.ports().iter().find(|port| given == 0 || i64::from(port.number) == given);
    wanted.map(|port| port.number).ok_or_else(|| {
        Failure::new(&HOST_PORT, format!("{} has no port {given}", host.text()))
            .hint(format!("it has {}", crate::text::and(&known)))
    })
}
