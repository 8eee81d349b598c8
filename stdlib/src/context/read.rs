//! `Context.read(|| …)`: reads in the second cluster.

use meshbook_runtime::failure::{Failure, PARAM, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "read",
    receiver: Some("Context"),
    params: &[param("what", Type::Closure, "what is read there; it takes no parameter")],
    returns: "any",
    summary: "What a closure comes to when everything in it is read in the second cluster.",
    doc: "Functions in it read there instead of in the run's own cluster, and what they give goes on reading there, also after it: `let host = other.read(|| host(\"front\")); host.room()`. Nothing is changed there: whatever would change, try or execute something is refused. A call that would read with values of both clusters is an error. The second cluster is a context of the same kubeconfig, on the lab another world, in a replay the record's; it is pinned when the run starts.",
    errors: &[&PARAM, &TYPE],
    search: &["second cluster", "context", "multicluster", "--context", "failover"],
    examples: &[
        Example {
            world: "failover-primary",
            script: r#"param other: context = "failover-secondary" "the other cluster"; other.read(|| addresses("istio-ingressgateway.istio-system"))"#,
            expect: Expect::Contains("198.51.100.1"),
        },
        Example {
            world: "failover-primary",
            script: r#"param other: context = "failover-secondary" "the other cluster"; let host = other.read(|| host("graph-core")); proxies(host.proxies().first())"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    call.call_beside(0)
}
