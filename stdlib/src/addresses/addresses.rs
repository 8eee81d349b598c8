//! `addresses(service)`: where a Service is reached from outside its cluster.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::addresses::gather;
use crate::code::HOST_UNKNOWN;
use crate::descriptor::{self, param};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "addresses",
    params: &[param("service", Type::String, "a Service: `name` in the run's namespace, `name.namespace` elsewhere")],
    returns: "Addresses",
    class: Some(Class::Read),
    summary: "The addresses at which a Service is reached from outside its cluster.",
    doc: "From `status.loadBalancer.ingress` and `spec.externalIPs`. Where a load balancer has a name instead of an address, the name is looked up by this machine. A Service that is not there, or has none yet, has no address; missing is only what could not be read.",
    errors: &[&FORBIDDEN, &HOST_UNKNOWN],
    permissions: descriptor::HOST,
    search: &["load balancer", "ingress gateway", "external IP", "EXTERNAL-IP"],
    examples: &[
        Example {
            world: "failover-primary",
            script: r#"addresses("istio-ingressgateway.istio-system")"#,
            expect: Expect::Value("192.0.2.1"),
        },
        Example { world: "healthy", script: r#"addresses("graph-core").is_empty()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(gather::of_service(call.run(), &call.string(0)?)?))
}
