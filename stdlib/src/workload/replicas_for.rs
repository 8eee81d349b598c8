//! `Workload.replicas_for(load, utilisation)`: how many pods a load needs.

use meshbook_runtime::failure::{Failure, NO_DATA, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::load::Load;
use crate::load::replicas::Replicas;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "replicas_for",
    receiver: Some("Workload"),
    params: &[
        param("load", Type::Noun("Load"), "what has to be answered"),
        param("utilisation", Type::Float, "to which part each pod may be used, above 0 and at most 1"),
    ],
    returns: "Replicas",
    summary: "How many pods the workload needs for a load.",
    doc: "The load over what one pod can answer at that use: what a pod answers now, over the part of its CPU limit that it uses for it. Never fewer than there are.",
    errors: &[&NO_DATA, &TYPE],
    search: &["scale", "capacity", "how many"],
    examples: &[
        Example {
            world: "latency-too-few-replicas",
            script: r#"workload("graph-core").replicas_for(host("graph-core").load(over("5m"), "2s"), 0.7)"#,
            expect: Expect::Value("5"),
        },
        Example {
            world: "healthy",
            script: r#"workload("graph-core").replicas_for(host("graph-core").load(over("5m")), 70)"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (load, part) = (call.noun::<Load>(0)?, call.float(1)?);
    if !(part > 0.0 && part <= 1.0) {
        return Err(Failure::new(&TYPE, format!("{part} is no part of a pod")).hint("write 70 % as 0.7"));
    }
    Ok(Dynamic::from(Replicas::for_load(&load.measured()?, part)))
}
