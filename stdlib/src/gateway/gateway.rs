//! `gateway(name)`: an ingress gateway of the run's namespace.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::gateway::gather;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "gateway",
    params: &[param(
        "name",
        Type::String,
        "the name of a Gateway of the Gateway API, else of a Deployment and its Service",
    )],
    returns: "Gateway",
    class: Some(Class::Read),
    summary: "An ingress gateway of the run's namespace, of either kind, item by item.",
    doc: "`rollout`: all pods are there, as `kubectl rollout status` sees it; `autoscaler`: a HorizontalPodAutoscaler counts them; `address`: the Service's load balancer has one; `proxies`: an istiod knows each, and each has acknowledged what was sent; `listeners`: of the Gateway API by its conditions, of Istio's chart by the proxies themselves, for every Istio Gateway that selects them. One that is not there lacks everything.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::GATEWAY,
    search: &["ingress", "load balancer", "istio-ingressgateway", "Gateway API"],
    examples: &[
        Example {
            world: "gateway-hpa",
            script: r#"gateway("istio-ingressgateway").lacks("rollout")"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "gateway-api-breaker",
            script: r#"gateway("public")"#,
            expect: Expect::Value(
                "gateway public.summit lacks: autoscaler (no HorizontalPodAutoscaler counts its pods)",
            ),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let gateway = gather::gather(call.run(), &call.string(0)?)?;
    saw(call, gateway.text());
    Ok(Dynamic::from(gateway))
}
