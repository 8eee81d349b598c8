//! `Replicas.at_most(most)`: no more than so many.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::load::replicas::Replicas;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "at_most",
    receiver: Some("Replicas"),
    params: &[param("most", Type::Int, "the most pods, at least one")],
    returns: "Replicas",
    summary: "The same number, or the bound if that is less.",
    errors: &[&TYPE],
    search: &["bound", "maximum", "limit"],
    examples: &[Example {
        world: "latency-too-few-replicas",
        script: r#"workload("graph-core").replicas_for(host("graph-core").load(over("5m"), "2s"), 0.7).at_most(3)"#,
        expect: Expect::Value("3"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let most = call.int(0)?;
    let most = u32::try_from(most).ok().filter(|most| *most > 0).ok_or_else(|| {
        Failure::new(&TYPE, format!("{most} is no number of pods")).unchanged("nothing was changed")
    })?;
    Ok(Dynamic::from(call.receiver::<Replicas>()?.at_most(most)))
}
