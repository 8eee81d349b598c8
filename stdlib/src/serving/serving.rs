//! `serving(name, services, gateway)`: whether a gateway can serve a public name.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::HOST_UNKNOWN;
use crate::descriptor::{self, param};
use crate::serving::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "serving",
    params: &[
        param("name", Type::String, "the public name, such as shop.example.com"),
        param(
            "services",
            Type::Any,
            "the Services behind it: a name or a list of names; `name.namespace` outside the run's namespace",
        ),
        param("gateway", Type::String, "the Service of the gateway, `name.namespace`"),
    ],
    returns: "Serving",
    class: Some(Class::Read),
    summary: "Whether a gateway has a route for a public name, and healthy endpoints of the services behind it.",
    doc: "Ready pods are not reachable ones, so each is asked: the Deployments, StatefulSets and DaemonSets of each service, whether all their pods are ready; its EndpointSlices, how many endpoints are ready; every pod of the gateway, by the admin port of its Envoy, whether its routes have a virtual host for the name and how many healthy endpoints it has of each service. What is not there is said; missing is only what could not be read.",
    errors: &[&FORBIDDEN, &TYPE, &HOST_UNKNOWN],
    permissions: descriptor::SERVING,
    search: &["kubectl get pods", "endpoints", "istioctl proxy-config", "failover", "standby"],
    examples: &[
        Example {
            world: "failover-secondary",
            script: r#"serving("shop.example.com", ["graph-core", "catalog"], "istio-ingressgateway.istio-system")"#,
            expect: Expect::Contains("can serve shop.example.com"),
        },
        Example {
            world: "failover-secondary",
            script: r#"serving("shop.example.com", "graphcore", "istio-ingressgateway.istio-system").is_whole()"#,
            expect: Expect::Value("false"),
        },
        Example {
            world: "failover-secondary",
            script: r#"serving("other.example.org", "graph-core", "istio-ingressgateway.istio-system")"#,
            expect: Expect::Contains("no route for other.example.org"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let services = gather::names(call.any(1))?;
    Ok(Dynamic::from(gather::gather(call.run(), &call.string(0)?, &services, &call.string(2)?)?))
}
