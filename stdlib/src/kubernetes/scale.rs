//! `k8s::scale(kind, name, replicas)`: sets how many pods run.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Names, Primitive, Type};
use rhai::Dynamic;
use serde_json::json;

use crate::code::AUTOSCALED;
use crate::descriptor::{self, param};
use crate::kubernetes::change;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "k8s::scale",
    params: &[
        param("kind", Type::String, "kind, plural or short name, for example `deployment` or `dr`").naming(Names::Kind),
        param("name", Type::String, "`name`, or `namespace/name`").naming(descriptor::AN_OBJECT),
        param("replicas", Type::Int, "how many pods"),
    ],
    returns: "Object",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Sets the number of replicas of a workload.",
    doc: "Refused where a HorizontalPodAutoscaler sets that number: it would undo the change within seconds.",
    errors: &[&AUTOSCALED, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED, &TYPE],
    permissions: descriptor::SCALE,
    search: &["kubectl scale", "replicas"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"k8s::scale("deployment", "front", 4)"#,
            expect: Expect::Changes(&["Deployment summit/front: spec.replicas"]),
        },
        Example {
            world: "healthy",
            script: r#"k8s::scale("deployment", "front", -1)"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let replicas = call.int(2)?;
    if !(0..=i64::from(i32::MAX)).contains(&replicas) {
        return Err(
            Failure::new(&TYPE, format!("{replicas} is no number of replicas")).unchanged("nothing was changed")
        );
    }
    change::refuse_autoscaled(call.run(), &call.string(0)?, &call.string(1)?)?;
    let patch = json!({ "spec": { "replicas": replicas } });
    Ok(Dynamic::from(change::patched(call.run(), &call.string(0)?, &call.string(1)?, &patch, "scale")?))
}
