//! `Gateway.workload()`: what keeps its pods running.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::gateway::Gateway;
use crate::workload::Workload;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "workload",
    receiver: Some("Gateway"),
    returns: "Workload",
    summary: "The Deployment that keeps its pods running.",
    errors: &[&NO_DATA],
    search: &["deployment", "pods"],
    examples: &[
        Example {
            world: "gateway-api-breaker",
            script: r#"gateway("public").workload()"#,
            expect: Expect::Value("Deployment summit/public-istio"),
        },
        Example {
            world: "gateway-api-breaker",
            script: r#"gateway("private").workload()"#,
            expect: Expect::Fails("meshbook::data::missing"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(Workload::new(call.receiver::<Gateway>()?.work()?.clone())))
}
