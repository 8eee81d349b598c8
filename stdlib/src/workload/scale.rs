//! `Workload.scale(replicas)`: sets how many pods run.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED, TYPE};
use meshbook_runtime::noun::a_type;
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::REPLICAS;
use crate::descriptor::{self, param};
use crate::load::replicas::Replicas;
use crate::workload::{Workload, scaling};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "scale",
    receiver: Some("Workload"),
    params: &[param("replicas", Type::Any, "how many pods: an int, or what `replicas_for` answered")],
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Sets how many pods of the workload run; answers whether anything had to be changed.",
    doc: "Where a HorizontalPodAutoscaler sets the replicas, its `minReplicas` is raised instead: what is scaled directly is taken back. The autoscaler's `maxReplicas` is never changed; a number above it is an error.",
    errors: &[&REPLICAS, &TYPE, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::SCALE_WORKLOAD,
    search: &["kubectl scale", "replicas", "minReplicas", "HPA", "autoscaler"],
    examples: &[
        Example {
            world: "latency-too-few-replicas",
            script: r#"workload("graph-core").scale(5)"#,
            expect: Expect::Changes(&["Deployment summit/graph-core: spec.replicas"]),
        },
        Example {
            world: "latency-hpa",
            script: r#"workload("graph-core").scale(5)"#,
            expect: Expect::Changes(&["HorizontalPodAutoscaler summit/graph-core: spec.minReplicas"]),
        },
        Example {
            world: "latency-hpa",
            script: r#"workload("graph-core").scale(11)"#,
            expect: Expect::Fails("meshbook::workload::replicas"),
        },
        Example {
            world: "healthy",
            script: r#"workload("graph-core").scale("5")"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (work, wanted) = (call.receiver::<Workload>()?, call.any(0));
    let replicas = match wanted.clone().try_cast::<Replicas>() {
        Some(replicas) => replicas,
        None => {
            let number = wanted.as_int().ok().filter(|n| (0..=i64::from(i32::MAX)).contains(n));
            let number = number.and_then(|n| u32::try_from(n).ok()).ok_or_else(|| {
                let given = wanted.as_int().map_or_else(|_| a_type(&wanted), |number| number.to_string());
                Failure::new(&TYPE, format!("`replicas` must be a number of pods, not {given}"))
                    .unchanged("nothing was changed")
            })?;
            Replicas::new(number, String::new())
        }
    };
    Ok(Dynamic::from(scaling::scale(call.run(), work.object(), replicas.number(), replicas.why())?))
}
